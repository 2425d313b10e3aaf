//! The endpoints that orchestrators, monitors and Prometheus ask. They stand outside of every limit.

use std::{sync::Arc, time::Duration};

use axum::{Router, http::header, routing::get};
use bus::Bus;
use contract::stream::DATABASE_HEALTH;
use lifecycle::{Check, Health, Shutdown};
use telemetry::MetricsHandle;
use tokio::{sync::Mutex, time::Instant};

/// How long a service may take to say how its database is.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(500);
/// How long its word is good for, so that a monitor's questions do not become questions to the services.
const ANSWER_FRESH: Duration = Duration::from_secs(1);

/// What the edge knows of itself: the broker, without which it is not ready, and, for the monitors of the older system,
/// the database, which it does not use and asks others about.
pub fn health(bus: &Bus, shutdown: &Shutdown) -> Health {
    let broker = bus.clone();
    let database = Arc::new(Database { bus: bus.clone(), answer: Mutex::default() });
    Health::new(shutdown)
        .require("broker", move || {
            let connected = broker.is_connected();
            async move { Check::connected(connected) }
        })
        .inform("database", move || {
            let database = database.clone();
            async move { database.check().await }
        })
}

/// `/livez`, `/readyz`, `/health`.
pub(crate) fn router(health: Health) -> Router {
    lifecycle::router(health)
}

/// `/metrics`.
pub(crate) fn metrics(handle: MetricsHandle) -> Router {
    const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
    Router::new().route(
        "/metrics",
        get(move || async move { ([(header::CONTENT_TYPE, PROMETHEUS_TEXT)], handle.render()) }),
    )
}

/// The database, as whoever uses it reports it over the broker.
struct Database {
    bus: Bus,
    // Held while asking: many questions at one time are one question.
    answer: Mutex<Option<(Instant, Check)>>,
}

impl Database {
    async fn check(&self) -> Check {
        let mut answer = self.answer.lock().await;
        if let Some((at, check)) = &*answer
            && at.elapsed() < ANSWER_FRESH
        {
            return check.clone();
        }
        let check = self.ask().await;
        *answer = Some((Instant::now(), check.clone()));
        check
    }

    async fn ask(&self) -> Check {
        const UNKNOWN: Check = Check { ok: false, state: "unknown" };
        if !self.bus.is_connected() {
            return UNKNOWN;
        }
        let asking = self.bus.client().request(DATABASE_HEALTH, bytes::Bytes::new());
        match tokio::time::timeout(ANSWER_TIMEOUT, asking).await {
            Ok(Ok(reply)) if *reply.payload == *b"connected" => Check::connected(true),
            Ok(Ok(reply)) if *reply.payload == *b"disconnected" => Check::connected(false),
            _ => UNKNOWN,
        }
    }
}
