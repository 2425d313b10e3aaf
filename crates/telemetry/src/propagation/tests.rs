use opentelemetry_sdk::propagation::TraceContextPropagator;

use super::*;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn set_propagator() {
    global::set_text_map_propagator(TraceContextPropagator::new());
}

#[test]
fn a_trace_id_survives_the_headers_of_a_message() {
    set_propagator();
    let mut http = http::HeaderMap::new();
    http.insert(TRACEPARENT, PARENT.parse().unwrap());
    http.insert(TRACESTATE, "vendor=opaque".parse().unwrap());
    let mut headers = async_nats::HeaderMap::new();
    inject_context(&from_http(&http), &mut headers);
    assert_eq!(headers.get(TRACEPARENT).unwrap().as_str(), PARENT);
    assert_eq!(headers.get(TRACESTATE).unwrap().as_str(), "vendor=opaque");

    let context = from_message(&headers);
    assert!(context.span().span_context().is_remote());
    assert_eq!(context.span().span_context().trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
}

#[test]
fn a_malformed_traceparent_counts_as_absent() {
    set_propagator();
    let hostile = [
        String::new(),
        "00".to_owned(),
        PARENT.to_uppercase(),
        format!("{PARENT}-"),
        format!("{PARENT}-00"),
        PARENT.replace("b7ad6b7169203331", "b7ad6b71"),
        PARENT.replace("00-", "ff-"),
        PARENT.replace("00-", "+0-"),
        PARENT.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)),
        PARENT.replace("0af7651916cd43dd8448eb211c80319c", &"é".repeat(16)),
        format!("01{}-{}", &PARENT[2..], "f".repeat(4096)),
    ];
    for value in hostile {
        let context = extract(Some(&value), None);
        assert!(!context.span().span_context().is_valid(), "{value}");
    }
    assert!(extract(Some(&format!("01{}-more", &PARENT[2..])), None).span().span_context().is_valid());
}

#[test]
fn two_traceparents_count_as_none() {
    set_propagator();
    let mut headers = http::HeaderMap::new();
    headers.append(TRACEPARENT, PARENT.parse().unwrap());
    headers.append(TRACEPARENT, PARENT.replace("0af7", "1bf7").parse().unwrap());
    assert!(!from_http(&headers).span().span_context().is_valid());
}

#[test]
fn a_tracestate_that_is_too_long_is_dropped_and_the_trace_goes_on() {
    set_propagator();
    let context = extract(Some(PARENT), Some(&format!("vendor={}", "x".repeat(600))));
    let mut headers = async_nats::HeaderMap::new();
    inject_context(&context, &mut headers);
    assert_eq!(headers.get(TRACEPARENT).unwrap().as_str(), PARENT);
    assert!(headers.get(TRACESTATE).is_none());
}

#[test]
fn a_header_that_would_break_the_line_is_not_written() {
    let mut headers = async_nats::HeaderMap::new();
    Message(&mut headers).set(TRACESTATE, "vendor=a\r\nNats-Rollup: all".to_owned());
    Message(&mut headers).set("Nats-Msg-Id", "x".to_owned());
    assert!(headers.is_empty());
}

#[test]
fn a_span_without_a_collector_has_no_trace_id_and_injects_nothing() {
    set_propagator();
    let span = tracing::info_span!("edge.ingest");
    let mut headers = async_nats::HeaderMap::new();
    inject(&span, &mut headers);
    assert_eq!(trace_id(&span), None);
    assert!(headers.is_empty());
}
