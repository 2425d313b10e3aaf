//! One trace from the provider's POST to the insert.

use e2e::{DEADLINE, Lead, Options, System};
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
