//! The endpoints that orchestrators and people ask: `/livez`, `/readyz`, `/health`.

use axum::{Json, Router, http::StatusCode, response::IntoResponse, routing::get};
use tokio::net::TcpListener;

use crate::Health;

/// `/livez` (the process runs), `/readyz` (503 while draining or while something required is away) and `/health` (the
/// same, with every check by name).
pub fn router(health: Health) -> Router {
    let ready = health.clone();
    Router::new()
        .route("/livez", get(|| async { "ok" }))
        .route(
            "/readyz",
            get(move || async move {
                let report = ready.report().await;
                if report.draining {
                    (StatusCode::SERVICE_UNAVAILABLE, "draining")
                } else if report.status == "unhealthy" {
                    (StatusCode::SERVICE_UNAVAILABLE, "unhealthy")
                } else {
                    (StatusCode::OK, "ok")
                }
            }),
        )
        .route(
            "/health",
            get(move || async move {
                let report = health.report().await;
                let status = if report.status == "unhealthy" {
                    StatusCode::SERVICE_UNAVAILABLE
                } else {
                    StatusCode::OK
                };
                (status, Json(report)).into_response()
            }),
        )
}

/// Serves `router` for as long as the process lives, so that readiness can be asked during a drain: a drain must not
/// wait for it, hence it is not one of [`crate::Shutdown`]'s tasks.
pub fn serve(listener: TcpListener, router: Router) {
    #[expect(
        clippy::disallowed_methods,
        reason = "ends with the process; a drain that waited for it would never end"
    )]
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(error = &error as &dyn std::error::Error, "probe server failed");
        }
    });
}
