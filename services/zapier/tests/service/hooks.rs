//! Hooks that take, hang, fail, throttle, retire and lie.

use std::time::{Duration, Instant};

use config::Secret;
use hooks::Disabled;
use outbound::{SigningKey, standard_headers};
use serde_json::json;
use simulators::{Request, Script, Step, stranger, zapier::CatchHook};
use testkit::eventually;

use crate::given::{DEADLINE, SECRET, Service, let_pass, report};

/// What a receiver sees of who sent it.
fn assert_signed(request: &Request, id: &str) {
    let header = |name: &str| request.headers[name].to_str().unwrap().to_owned();
    assert_eq!(header("webhook-id"), id);
    assert_eq!(header("content-type"), "application/json");
    assert!(header("webhook-signature").starts_with("v1,"));
    assert!(header("x-webhook-signature").starts_with("sha256="));
}

#[tokio::test]
async fn a_hook_gets_each_event_once_signed_and_in_its_form() {
    let service = Service::start().await;
    let (zap, other) = (CatchHook::with_limit(1_000), Script::default());
    let (zap_server, other_server) = (zap.start().await.unwrap(), stranger(&other).await.unwrap());
    service.hook("zap", &CatchHook::url(&zap_server), |_| {}).await;
    service.hook("other", &other_server.url(), |manner| manner.body_form = "envelope".to_owned()).await;
    service.hook("picky", &other_server.url(), |manner| manner.event_filter = vec!["c2s.*".to_owned()]).await;
    let id = service.send(&report("session_123", 1)).await;
    service
        .counted("both have it", "select count(*) from hook_deliveries where status = 'delivered'", 2)
        .await;
    service.counted("it is done", "select count(*) from event_handlings where status = 'completed'", 1).await;

    let runs = zap.runs();
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0]["session_id"], "session_123");
    assert_eq!(
        (runs[0]["query"].as_str(), runs[0]["query__category"].as_str()),
        (Some("Fix bug 1"), Some("debugging"))
    );
    assert_eq!(runs[0]["response"]["model_used"], "gpt-4");
    assert_eq!(runs[0]["event_id"], json!(id));
    assert_signed(&zap.requests()[0], &id.to_string());
    let requests = other.requests();
    assert_eq!(requests.len(), 1, "the picky one wants none");
    let body: serde_json::Value = serde_json::from_slice(&requests[0].body).unwrap();
    assert_eq!(
        (body["type"].as_str(), body["data"]["session_id"].as_str()),
        (Some("usage.query.reported"), Some("session_123"))
    );
    let excerpts = service.count("select count(*) from hook_attempts where status_code = 200 and response_excerpt like '%success%'").await;
    assert_eq!(excerpts, 1);
    service.stop().await;
}

#[tokio::test]
async fn a_hook_that_hangs_keeps_no_other_waiting() {
    let service = Service::start().await;
    let hanging = Script::of((0..100).map(|_| Step::Hang));
    let good = CatchHook::with_limit(1_000);
    let (hanging_server, good_server) = (stranger(&hanging).await.unwrap(), good.start().await.unwrap());
    service.hook("hanging", &hanging_server.url(), |manner| manner.timeout_ms = 30_000).await;
    service.hook("good", &CatchHook::url(&good_server), |_| {}).await;
    for number in 0..50 {
        service.send(&report("s", number)).await;
    }
    let began = Instant::now();
    eventually("the good one has them all", DEADLINE, async || (good.runs().len() == 50).then_some(())).await;
    assert!(began.elapsed() < Duration::from_secs(25), "{:?}", began.elapsed());
    assert!(hanging.requests().len() <= 4, "as many at one time as the settings say");
    service
        .counted("the other's wait", "select count(*) from hook_deliveries where status = 'pending'", 50)
        .await;
    // A drain of ours would wait for the hanging attempts.
    service.replicas[0].shutdown.abort();
}

#[tokio::test]
async fn failures_are_tried_again_with_the_same_id_and_the_hook_that_had_it_is_left_alone() {
    let service = Service::start().await;
    let failing = Script::of([
        Step::Status(500, "no"),
        Step::RetryAfter(503, "0"),
        Step::Status(408, "slow"),
        Step::Pass,
    ]);
    let good = Script::default();
    let (failing_server, good_server) = (stranger(&failing).await.unwrap(), stranger(&good).await.unwrap());
    service.hook("failing", &failing_server.url(), |_| {}).await;
    service.hook("good", &good_server.url(), |_| {}).await;
    let id = service.send(&report("s", 1)).await;
    service.counted("it is done", "select count(*) from event_handlings where status = 'completed'", 1).await;
    let requests = failing.requests();
    assert_eq!(requests.len(), 4);
    for request in &requests {
        assert_signed(request, &id.to_string());
        assert_eq!(request.body, requests[0].body, "the same bytes every time");
    }
    assert_eq!(good.requests().len(), 1);
    assert_eq!(service.deliveries("failing").await, [("delivered".to_owned(), 4, None)]);
    assert_eq!(service.count("select count(*) from hook_attempts where outcome = 'retry'").await, 3);
    service.stop().await;
}

