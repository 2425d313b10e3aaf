//! The span, the metrics and the safety net around every request that is not a probe.

use std::panic::AssertUnwindSafe;

use axum::{
    body::Body,
    extract::{MatchedPath, Request},
    http::{Method, Response, header::HeaderName},
};
use contract::header;
use futures::FutureExt as _;
use opentelemetry::{Context, trace::TraceContextExt as _};
use tokio::time::Instant;
use tracing::{Span, error, field, info_span};
use uuid::Uuid;

use super::{App, RequestId};
use crate::error::Refusal;

const TRACEPARENT: HeaderName = HeaderName::from_static(header::TRACEPARENT);

/// One request and its answer.
#[derive(Clone)]
pub(crate) struct Exchange {
    pub(crate) id: Uuid,
    /// Not entered before it is decided whose trace it belongs to.
    pub(crate) span: Span,
    /// The sender's trace context, if it sent one that can be read.
    pub(crate) inbound: Option<Context>,
    route: Option<MatchedPath>,
}

impl Exchange {
    /// The template of the path, never the path: that may hold a secret.
    pub(crate) fn route(&self) -> Option<&str> {
        self.route.as_ref().map(MatchedPath::as_str)
    }
}

/// Handles a request inside what every one of them has around it: span, counters, and an answer even if it panics. Called
/// by the handlers, not a layer around them: each layer costs every delivery its boxes.
pub(crate) async fn observe<F: Future<Output = Response<Body>>>(
    app: &App,
    request: Request,
    handle: impl FnOnce(Exchange, Request) -> F,
) -> Response<Body> {
    let started = Instant::now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let id = request.extensions().get::<RequestId>().map_or_else(Uuid::now_v7, |id| id.0);
    let method = method(request.method());
    let inbound = request
        .headers()
        .contains_key(TRACEPARENT)
        .then(|| telemetry::propagation::from_http(request.headers()))
        .filter(|context| context.span().span_context().is_valid());
    let path = route.as_ref().map(MatchedPath::as_str);
    let span = span(method, path, id);
    let exchange = Exchange { id, span: span.clone(), inbound, route: route.clone() };
    let active = app.metrics.enter(method);
    let handled = AssertUnwindSafe(handle(exchange, request)).catch_unwind().await;
    let response = handled.unwrap_or_else(|_| {
        // The panic hook has written where; here is which request it was.
        error!(parent: &span, weir.delivery.id = %id, http.route = route.as_ref().map(MatchedPath::as_str), "request handler panicked");
        Refusal::Internal.into_response(id)
    });
    drop(active);
    let status = response.status();
    span.record("http.response.status_code", i64::from(status.as_u16()));
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR").record("error.type", status.as_str());
    }
    let route = route.map(|route| route.as_str().to_owned());
    app.metrics.answered(method, route, status.as_u16(), started.elapsed());
    response
}

fn span(method: &'static str, route: Option<&str>, id: Uuid) -> Span {
    info_span!(
        parent: None,
        "edge.ingest",
        otel.name = route.map_or_else(|| method.to_owned(), |route| format!("{method} {route}")),
        otel.kind = "server",
        otel.status_code = field::Empty,
        error.type = field::Empty,
        http.request.method = method,
        http.route = route,
        http.response.status_code = field::Empty,
        weir.delivery.id = %id,
    )
}

/// The method as telemetry may carry it: a word of a small set.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::TRACE => "TRACE",
        Method::CONNECT => "CONNECT",
        _ => "_OTHER",
    }
}
