//! Posting messages.

use std::time::Duration;

use c2s_api::Error;
use simulators::{Script, Step, stranger};

use crate::{given, joao};

#[tokio::test]
async fn a_message_is_posted_once_and_moves_the_lead() {
    let given = given().await;
    let before = joao("lead 1/ç");
    given.c2s.add(before.clone());
    given.api.create_message("lead 1/ç", "DADOS\nolá 😀").await.unwrap();
    assert_eq!(given.c2s.messages("lead 1/ç"), ["DADOS\nolá 😀"]);
    let after = given.api.lead("lead 1/ç").await.unwrap();
    assert!(after.updated_at > Some(before.updated_at), "C2S says that the lead changed");
}

#[tokio::test]
async fn our_own_message_is_the_next_webhook() {
    let given = given().await;
    let received = Script::default();
    let edge = stranger(&received).await.unwrap();
    given.c2s.send_webhooks_to(&format!("{}/api/v1/webhooks/c2s/secret", edge.url()));
    given.c2s.receive(joao("lead-1")).await;
    given.api.create_message("lead-1", "DADOS").await.unwrap();
    let both = async {
        while given.c2s.webhooks() < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), both).await.expect("both webhooks come");
    let bodies: Vec<_> = received.requests().into_iter().map(|request| request.body).collect();
    let actions = bodies.iter().map(|body| {
        let event = contract::c2s::split(str::from_utf8(body).unwrap()).unwrap().remove(0).unwrap();
        (event.hook_action.unwrap(), event.updated_at)
    });
    let [(created, first), (updated, second)] = actions.collect::<Vec<_>>().try_into().unwrap();
    assert_eq!((created.as_str(), updated.as_str()), ("on_create_lead", "on_update_lead"));
    assert!(second > first, "it is an event of its own");
}

#[tokio::test]
async fn a_message_whose_answer_was_lost_is_uncertain_and_not_repeated() {
    let given = given().await;
    given.c2s.add(joao("lead-1"));
    given.c2s.script.then([Step::Lost]);
    let error = given.api.create_message("lead-1", "DADOS").await.unwrap_err();
    assert!(error.is_uncertain() && error.may_pass(), "{error:?}");
    assert_eq!((given.c2s.messages("lead-1").len(), given.c2s.script.requests().len()), (1, 1));
    let messages = given.api.lead("lead-1").await.unwrap().messages();
    assert!(messages.iter().any(|message| message.text == "DADOS"), "reading tells that it is there");
}

#[tokio::test]
async fn an_id_never_leads_to_another_call() {
    let given = given().await;
    for id in ["", ".", "..", &"x".repeat(300)] {
        assert!(matches!(given.api.create_message(id, "DADOS").await, Err(Error::LeadId)), "{id}");
    }
    assert!(matches!(given.api.lead("../sellers").await, Err(Error::NotFound)));
    assert_eq!(given.c2s.script.requests()[0].path, "/integration/leads/..%2Fsellers");
}
