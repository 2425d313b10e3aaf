//! The HTTP surface: routes, the id and the span of every request, and answers for what matches no route.

mod observe;

use std::{convert::Infallible, sync::Arc};

use axum::{
    Extension, Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, Response},
    routing::{get, post},
};
use bus::Publisher;
use lifecycle::Shutdown;
use tower::Service as _;
use uuid::Uuid;

pub(crate) use observe::{Exchange, observe};

use crate::{
    body::Room,
    error::{REQUEST_ID, Refusal},
    gate::Gate,
    handshake,
    ingest::{self, Ingest},
    metrics::{Metrics, NO_PROVIDER},
    provider::Registered,
    refusals::Refusals,
};

/// What every request works with.
pub(crate) struct App {
    pub(crate) gate: Gate,
    pub(crate) bodies: Room,
    pub(crate) publisher: Publisher,
    pub(crate) refusals: Refusals,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) shutdown: Shutdown,
}

/// The id of a request, which is also the id of the delivery that it brings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestId(pub(crate) Uuid);

/// Every endpoint: the providers' with all machinery around them, and `probes` without.
pub(crate) fn router(app: &Arc<App>, providers: &[Arc<Registered>], probes: Router) -> Router {
    let mut router = Router::new();
    for provider in providers {
        for endpoint in provider.provider.endpoints() {
            let ingest = Ingest { app: app.clone(), provider: provider.clone(), source: endpoint.path };
            let route = if endpoint.handshake {
                post(ingest::receive).merge(get(handshake::answer)).with_state(ingest)
            } else {
                post(ingest::receive).with_state(ingest)
            };
            let path = endpoint.path;
            router = router.route(path, route.clone()).route(&format!("{path}/"), route.clone());
            if endpoint.secret_in_path {
                router = router
                    .route(&format!("{path}/{{secret}}"), route.clone())
                    .route(&format!("{path}/{{secret}}/"), route);
            }
        }
    }
    let router =
        router.fallback(not_found).method_not_allowed_fallback(method_not_allowed).with_state(app.clone());
    outermost(router.merge(probes))
}

/// Every endpoint of a listener without providers.
pub(crate) fn private(probes: Router) -> Router {
    outermost(probes.fallback(async |Extension(RequestId(id))| Refusal::NotFound.into_response(id)))
}

fn outermost(router: Router) -> Router {
    router.method_not_allowed_fallback(async |Extension(RequestId(id))| {
        Refusal::MethodNotAllowed.into_response(id)
    })
}

/// Gives a request its id, and its answer too. No layer of the router's: each one costs every delivery its boxes.
pub(crate) async fn answer(mut router: Router, mut request: Request) -> Result<Response<Body>, Infallible> {
    let id = Uuid::now_v7();
    request.extensions_mut().insert(RequestId(id));
    let mut response = router.call(request).await?;
    let mut text = Uuid::encode_buffer();
    if let Ok(value) = HeaderValue::from_str(id.hyphenated().encode_lower(&mut text)) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    Ok(response)
}

async fn not_found(State(app): State<Arc<App>>, request: Request) -> Response<Body> {
    refuse(&app, request, Refusal::NotFound).await
}

async fn method_not_allowed(State(app): State<Arc<App>>, request: Request) -> Response<Body> {
    refuse(&app, request, Refusal::MethodNotAllowed).await
}

async fn refuse(app: &App, request: Request, refusal: Refusal) -> Response<Body> {
    let refuse = async |exchange: Exchange, _| {
        app.refusals.note(NO_PROVIDER, &refusal, &exchange);
        refusal.into_response(exchange.id)
    };
    observe(app, request, refuse).await
}
