//! Events that a hook does not get.

use simulators::{Script, Step, stranger};

use crate::given::{Service, report};

#[tokio::test]
async fn an_event_that_its_hook_refuses_is_a_dead_letter() {
    let service = Service::start().await;
    let refusing = Script::of([Step::Status(400, "I do not like it")]);
    let good = Script::default();
    let (refusing_server, good_server) = (stranger(&refusing).await.unwrap(), stranger(&good).await.unwrap());
    service.hook("refusing", &refusing_server.url(), |_| {}).await;
    service.hook("good", &good_server.url(), |_| {}).await;
    let body = report("s", 1);
    let id = service.send(&body).await;
    service
        .counted("it is dead", "select count(*) from dead_letters where reason_code = 'hook_refused'", 1)
        .await;
    service
        .counted("the other has it", "select count(*) from hook_deliveries where status = 'delivered'", 1)
        .await;
    assert_eq!(refusing.requests().len(), 1, "a refusal is final");
    let letter: (uuid::Uuid, String, Vec<u8>, String, i32, String) = sqlx::query_as(
        "select event_id, consumer, body, stream_subject, attempts, last_error from dead_letters",
    )
    .fetch_one(service.pool())
    .await
    .unwrap();
    assert_eq!(
        (letter.0, letter.1.as_str(), letter.2),
        (id.0, "zapier-dispatcher", body.to_string().into_bytes())
    );
    assert_eq!((letter.3.as_str(), letter.4), ("ingest.usage.event", 1));
    assert_eq!(letter.5, "hook refusing: it answered 400 Bad Request");
    let handling =
        "select count(*) from event_handlings where status = 'dead_letter' and error_code = 'hook_refused'";
    assert_eq!(service.count(handling).await, 1);
    assert_eq!(service.count("select count(*) from webhook_events where status = 'completed'").await, 1);
    service.stop().await;
}

#[tokio::test]
async fn what_fails_every_time_is_dead_after_its_retries() {
    let service = Service::start().await;
    let failing = Script::of((0..10).map(|_| Step::Status(500, "no")));
    let server = stranger(&failing).await.unwrap();
    service.hook("failing", &server.url(), |_| {}).await;
    service.send(&report("s", 1)).await;
    service
        .counted(
            "it is dead",
            "select count(*) from dead_letters where reason_code = 'attempts_exhausted' and attempts = 4",
            1,
        )
        .await;
    assert_eq!(failing.requests().len(), 4, "one attempt and three retries");
    service.stop().await;
}

#[tokio::test]
async fn a_redirect_to_a_private_address_is_not_followed_and_none_is_called() {
    let service = Service::start().await;
    let victim = Script::default();
    let victim_server = stranger(&victim).await.unwrap();
    let redirecting = Script::of([Step::Redirect(victim_server.url())]);
    let server = stranger(&redirecting).await.unwrap();
    service.hook("redirecting", &server.url(), |_| {}).await;
    // Loopback is allowed in tests; this is not.
    service.hook("private", "http://10.0.0.1:9/hook", |_| {}).await;
    service.send(&report("s", 1)).await;
    service.counted("both are dead", "select count(*) from hook_deliveries where status = 'dead'", 2).await;
    assert_eq!(victim.requests().len(), 0);
    let codes: Vec<String> = sqlx::query_scalar("select error_code from hook_deliveries order by hook_name")
        .fetch_all(service.pool())
        .await
        .unwrap();
    assert_eq!(codes, ["hook_forbidden", "hook_refused"]);
    assert_eq!(service.count("select count(*) from dead_letters").await, 1, "one event, one dead letter");
    service.stop().await;
}

#[tokio::test]
async fn a_hook_that_one_process_cannot_open_is_served_by_another() {
    let mut service = Service::prepare().await;
    let hook = Script::default();
    let server = stranger(&hook).await.unwrap();
    service.hook("hook", &server.url(), |_| {}).await;
    let keys = std::mem::replace(
        &mut service.settings.seal.keys,
        config::List(vec!["k2:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=".into()]),
    );
    service.add_replica().await;
    service
        .counted("it is marked", "select count(*) from hooks where disabled_reason = 'unreadable'", 1)
        .await;
    for number in 0..2 {
        service.send(&report("s", number)).await;
    }
    service.counted("they wait", "select count(*) from hook_deliveries where status = 'pending'", 2).await;
    assert_eq!(service.count("select count(*) from event_handlings where status = 'completed'").await, 0);
    service.settings.seal.keys = keys;
    service.add_replica().await;
    service
        .counted("it has them", "select count(*) from hook_deliveries where status = 'delivered'", 2)
        .await;
    assert_eq!(hook.requests().len(), 2);
    assert_eq!(service.count("select count(*) from hook_attempts where outcome <> 'delivered'").await, 0);
    service.replicas.remove(0).shutdown.abort();
    service.counted("the mark is gone", "select count(*) from hooks where enabled", 1).await;
    service.stop().await;
}

#[tokio::test]
async fn an_operator_can_disable_a_hook_that_does_not_open() {
    let mut service = Service::prepare().await;
    service.hook("hook", "http://127.0.0.1:9/hook", |_| {}).await;
    service.settings.seal.keys = config::List(vec!["k2:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=".into()]);
    service.add_replica().await;
    service
        .counted("it is marked", "select count(*) from hooks where disabled_reason = 'unreadable'", 1)
        .await;
    assert!(service.catalogue().disable("hook").await.unwrap());
    service.send(&report("s", 1)).await;
    service
        .counted("it is for nobody", "select count(*) from event_handlings where status = 'completed'", 1)
        .await;
    assert_eq!(service.count("select count(*) from hooks where disabled_reason = 'operator'").await, 1);
    service.stop().await;
}
