//! Hooks that mean no good.

use std::time::{Duration, Instant};

use simulators::{Script, Step, stranger, zapier::CatchHook};
use testkit::eventually;

use crate::{
    given::{DEADLINE, Service, report},
    raw::{Raw, Saying},
};

/// A wait in which an attempt does not come to its end.
const MOMENT: Duration = Duration::from_millis(100);

#[tokio::test]
async fn an_answer_that_lies_in_its_length_or_never_ends_is_an_answer() {
    let service = Service::start().await;
    let lies = [
        ("short", Saying::All("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nmuch more than that")),
        ("long", Saying::All("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nlittle")),
        ("endless", Saying::Flood("HTTP/1.1 200 OK\r\n\r\n")),
        ("flood", Saying::Flood("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n")),
        ("drip", Saying::Drip("HTTP/1.1 200 OK\r\n\r\n", "x", MOMENT)),
        ("chunks", Saying::All("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nnonsense")),
    ];
    let mut servers = Vec::new();
    for (name, saying) in lies {
        let server = Raw::start(saying).await;
        service.hook(name, &server.url(), |_| {}).await;
        servers.push((name, server));
    }
    service.send(&report("s", 1)).await;
    service
        .counted("they have it", "select count(*) from hook_deliveries where status = 'delivered'", 6)
        .await;
    for (name, server) in &servers {
        assert_eq!(server.requests(), 1, "{name} is not told twice");
    }
    assert_eq!(service.count("select count(*) from hook_attempts where status_code = 200").await, 6);
    assert_eq!(
        service.count("select max(length(response_excerpt))::bigint from hook_attempts").await,
        200,
        "no more is kept than people want to see"
    );
    service.stop().await;
}

#[tokio::test]
async fn what_is_no_answer_is_tried_again_and_each_kind_is_named() {
    let service = Service::start().await;
    let plain = Raw::start(Saying::All("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")).await;
    let garbage = Raw::start(Saying::All("I speak no HTTP\r\n\r\n")).await;
    let silent = Raw::start(Saying::All("")).await;
    let two_lengths =
        Raw::start(Saying::All("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok")).await;
    let header_drip = Raw::start(Saying::Drip("HTTP/1.1 200 OK\r\nx: ", "x", MOMENT)).await;
    let header_flood = Raw::start(Saying::Flood("HTTP/1.1 200 OK\r\nx: ")).await;
    let bad = [
        ("dns", "https://no-such-host.invalid/hook".to_owned(), "connect", "failed to lookup address"),
        ("tls", plain.https_url(), "connect", "cannot connect: "),
        ("garbage", garbage.url(), "broken", "the connection broke: "),
        ("silent", silent.url(), "broken", "the connection broke: "),
        ("two_lengths", two_lengths.url(), "broken", "the connection broke: "),
        ("header_drip", header_drip.url(), "timeout", "no answer within 1s"),
        ("header_flood", header_flood.url(), "broken", "the connection broke: "),
    ];
    for (name, url, ..) in &bad {
        let change = |manner: &mut hooks::Manner| {
            manner.attempts_max = 2;
            // A resolver takes its time where there is no network.
            manner.timeout_ms = if *name == "dns" { 20_000 } else { manner.timeout_ms };
        };
        service.hook(name, url, change).await;
    }
    let good = CatchHook::with_limit(1_000);
    let good_server = good.start().await.unwrap();
    service.hook("good", &CatchHook::url(&good_server), |_| {}).await;
    let began = Instant::now();
    for number in 0..20 {
        service.send(&report("s", number)).await;
    }
    eventually("the good one has them all", DEADLINE, async || (good.runs().len() == 20).then_some(())).await;
    assert!(began.elapsed() < Duration::from_secs(15), "no other delays it: {:?}", began.elapsed());
    service
        .counted("the others' are dead", "select count(*) from hook_deliveries where status = 'dead'", 7 * 20)
        .await;
    for (name, _, code, said) in &bad {
        let seen: Vec<(String, String)> = sqlx::query_as(
            "select distinct attempt.error_code, attempt.error_message
            from hook_attempts attempt join hook_deliveries using (event_id, hook_id) where hook_name = $1",
        )
        .bind(name)
        .fetch_all(service.pool())
        .await
        .unwrap();
        assert!(
            seen.iter().all(|(seen, text)| seen == code && text.contains(said)) && !seen.is_empty(),
            "{name}: {seen:?}"
        );
    }
    assert_eq!(
        service.count("select count(*) from hook_attempts where outcome in ('retry', 'dead')").await,
        7 * 20 * 2,
        "each was tried twice"
    );
    assert_eq!(service.count("select count(*) from dead_letters").await, 20, "one event, one dead letter");
    service.stop().await;
}