#[tokio::test]
async fn a_status_is_an_answer_whatever_becomes_of_its_body() {
    let service = Service::start().await;
    let lying = Script::of([Step::BreakOff(1_000), Step::Large(50_000_000), Step::Stall]);
    let server = stranger(&lying).await.unwrap();
    service.hook("lying", &server.url(), |_| {}).await;
    for number in 0..3 {
        service.send(&report("s", number)).await;
    }
    service
        .counted("it has them", "select count(*) from hook_deliveries where status = 'delivered'", 3)
        .await;
    assert_eq!(lying.requests().len(), 3, "none is sent twice");
    service.stop().await;
}

#[tokio::test]
async fn a_throttled_hook_rests_and_loses_no_attempt() {
    let service = Service::start().await;
    let throttled = Script::of((0..3).map(|_| Step::RetryAfter(429, "1")));
    let server = stranger(&throttled).await.unwrap();
    service.hook("throttled", &server.url(), |manner| manner.attempts_max = 1).await;
    let began = Instant::now();
    service.send(&report("s", 1)).await;
    service.counted("it has it", "select count(*) from hook_deliveries where status = 'delivered'", 1).await;
    assert!(began.elapsed() > Duration::from_secs(3), "{:?}", began.elapsed());
    assert_eq!(service.deliveries("throttled").await, [("delivered".to_owned(), 1, None)]);
    assert_eq!(service.count("select count(*) from hook_attempts where outcome = 'throttled'").await, 3);
    service.stop().await;
}

#[tokio::test]
async fn a_retired_hook_is_disabled_and_what_waits_for_it_is_kept() {
    let service = Service::start().await;
    let retired = Script::of([Step::Status(410, "gone")]);
    let server = stranger(&retired).await.unwrap();
    service.hook("retired", &server.url(), |_| {}).await;
    service.send(&report("s", 1)).await;
    service.counted("it is disabled", "select count(*) from hooks where disabled_reason = 'gone'", 1).await;
    service.send(&report("s", 2)).await;
    service
        .counted(
            "the second has nowhere to go",
            "select count(*) from event_handlings where status = 'completed'",
            1,
        )
        .await;
    assert_eq!(retired.requests().len(), 1);
    assert_eq!(service.catalogue().find("retired").await.unwrap().disabled, Some(Disabled::Gone));
    assert_eq!(service.deliveries("retired").await, [("pending".to_owned(), 0, Some("gone".to_owned()))]);
    assert!(service.catalogue().enable("retired").await.unwrap());
    service
        .counted("it is sent then", "select count(*) from hook_deliveries where status = 'delivered'", 1)
        .await;
    service.stop().await;
}

#[tokio::test]
async fn a_disabled_hook_keeps_what_it_has_and_a_removed_one_is_forgotten() {
    let service = Service::start().await;
    let failing = Script::of((0..50).map(|_| Step::Status(500, "no")));
    let server = stranger(&failing).await.unwrap();
    service
        .hook("failing", &server.url(), |manner| {
            (manner.retry_base_ms, manner.retry_max_ms) = (60_000, 60_000);
        })
        .await;
    for number in 0..3 {
        service.send(&report("s", number)).await;
    }
    service.counted("each was tried", "select count(*) from hook_attempts", 3).await;
    assert!(service.catalogue().disable("failing").await.unwrap());
    assert!(!service.catalogue().disable("failing").await.unwrap());
    assert_eq!(service.count("select count(*) from hook_deliveries where status = 'pending'").await, 3);
    assert_eq!(service.catalogue().remove("failing").await.unwrap(), 3);
    assert_eq!(service.count("select count(*) from hook_deliveries where status = 'skipped'").await, 3);
    assert_eq!(service.count("select count(*) from event_handlings where status = 'completed'").await, 3);
    assert_eq!(service.count("select count(*) from rate_limits").await, 0, "with its limit");
    service.stop().await;
}

