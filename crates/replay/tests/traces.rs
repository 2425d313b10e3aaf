//! The trace of a replay is its own, and leads to the original's.
#![cfg(test)]

#[path = "replay/given.rs"]
#[expect(dead_code, reason = "the other tests use the rest")]
mod given;

use config::Settings;
use given::System;
use testkit::OtlpReceiver;

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_has_a_trace_of_its_own_that_is_linked_to_the_originals() {
    let receiver = OtlpReceiver::start().await;
    let mut settings = Settings::for_tests();
    settings.telemetry.otlp_endpoint = Some(receiver.endpoint_grpc());
    let telemetry = telemetry::init("test", &settings.telemetry, &settings.log).unwrap();
    let system = System::start().await;
    // One whose message tells its span, and one of which only the ledger knows the trace.
    let dead = system.send("poison-1").await;
    let done = system.send("lead-1").await;
    let trace_of = async |id: contract::EventId| -> String {
        sqlx::query_scalar("select trace_id from webhook_events where id = $1")
            .bind(id.0)
            .fetch_one(&system.pool)
            .await
            .unwrap()
    };
    for original in [dead, done] {
        let [replay] = system.replay(&[original], false).await[..] else { panic!("one replay") };
        let (before, after) = (trace_of(original).await, trace_of(replay).await);
        assert_ne!(before, after);
        let id = replay.to_string();
        let is_publish = |span: &testkit::ReceivedSpan| {
            span.name == "publish C2S" && span.attributes.get("messaging.message.id") == Some(&id)
        };
        let published = receiver.wait_for("the replay's publish", is_publish).await;
        assert_eq!(published.trace_id, after, "the consumer's span is in the replay's trace");
        assert!(published.parent_span_id.is_none());
        let linked: Vec<_> = published.links.iter().map(|link| link.trace_id.as_str()).collect();
        assert_eq!(linked, [before.as_str()]);
    }
    system.stop().await;
    telemetry.shutdown().await;
}
