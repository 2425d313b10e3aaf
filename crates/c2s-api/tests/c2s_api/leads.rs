//! Reading leads.

use c2s_api::{Error, PER_PAGE};
use simulators::Step;
use time::{Duration, OffsetDateTime, macros::datetime};

use crate::{given, joao};

#[tokio::test]
async fn a_lead_is_read_with_its_messages_and_is_what_its_webhook_would_be() {
    let given = given().await;
    let mut lead = joao("lead-1");
    lead.enquiries = vec!["CPF 529.982.247-25".to_owned()];
    lead.posted = vec!["posted by us".to_owned()];
    given.c2s.add(lead.clone());

    let read = given.api.lead("lead-1").await.unwrap();
    assert_eq!((read.id.as_str(), read.updated_at), ("lead-1", Some(lead.updated_at)));
    let customer = contract::c2s::Lead::parse(read.body.as_bytes()).unwrap().customer;
    assert_eq!(customer.email.as_deref(), Some("joao@example.com"));
    let event = contract::c2s::split(&read.body).unwrap().remove(0).unwrap();
    assert_eq!((event.lead_id.as_str(), event.updated_at), ("lead-1", lead.updated_at));

    let messages = read.messages();
    let told: Vec<_> = messages.iter().map(|told| (told.sender.as_deref(), told.text.as_str())).collect();
    assert_eq!(told, [(Some("Customer"), "CPF 529.982.247-25"), (Some("Seller"), "posted by us")]);
    let shown = format!("{read:?} {messages:?}");
    assert!(!shown.contains("Joao") && !shown.contains("529"), "{shown}");
}

#[tokio::test]
async fn every_envelope_of_a_lead_is_understood() {
    let given = given().await;
    let lead = r#"{"id":7,"attributes":{"updated_at":"2026-01-20T07:00:00.000-03:00","messages":[{"message":"ola","sender":"Customer"}]}}"#;
    for body in [lead.to_owned(), format!("{{\"data\":{lead}}}"), format!("{{\"data\":[{lead}]}}")] {
        given.c2s.script.then([Step::Status(200, body.clone().leak())]);
        let read = given.api.lead("7").await.unwrap();
        assert_eq!(
            (read.id.as_str(), read.updated_at),
            ("7", Some(datetime!(2026-01-20 10:00 UTC))),
            "{body}"
        );
        assert_eq!(read.messages()[0].text, "ola");
    }
    for body in ["{\"data\":null}", "{\"data\":[]}", "{}"] {
        given.c2s.script.then([Step::Status(200, body)]);
        assert!(matches!(given.api.lead("7").await, Err(Error::NotFound)), "{body}");
    }
    let too_deep = format!("{{\"data\":{}", "[".repeat(100_000));
    for body in ["<html>", "", "7", "{\"data\":7}", "{\"data\":{}}", "[[", too_deep.leak()] {
        given.c2s.script.then([Step::Status(200, body)]);
        let error = given.api.lead("7").await.unwrap_err();
        assert!(matches!(error, Error::Unexpected(_)) && error.may_pass(), "{error:?}");
    }
}

#[tokio::test]
async fn leads_that_changed_are_listed_page_by_page() {
    let given = given().await;
    let now = OffsetDateTime::now_utc();
    for number in 0..120_i64 {
        let mut lead = joao(&format!("lead-{number}"));
        lead.created_at = now - Duration::minutes(number);
        lead.updated_at = if number < 70 { now } else { now - Duration::DAY };
        given.c2s.add(lead);
    }
    let since = now - Duration::HOUR;
    let first = given.api.changed_since(since, 1).await.unwrap();
    assert_eq!((first.leads.len(), first.left_out, first.next), (PER_PAGE as usize, 0, Some(2)));
    assert_eq!(first.leads[0].id, "lead-0");
    let second = given.api.changed_since(since, 2).await.unwrap();
    assert_eq!((second.leads.len(), second.next), (20, None));

    let asked = &given.c2s.script.requests()[0].query;
    assert!(asked.contains("perpage=50") && !asked.contains("%2B") && !asked.contains('.'), "{asked}");
}

#[tokio::test]
async fn an_account_that_ignores_the_time_gets_its_old_leads_left_out() {
    let given = given().await;
    given.c2s.ignore_updated_gte();
    let now = OffsetDateTime::now_utc();
    for number in 0..3 {
        let mut lead = joao(&format!("lead-{number}"));
        lead.updated_at = now - Duration::hours(number);
        given.c2s.add(lead);
    }
    let page = given.api.changed_since(now - Duration::MINUTE, 1).await.unwrap();
    assert_eq!((page.leads.len(), page.left_out, page.unreadable, page.next), (1, 2, 0, None));
}

#[tokio::test]
async fn a_page_with_elements_that_are_no_leads_gives_the_others() {
    let given = given().await;
    let body = r#"{"data":[7,{"attributes":{}},{"id":"x","attributes":{}},{"id":"y","attributes":{"updated_at":"soon"}}]}"#;
    given.c2s.script.then([Step::Status(200, body), Step::Status(200, "[]"), Step::Status(200, "{}")]);
    let since = datetime!(2026-01-20 10:00 UTC);
    let page = given.api.changed_since(since, 1).await.unwrap();
    let ids: Vec<_> = page.leads.iter().map(|lead| (lead.id.as_str(), lead.updated_at)).collect();
    assert_eq!(
        (ids, page.unreadable),
        (vec![("x", None), ("y", None)], 2),
        "a change at no known time may be one"
    );
    let empty = given.api.changed_since(since, 9).await.unwrap();
    assert_eq!((empty.leads.len(), empty.next), (0, None));
    assert!(matches!(given.api.changed_since(since, 1).await, Err(Error::Unexpected(_))));
}
