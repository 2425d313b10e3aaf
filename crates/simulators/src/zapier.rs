//! Zapier's Catch Hook, as far as whoever posts to it can see: it says "success" to everything, whether a Zap is behind it
//! or not, recognises no repeat, and answers 429 above 30 requests a second.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::any,
};
use serde_json::{Value, json};

use crate::{Request, Script, Server, server::ANY_PORT};

/// Largest body that it takes.
const BODY_MAX_BYTES: usize = 10_000_000;

/// A Catch Hook.
#[derive(Debug, Clone)]
pub struct CatchHook {
    /// Requests a second, at most; above it 429.
    per_second: usize,
    /// What happens to the next requests.
    pub script: Script,
    state: Arc<Mutex<Caught>>,
}

#[derive(Debug, Default)]
struct Caught {
    runs: Vec<Value>,
    recent: VecDeque<Instant>,
}

impl Default for CatchHook {
    fn default() -> Self {
        Self { per_second: 30, script: Script::default(), state: Arc::default() }
    }
}

impl CatchHook {
    /// Path of the hook; whoever knows it can post there.
    pub const PATH: &'static str = "/hooks/catch/1234567/sim0hook/";

    /// One that takes so many requests a second.
    pub fn with_limit(per_second: usize) -> Self {
        Self { per_second, ..Self::default() }
    }

    /// Starts it on a free port.
    ///
    /// # Errors
    /// There is none.
    pub async fn start(&self) -> std::io::Result<Server> {
        self.start_on(ANY_PORT).await
    }

    /// Starts it there.
    ///
    /// # Errors
    /// The address is taken.
    pub async fn start_on(&self, listen: SocketAddr) -> std::io::Result<Server> {
        let router = Router::new()
            .route("/hooks/catch/{account}/{hook}", any(catch))
            .route("/hooks/catch/{account}/{hook}/", any(catch))
            .route("/hooks/catch/{account}/{hook}/silent/", any(catch_silently))
            .layer(axum::extract::DefaultBodyLimit::max(BODY_MAX_BYTES))
            .with_state(self.clone());
        Server::start(router, &self.script, listen).await
    }

    /// Where a server of this hook is posted to.
    pub fn url(server: &Server) -> String {
        format!("{}{}", server.url(), Self::PATH)
    }

    /// What the Zap behind it ran with: one run for each body, and for each element of an array.
    pub fn runs(&self) -> Vec<Value> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).runs.clone()
    }

    /// The requests that came, answered or not.
    pub fn requests(&self) -> Vec<Request> {
        self.script.requests()
    }

    fn take(&self, body: &Bytes) -> Result<(), StatusCode> {
        let mut caught = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        while caught.recent.front().is_some_and(|at| now.duration_since(*at) >= Duration::from_secs(1)) {
            caught.recent.pop_front();
        }
        if caught.recent.len() >= self.per_second {
            return Err(StatusCode::TOO_MANY_REQUESTS);
        }
        caught.recent.push_back(now);
        match serde_json::from_slice(body) {
            Ok(Value::Array(elements)) => caught.runs.extend(elements),
            Ok(value) => caught.runs.push(value),
            Err(_) => caught.runs.push(Value::String(String::from_utf8_lossy(body).into_owned())),
        }
        Ok(())
    }
}

async fn catch(State(hook): State<CatchHook>, Path(_): Path<(String, String)>, body: Bytes) -> Response {
    match hook.take(&body) {
        Ok(()) => {
            let id = "0198e0aa-0000-7000-8000-000000000001";
            Json(json!({ "status": "success", "attempt": id, "id": id, "request_id": id })).into_response()
        }
        Err(status) => (status, [(header::RETRY_AFTER, "1")], "").into_response(),
    }
}

async fn catch_silently(
    State(hook): State<CatchHook>,
    Path(_): Path<(String, String)>,
    body: Bytes,
) -> Response {
    match hook.take(&body) {
        Ok(()) => StatusCode::OK.into_response(),
        Err(status) => status.into_response(),
    }
}
