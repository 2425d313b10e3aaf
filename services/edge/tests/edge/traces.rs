//! Whose trace a delivery belongs to.

use testkit::{Broker, OtlpReceiver};

use crate::{
    binary::{Binary, status},
    harness::{PATH, SECRET},
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

#[tokio::test]
async fn a_trusted_sender_continues_its_trace_and_a_stranger_does_not() {
    let traceparent = format!("00-{TRACE}-{SPAN}-01");
    let broker = Broker::start().await;
    for trusted in [true, false] {
        let receiver = OtlpReceiver::start().await;
        let trust = if trusted { "true" } else { "false" };
        let settings = [
            ("WEIR_TELEMETRY__OTLP_ENDPOINT", receiver.endpoint_grpc()),
            ("WEIR_EDGE__PROVIDERS__C2S__TRUST_TRACEPARENT", trust.to_owned()),
        ];
        let settings: Vec<_> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
        let mut edge = Binary::start(&broker, &settings).await;
        assert_eq!(status(edge.post(SECRET).header("traceparent", &traceparent)).await, 200);
        assert_eq!(status(edge.post("wrong").header("traceparent", &traceparent)).await, 401);
        assert_eq!(status(edge.post(SECRET)).await, 200);
        edge.terminate();
        assert!(edge.exit().await.success());

        let name = format!("POST {PATH}");
        let with_status = |status: &str, parent: bool| {
            let (name, status) = (name.clone(), status.to_owned());
            move |span: &testkit::ReceivedSpan| {
                span.name == name
                    && span.attributes.get("http.response.status_code") == Some(&status)
                    && (span.parent_span_id.is_some() || !span.links.is_empty()) == parent
            }
        };
        let accepted = receiver.wait_for("the delivery's span", with_status("200", true)).await;
        assert_eq!(accepted.trace_id == TRACE, trusted);
        assert_eq!(accepted.parent_span_id.as_deref() == Some(SPAN), trusted);
        assert_eq!(accepted.links.iter().any(|link| link.trace_id == TRACE), !trusted);
        assert_eq!(accepted.attributes["http.route"], PATH);
        assert_eq!(accepted.attributes["http.request.method"], "POST");
        let published = receiver.wait_for("its publish", |span| span.name == "publish C2S").await;
        assert!(receiver.spans().iter().any(|span| Some(&span.span_id) == published.parent_span_id.as_ref()));
        let refused = receiver.wait_for("the stranger's span", with_status("401", false)).await;
        assert_ne!(refused.trace_id, TRACE);
        let own = receiver.wait_for("a span of our own", with_status("200", false)).await;
        assert_ne!(own.trace_id, TRACE);
    }
}