#[tokio::test]
async fn a_redirect_is_a_refusal_that_is_on_record_with_its_status() {
    let service = Service::start().await;
    let victim = Script::default();
    let victim_server = stranger(&victim).await.unwrap();
    let redirecting = Script::of([Step::Redirect(victim_server.url())]);
    let server = stranger(&redirecting).await.unwrap();
    service.hook("redirecting", &server.url(), |_| {}).await;
    let unchanged = Raw::start(Saying::All("HTTP/1.1 304 Not Modified\r\n\r\n")).await;
    service.hook("unchanged", &unchanged.url(), |_| {}).await;
    service.send(&report("s", 1)).await;
    service.counted("both are dead", "select count(*) from hook_deliveries where status = 'dead'", 2).await;
    assert_eq!(victim.requests().len(), 0);
    let statuses: Vec<i32> = sqlx::query_scalar("select status_code from hook_attempts order by status_code")
        .fetch_all(service.pool())
        .await
        .unwrap();
    assert_eq!(statuses, [302, 304]);
    service.stop().await;
}

#[tokio::test]
async fn a_hook_that_asks_for_a_rest_gets_one() {
    let service = Service::start().await;
    let tired = Script::of([Step::RetryAfter(503, "2")]);
    let server = stranger(&tired).await.unwrap();
    service.hook("tired", &server.url(), |_| {}).await;
    service.send(&report("s", 0)).await;
    service.counted("it was asked", "select count(*) from hook_attempts where status_code = 503", 1).await;
    for number in 1..5 {
        service.send(&report("s", number)).await;
    }
    service
        .counted("it has them", "select count(*) from hook_deliveries where status = 'delivered'", 5)
        .await;
    let requests = tired.requests();
    assert_eq!(requests.len(), 6, "no other event is spent on being told the same");
    let rested = requests[1].at - requests[0].at;
    assert!(rested > Duration::from_millis(1_900), "{rested:?}");
    service.stop().await;
}

#[tokio::test]
async fn a_hook_that_rests_costs_its_limit_nothing() {
    let mut service = Service::prepare().await;
    service.settings.outbound.circuit_failures_max = 2;
    service.settings.outbound.circuit_rest_ms = 2_000;
    service.add_replica().await;
    let failing = Script::of([Step::Status(500, "no"), Step::Status(500, "no")]);
    let server = stranger(&failing).await.unwrap();
    // Four at once, then one each seven and a half seconds.
    service
        .hook("failing", &server.url(), |manner| {
            (manner.rate_count, manner.rate_window_ms, manner.rate_burst) = (12, 60_000, 4);
        })
        .await;
    for number in 0..2 {
        service.send(&report("s", number)).await;
    }
    eventually("it is tried again", DEADLINE, async || (failing.requests().len() >= 3).then_some(())).await;
    let requests = failing.requests();
    let waited = requests[2].at - requests[1].at;
    assert!(waited > Duration::from_millis(1_900), "it rests: {waited:?}");
    assert!(waited < Duration::from_secs(5), "what was not asked was not paid for: {waited:?}");
    service.replicas[0].shutdown.drain();
}
