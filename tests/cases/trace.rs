//! One trace from the provider's POST to the insert.

use e2e::{ACCOUNT, DEADLINE, Lead, Options, System, messaging, social};
use testkit::{OtlpReceiver, eventually};

#[tokio::test]
async fn one_trace_goes_from_the_post_to_the_insert() {
    for protocol in ["grpc", "http"] {
        let receiver = OtlpReceiver::start().await;
        let endpoint = if protocol == "grpc" { receiver.endpoint_grpc() } else { receiver.endpoint_http() };
        let system = System::start(Options {
            both: vec![
                ("WEIR_TELEMETRY__OTLP_ENDPOINT", endpoint),
                ("WEIR_TELEMETRY__OTLP_PROTOCOL", protocol.to_owned()),
                ("OTEL_BSP_SCHEDULE_DELAY", "100".to_owned()),
            ],
            edge: vec![("WEIR_EDGE__PROVIDERS__C2S__TRUST_TRACEPARENT", "true".to_owned())],
            ..Options::default()
        })
        .await;
        let trace_id = "0af7651916cd43dd8448eb211c80319c";
        let traceparent = format!("00-{trace_id}-b7ad6b7169203331-01");
        let body = Lead::new("lead-1").json().to_string();
        assert_eq!(system.post_bytes(body, &[("traceparent", &traceparent)]).await.status, 200);
        let names = eventually("the whole trace has arrived", DEADLINE, async || {
            let spans = receiver.spans().into_iter().filter(|span| span.trace_id == trace_id);
            let names: Vec<String> = spans.map(|span| span.name).collect();
            let has = |part: &str| names.iter().any(|name| name.contains(part));
            (has("POST /api/v1/webhooks/c2s")
                && has("publish C2S")
                && has("process c2s-leads")
                && has("insert"))
            .then_some(names)
        })
        .await;
        assert!(names.len() >= 4, "{names:?}");
        let stored: String =
            sqlx::query_scalar("select trace_id from webhook_events").fetch_one(system.pool()).await.unwrap();
        assert_eq!(stored, trace_id, "the ledger names the trace");
    }
}

#[tokio::test]
async fn one_trace_goes_from_instagrams_post_to_the_row() {
    let receiver = OtlpReceiver::start().await;
    let trusted = ("WEIR_EDGE__PROVIDERS__INSTAGRAM__TRUST_TRACEPARENT", "true".to_owned());
    let system = System::start(Options {
        both: vec![
            ("WEIR_TELEMETRY__OTLP_ENDPOINT", receiver.endpoint_grpc()),
            ("OTEL_BSP_SCHEDULE_DELAY", "100".to_owned()),
        ],
        edge: social().into_iter().chain([trusted]).collect(),
        ..Options::default()
    })
    .await;
    let _consumer = system.start_program("weir-instagram").await;
    let trace_id = "0af7651916cd43dd8448eb211c80319d";
    let message = |mid: &str| {
        serde_json::json!({ "sender": { "id": "9000000000000001" }, "recipient": { "id": ACCOUNT },
            "timestamp": 1_767_225_600_001_i64, "message": { "mid": mid, "text": "hello" } })
    };
    let body = messaging(&[message("m-1"), message("m-2")], 1_767_225_600_123);
    let traceparent = format!("00-{trace_id}-b7ad6b7169203331-01");
    assert_eq!(system.post_instagram_in(&traceparent, body).await, 200);
    eventually("the whole trace has arrived", DEADLINE, async || {
        let spans: Vec<_> = receiver.spans().into_iter().filter(|span| span.trace_id == trace_id).collect();
        let count = |part: &str| spans.iter().filter(|span| span.name.contains(part)).count();
        let steps = ["publish INSTAGRAM", "process instagram-handler", "insert webhook_events"];
        let is_whole =
            count("POST /api/webhooks/instagram") == 1 && steps.iter().all(|step| count(step) == 2);
        is_whole.then_some(())
    })
    .await;
    let rows = "select count(*) from instagram_messages m join webhook_events e on e.id = m.event_id
        where e.trace_id = '0af7651916cd43dd8448eb211c80319d'";
    assert_eq!(system.count(rows).await, 2, "a row leads to its trace");
}
