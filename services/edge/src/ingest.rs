//! A delivery, from its first header to its answer.

use std::sync::Arc;

use axum::{
    Extension,
    body::Body,
    extract::{Query, RawPathParams, Request, State, rejection::RawPathParamsRejection},
    http::{HeaderValue, Response, StatusCode, header},
};
use contract::code;
use time::OffsetDateTime;
use tracing::{Instrument as _, debug};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::{
    body,
    error::Refusal,
    http::{App, Exchange, observe},
    provider::{Draft, Head, Registered, Verdict},
    publish::{self, Delivery},
    rate::Standing,
    server::Peer,
    streaming::Begun,
};

/// One endpoint of one provider.
#[derive(Clone)]
pub(crate) struct Ingest {
    pub(crate) app: Arc<App>,
    pub(crate) provider: Arc<Registered>,
    /// Path of the endpoint without any secret.
    pub(crate) source: &'static str,
}

/// The handler of every provider's endpoint.
pub(crate) async fn receive(
    State(ingest): State<Ingest>,
    Extension(peer): Extension<Peer>,
    path: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
) -> Response<Body> {
    // A path that is not UTF-8 holds no secret of ours.
    let path_secret = path.ok().and_then(|path| Some(path.iter().next()?.1.to_owned()));
    let ingest = &ingest;
    let receive = async |exchange: Exchange, request| match ingest
        .delivery(&exchange, &peer, path_secret.as_deref(), request)
        .await
    {
        Ok(response) => response,
        Err(refusal) => {
            ingest.app.refusals.note(ingest.provider.name, &refusal, &exchange);
            peer.expect_more_than_was_read();
            refusal.into_response(exchange.id)
        }
    };
    observe(&ingest.app, request, receive).await
}

impl Ingest {
    async fn delivery(
        &self,
        exchange: &Exchange,
        peer: &Peer,
        path_secret: Option<&str>,
        request: Request,
    ) -> Result<Response<Body>, Refusal> {
        let Self { app, provider, .. } = self;
        let received_at = OffsetDateTime::now_utc();
        if app.shutdown.is_draining() {
            return Err(Refusal::Draining);
        }
        let admitted = app.gate.admit(provider, peer, request.headers())?;
        let (parts, body) = request.into_parts();
        let query = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri).map(|Query(pairs)| pairs);
        let query = query.unwrap_or_default();
        let head = Head { headers: &parts.headers, path_secret, query: &query };
        let verdict = provider.provider.authenticate_head(&head);
        if verdict == Verdict::Deny {
            return Err(Refusal::Unauthorized);
        }
        if let Some(streaming) = provider.provider.streaming() {
            let standing = admitted.standing;
            // On the heap, as whatever is large and rare on this way: every delivery would carry its room.
            let begun = Begun { exchange, head, verdict, received_at, standing };
            return Box::pin(self.stream(streaming, begun, body)).await;
        }
        let (limit, timeout) = (provider.body_max_bytes, provider.body_timeout);
        // Its room is given back when everything is published: until then the events share its memory.
        let held = body::read(&parts.headers, body, limit, timeout, &app.bodies).await?;
        let body = &held.bytes;
        if verdict != Verdict::Allow && !provider.provider.authenticate_body(&head, body) {
            return Err(Refusal::Unauthorized);
        }
        let standing = provider.limit.check().map_err(Refusal::RateLimited)?.tighter(admitted.standing);
        app.metrics.body(provider.name, body.len());
        exchange.trace(provider.trust_traceparent);
        let drafts = provider.provider.split(&head, body, provider.events_max);
        let drafts = drafts.map_err(|code| Refusal::Invalid { code, rejected: 0 })?;
        if drafts.len() > provider.events_max {
            return Err(Refusal::TooManyEvents { limit_events: provider.events_max });
        }
        let delivery = Delivery { id: exchange.id, source: self.source, received_at };
        self.publish(exchange, delivery, drafts, standing).instrument(exchange.span.clone()).await
    }

    async fn publish(
        &self,
        exchange: &Exchange,
        delivery: Delivery,
        drafts: Vec<Draft>,
        standing: Standing,
    ) -> Result<Response<Body>, Refusal> {
        let Self { app, provider, .. } = self;
        // What is stored when the time is over is a duplicate when the sender comes again.
        let publishing = publish::publish(&app.publisher, provider, delivery, drafts);
        let tally = tokio::time::timeout(provider.answer_timeout, publishing)
            .await
            .map_err(|_| Refusal::TooSlow)?
            .map_err(Refusal::NotDurable)?;
        app.metrics.tally(provider.name, &tally);
        debug!(
            weir.delivery.id = %exchange.id,
            http.route = exchange.route(),
            provider = provider.name,
            received = tally.received,
            processed = tally.processed,
            duplicates = tally.duplicates,
            rejected = tally.rejected,
            "delivery is durable"
        );
        let (status, answer) = provider.provider.answer(&tally).map_err(|refusal| match refusal {
            Refusal::Invalid { code: code::EVENT_TOO_LARGE, .. } => {
                Refusal::EventTooLarge { limit_bytes: provider.event_max_bytes }
            }
            other => other,
        })?;
        Ok(answered(status, answer, standing))
    }
}

pub(crate) fn answered(status: StatusCode, answer: String, standing: Standing) -> Response<Body> {
    let mut response = Response::new(Body::from(answer));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    standing.write(response.headers_mut());
    response
}

impl Exchange {
    /// Settles whose trace the span belongs to, before anything enters it: the sender's only when the sender is
    /// authenticated and trusted, otherwise our own with a link to the sender's.
    /// Proved by `a_trusted_sender_continues_its_trace_and_a_stranger_does_not`.
    pub(crate) fn trace(&self, trusted: bool) {
        use opentelemetry::trace::TraceContextExt as _;
        let Some(inbound) = &self.inbound else { return };
        if !trusted {
            self.span.add_link(inbound.span().span_context().clone());
        } else if let Err(error) = self.span.set_parent(inbound.clone()) {
            debug!(%error, "the sender's trace is not continued");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room_of<A, B, C, D, F>(_: impl Fn(A, B, C, D) -> F) -> usize {
        size_of::<F>()
    }

    /// Every connection with a delivery in flight has this on the heap, and each delivery is moved there.
    #[test]
    fn a_delivery_in_flight_takes_little_room() {
        let bytes = room_of(receive);
        assert!(bytes <= 5 * 1024, "{bytes}");
    }
}
