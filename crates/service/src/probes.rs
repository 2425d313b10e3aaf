//! `/livez`, `/readyz`, `/health` and `/metrics`.

use axum::{Router, http::header, routing::get};
use bus::Bus;
use lifecycle::{Check, Health, Shutdown};
use sqlx::PgPool;
use telemetry::MetricsHandle;

/// Without broker or database the service waits; it says so, and is not ready.
pub fn health(bus: &Bus, pool: &PgPool, shutdown: &Shutdown) -> Health {
    let (bus, pool) = (bus.clone(), pool.clone());
    Health::new(shutdown)
        .require("broker", move || {
            let connected = bus.is_connected();
            async move { Check::connected(connected) }
        })
        .require("database", move || {
            let pool = pool.clone();
            async move { Check::connected(store::is_connected(&pool).await) }
        })
}

/// The endpoints of a service with this health.
pub fn router(health: Health, metrics: MetricsHandle) -> Router {
    let text = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    let metrics = get(move || async move { (text, metrics.render()) });
    lifecycle::router(health).route("/metrics", metrics)
}