#[tokio::test]
async fn a_rotated_secret_signs_beside_the_older_one() {
    let service = Service::start().await;
    let hook = Script::default();
    let server = stranger(&hook).await.unwrap();
    service.hook("hook", &server.url(), |_| {}).await;
    // Whether a request is signed with each of the secrets, and how many signatures it has.
    let signed = |number: usize, secrets: &[&Secret]| {
        let request = &hook.requests()[number];
        let header = |name: &str| request.headers[name].to_str().unwrap().to_owned();
        let at = header("webhook-timestamp").parse().unwrap();
        let at = time::OffsetDateTime::from_unix_timestamp(at).unwrap();
        let keys: Vec<_> = secrets.iter().map(|secret| SigningKey::parse(secret).unwrap()).collect();
        let expected = standard_headers(&keys, &header("webhook-id"), at, &request.body).unwrap();
        expected
            .iter()
            .any(|(name, value)| name == "webhook-signature" && *value == header("webhook-signature"))
    };
    let first = Secret::from(SECRET);
    service.send(&report("s", 1)).await;
    service.counted("one", "select count(*) from hook_deliveries where status = 'delivered'", 1).await;
    let rotated = service.catalogue().rotate("hook", None, time::Duration::HOUR).await.unwrap();
    let second = rotated.secret.unwrap();
    assert!(second.expose().starts_with("whsec_"));
    service.send(&report("s", 2)).await;
    service.counted("two", "select count(*) from hook_deliveries where status = 'delivered'", 2).await;
    let own = Secret::from("another-secret-of-tests-0001");
    service.catalogue().rotate("hook", Some(&own), time::Duration::ZERO).await.unwrap();
    service.send(&report("s", 3)).await;
    service.counted("three", "select count(*) from hook_deliveries where status = 'delivered'", 3).await;
    assert!(signed(0, &[&first]) && signed(1, &[&second, &first]) && signed(2, &[&own]));
    service.stop().await;
}

#[tokio::test]
async fn settings_make_their_hook_and_change_it_when_they_change() {
    let mut service = Service::prepare().await;
    let hook = CatchHook::default();
    let server = hook.start().await.unwrap();
    service.settings.zapier.hook.url = Some(Secret::from(CatchHook::url(&server).as_str()));
    service.settings.zapier.hook.enabled = true;
    service.add_replica().await;
    service.add_replica().await;
    service.counted("it is made", "select count(*) from hooks where name = 'zapier' and enabled and kind = 'zapier' and rate_count = 100", 1).await;
    service.send(&report("s", 1)).await;
    eventually("it has it", DEADLINE, async || (hook.runs().len() == 1).then_some(())).await;
    // An operator's word holds until the settings change.
    service.catalogue().disable("zapier").await.unwrap();
    service.add_replica().await;
    let_pass(Duration::from_millis(500)).await;
    assert_eq!(service.count("select count(*) from hooks where disabled_reason = 'operator'").await, 1);
    service.settings.zapier.hook.rate_count = 200;
    service.add_replica().await;
    service
        .counted("it is changed", "select count(*) from hooks where enabled and rate_count = 200", 1)
        .await;
    service.stop().await;
}

#[tokio::test]
async fn what_waits_for_a_hook_is_not_taken_for_lost() {
    let service = Service::start().await;
    let failing = Script::of((0..10).map(|_| Step::Status(500, "no")));
    let server = stranger(&failing).await.unwrap();
    let wait = |manner: &mut hooks::Manner| (manner.retry_base_ms, manner.retry_max_ms) = (600_000, 600_000);
    service.hook("failing", &server.url(), wait).await;
    service.send(&report("s", 1)).await;
    service.counted("it was tried", "select count(*) from hook_attempts", 1).await;
    service
        .counted("it is open", "select count(*) from event_handlings where status = 'processing'", 1)
        .await;
    // The stream has its acknowledgement; an audit must not bury the event for that.
    let place = ("USAGE", time::OffsetDateTime::now_utc() + time::Duration::DAY);
    let mut connection = service.pool().acquire().await.unwrap();
    let stuck = async |connection: &mut sqlx::PgConnection| {
        store::event_handlings::stuck(connection, "zapier-dispatcher", place, i64::MAX, 10)
            .await
            .unwrap()
            .len()
    };
    assert_eq!(stuck(&mut connection).await, 0);
    sqlx::query("delete from hook_deliveries").execute(&mut *connection).await.unwrap();
    assert_eq!(stuck(&mut connection).await, 1);
    service.stop().await;
}
