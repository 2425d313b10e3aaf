//! The GET with which some senders make sure that an endpoint is ours, before they send there.

use axum::{
    Extension,
    body::Body,
    extract::{Query, Request, State},
    http::{HeaderValue, Method, Response, header},
};
use tracing::info;

use crate::{
    error::Refusal,
    http::{Exchange, observe},
    ingest::Ingest,
    provider::Head,
    server::Peer,
};

/// The handler of GET on the endpoints that take it. HEAD, which routers serve beside GET, is no handshake.
pub(crate) async fn answer(
    State(ingest): State<Ingest>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Response<Body> {
    let answer = async |exchange: Exchange, request: Request| match ingest.handshake(&peer, &request) {
        Ok(response) => {
            let (id, route) = (exchange.id, exchange.route());
            info!(
                parent: &exchange.span,
                weir.delivery.id = %id,
                http.route = route,
                provider = ingest.provider.name,
                "handshake answered"
            );
            response
        }
        Err(refusal) => {
            ingest.app.refusals.note(ingest.provider.name, &refusal, &exchange);
            refusal.into_response(exchange.id)
        }
    };
    observe(&ingest.app, request, answer).await
}

impl Ingest {
    /// Passes the same gate as a delivery, so that guessing tokens is limited; costs nothing of the provider's own rate.
    fn handshake(&self, peer: &Peer, request: &Request) -> Result<Response<Body>, Refusal> {
        let Self { app, provider, .. } = self;
        if request.method() == Method::HEAD {
            return Err(Refusal::MethodNotAllowed);
        }
        if app.shutdown.is_draining() {
            return Err(Refusal::Draining);
        }
        let admitted = app.gate.admit(provider, peer, request.headers())?;
        let query = Query::<Vec<(String, String)>>::try_from_uri(request.uri()).map(|Query(pairs)| pairs);
        let query = query.unwrap_or_default();
        let head = Head { headers: request.headers(), path_secret: None, query: &query };
        let mut response = Response::new(Body::from(provider.provider.handshake(&head)?));
        let headers = response.headers_mut();
        // Never a type that a browser would run: the text came with the request.
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Some(standing) = admitted.standing {
            standing.write(headers);
        }
        Ok(response)
    }
}
