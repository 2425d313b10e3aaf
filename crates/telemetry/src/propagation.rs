//! W3C Trace Context in message headers and HTTP headers.
//!
//! Only `traceparent` and `tracestate` are read or written, both of bounded length. What is malformed counts as absent.
//! Whether the caller may be believed is the caller's decision: an extracted context can be a parent or only a link.

use async_nats::header::{HeaderName, HeaderValue};
use contract::header::{TRACEPARENT, TRACESTATE};
use opentelemetry::{
    Context, global,
    propagation::{Extractor, Injector},
    trace::TraceContextExt as _,
};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// Longest `tracestate` that travels on; the standard asks for at least this much.
const TRACESTATE_MAX_BYTES: usize = 512;

/// Writes the trace context of `span` into the headers of a message. Does nothing when the span has none.
pub fn inject(span: &tracing::Span, headers: &mut async_nats::HeaderMap) {
    inject_context(&span.context(), headers);
}

/// Reads the trace context of a message.
pub fn from_message(headers: &async_nats::HeaderMap) -> Context {
    let get = |name| headers.get(HeaderName::from_static(name)).map(HeaderValue::as_str);
    extract(get(TRACEPARENT), get(TRACESTATE))
}

/// The trace context of an event that was kept as text: its message's `traceparent` if that is known, else the trace that
/// it was handled in. Of the latter no span is known; the link leads to the trace all the same.
pub fn from_text(traceparent: Option<&str>, trace_id: Option<&str>) -> Context {
    let context = extract(traceparent, None);
    if context.span().span_context().is_valid() {
        return context;
    }
    let of_trace =
        trace_id.map(|trace_id| format!("00-{trace_id}-{}-00", trace_id.get(..16).unwrap_or_default()));
    extract(of_trace.as_deref(), None)
}

/// Links `span` to another trace, if `context` names one.
pub fn link(span: &tracing::Span, context: &Context) {
    let other = context.span().span_context().clone();
    if other.is_valid() {
        span.add_link(other);
    }
}

/// Reads the trace context of a message whose headers were written down.
pub fn from_pairs(headers: &[(String, String)]) -> Context {
    let get = |wanted| headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    extract(get(TRACEPARENT), get(TRACESTATE))
}

/// Reads the trace context of an HTTP request. More than one `traceparent` counts as none.
pub fn from_http(headers: &http::HeaderMap) -> Context {
    let only = |name| {
        let mut values = headers.get_all(name).iter();
        values.next().filter(|_| values.next().is_none()).and_then(|value| value.to_str().ok())
    };
    extract(only(TRACEPARENT), only(TRACESTATE))
}

/// The id of the trace that `span` belongs to, 32 hexadecimal digits.
pub fn trace_id(span: &tracing::Span) -> Option<String> {
    let context = span.context();
    let span = context.span();
    span.span_context().is_valid().then(|| span.span_context().trace_id().to_string())
}

fn inject_context(context: &Context, headers: &mut async_nats::HeaderMap) {
    global::get_text_map_propagator(|propagator| propagator.inject_context(context, &mut Message(headers)));
}

fn extract(traceparent: Option<&str>, tracestate: Option<&str>) -> Context {
    let headers = Headers {
        traceparent: traceparent.filter(|value| is_traceparent(value)),
        tracestate: tracestate.filter(|value| value.len() <= TRACESTATE_MAX_BYTES),
    };
    // Not the current context: a malformed header must not make the caller's own span the parent.
    global::get_text_map_propagator(|propagator| propagator.extract_with_context(&Context::new(), &headers))
}

/// Whether `value` has exactly the form of version 00, or begins with it in a later version. The propagator's own check
/// is laxer: it takes ids that are too short and a dash at the end.
fn is_traceparent(value: &str) -> bool {
    const FORM: &[u8] = b"hh-hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh-hhhhhhhhhhhhhhhh-hh";
    const VALUE_MAX_BYTES: usize = 128;
    let bytes = value.as_bytes();
    let fits = |(form, byte): (&u8, &u8)| match form {
        b'h' => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        _ => byte == form,
    };
    let (head, tail) = bytes.split_at(FORM.len().min(bytes.len()));
    let tail_fits = tail.is_empty() || (!value.starts_with("00") && tail.starts_with(b"-"));
    head.len() == FORM.len() && FORM.iter().zip(head).all(fits) && tail_fits && bytes.len() <= VALUE_MAX_BYTES
}

struct Message<'a>(&'a mut async_nats::HeaderMap);

impl Injector for Message<'_> {
    fn set(&mut self, key: &str, value: String) {
        let name = match key {
            TRACEPARENT => TRACEPARENT,
            TRACESTATE if value.is_empty() || value.len() > TRACESTATE_MAX_BYTES => return,
            TRACESTATE => TRACESTATE,
            _ => return,
        };
        // Parsed, because inserting a string panics on a line break.
        if let Ok(value) = value.parse::<HeaderValue>() {
            self.0.insert(name, value);
        }
    }
}

struct Headers<'a> {
    traceparent: Option<&'a str>,
    tracestate: Option<&'a str>,
}

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        match key {
            TRACEPARENT => self.traceparent,
            TRACESTATE => self.tracestate,
            _ => None,
        }
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT, TRACESTATE]
    }
}

#[cfg(test)]
mod tests;
