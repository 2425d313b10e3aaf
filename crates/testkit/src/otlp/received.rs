//! What was received, in words that assertions read well with.

use std::collections::{BTreeMap, BTreeSet};

use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    common::v1::{AnyValue, KeyValue, any_value::Value},
    logs::v1::LogRecord,
    resource::v1::Resource,
    trace::v1::{Span, span::SpanKind, status::StatusCode},
};

/// A span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedSpan {
    /// Resource attribute `service.name`.
    pub service: String,
    /// Its name.
    pub name: String,
    /// `Internal`, `Server`, `Client`, `Producer`, `Consumer` or `Unspecified`.
    pub kind: String,
    /// Trace id, 32 hexadecimal digits.
    pub trace_id: String,
    /// Span id, 16 hexadecimal digits.
    pub span_id: String,
    /// The parent's span id; `None` for a root.
    pub parent_span_id: Option<String>,
    /// The spans it is linked with.
    pub links: Vec<SpanRef>,
    /// Its attributes, as text.
    pub attributes: BTreeMap<String, String>,
    /// Attributes of the resource, as text.
    pub resource: BTreeMap<String, String>,
    /// Names of its events.
    pub events: Vec<String>,
    /// Whether its status is an error.
    pub is_error: bool,
    /// When it began, nanoseconds since 1970.
    pub start_unix_nano: u64,
    /// When it ended, nanoseconds since 1970.
    pub end_unix_nano: u64,
}

/// A span seen from another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpanRef {
    /// Trace id, 32 hexadecimal digits.
    pub trace_id: String,
    /// Span id, 16 hexadecimal digits.
    pub span_id: String,
}

/// A log record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedLog {
    /// Resource attribute `service.name`.
    pub service: String,
    /// `INFO`, `WARN` and so on.
    pub severity: String,
    /// The message.
    pub body: String,
    /// Trace id, if it was written inside a span.
    pub trace_id: Option<String>,
    /// Its attributes, as text.
    pub attributes: BTreeMap<String, String>,
}

#[derive(Debug, Default)]
pub(super) struct Received {
    pub(super) spans: Vec<ReceivedSpan>,
    pub(super) logs: Vec<ReceivedLog>,
    pub(super) metrics: BTreeSet<String>,
}

impl Received {
    pub(super) fn keep_spans(&mut self, request: ExportTraceServiceRequest) {
        for group in request.resource_spans {
            let resource = resource_attributes(group.resource);
            let spans = group.scope_spans.into_iter().flat_map(|scope| scope.spans);
            self.spans.extend(spans.map(|span| received_span(span, &resource)));
        }
    }

    pub(super) fn keep_logs(&mut self, request: ExportLogsServiceRequest) {
        for group in request.resource_logs {
            let resource = resource_attributes(group.resource);
            let records = group.scope_logs.into_iter().flat_map(|scope| scope.log_records);
            self.logs.extend(records.map(|record| received_log(record, &resource)));
        }
    }

    pub(super) fn keep_metrics(&mut self, request: ExportMetricsServiceRequest) {
        let scopes = request.resource_metrics.into_iter().flat_map(|group| group.scope_metrics);
        self.metrics.extend(scopes.flat_map(|scope| scope.metrics).map(|metric| metric.name));
    }
}

fn received_span(span: Span, resource: &BTreeMap<String, String>) -> ReceivedSpan {
    let links = span
        .links
        .iter()
        .map(|link| SpanRef { trace_id: hex::encode(&link.trace_id), span_id: hex::encode(&link.span_id) });
    ReceivedSpan {
        service: service(resource),
        kind: format!("{:?}", SpanKind::try_from(span.kind).unwrap_or_default()),
        trace_id: hex::encode(&span.trace_id),
        span_id: hex::encode(&span.span_id),
        parent_span_id: (!span.parent_span_id.is_empty()).then(|| hex::encode(&span.parent_span_id)),
        links: links.collect(),
        events: span.events.into_iter().map(|event| event.name).collect(),
        is_error: span.status.is_some_and(|status| status.code() == StatusCode::Error),
        start_unix_nano: span.start_time_unix_nano,
        end_unix_nano: span.end_time_unix_nano,
        name: span.name,
        attributes: texts(span.attributes),
        resource: resource.clone(),
    }
}

fn received_log(record: LogRecord, resource: &BTreeMap<String, String>) -> ReceivedLog {
    ReceivedLog {
        service: service(resource),
        severity: record.severity_text,
        body: text(record.body),
        trace_id: (!record.trace_id.is_empty()).then(|| hex::encode(&record.trace_id)),
        attributes: texts(record.attributes),
    }
}

fn resource_attributes(resource: Option<Resource>) -> BTreeMap<String, String> {
    texts(resource.map(|resource| resource.attributes).unwrap_or_default())
}

fn service(resource: &BTreeMap<String, String>) -> String {
    resource.get("service.name").cloned().unwrap_or_default()
}

fn texts(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    attributes.into_iter().map(|attribute| (attribute.key, text(attribute.value))).collect()
}

fn text(value: Option<AnyValue>) -> String {
    match value.and_then(|value| value.value) {
        None => String::new(),
        Some(Value::StringValue(text)) => text,
        Some(Value::BoolValue(flag)) => flag.to_string(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::DoubleValue(number)) => number.to_string(),
        Some(Value::BytesValue(bytes)) => hex::encode(&bytes),
        Some(Value::ArrayValue(array)) => {
            let parts: Vec<String> = array.values.into_iter().map(|value| text(Some(value))).collect();
            parts.join(",")
        }
        Some(other) => format!("{other:?}"),
    }
}
