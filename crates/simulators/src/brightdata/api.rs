//! Bright Data's API, version 3 of datasets.

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    Authorization, DATASETS, Delivery, Form, Sender, gzip,
    job::{Job, Status},
};
use crate::{Script, Server, server::ANY_PORT};

/// An API with jobs of its own.
#[derive(Debug, Clone)]
pub struct BrightDataApi {
    /// The API key that it accepts.
    pub key: String,
    /// Records that each input brings.
    pub records_per_input: usize,
    /// Times that a job is asked for and still running.
    pub polls: u32,
    /// Jobs that may run at one time; above it 429.
    pub running_max: usize,
    /// Post the data of a finished job to its endpoint.
    pub deliver: bool,
    /// Post the notification of a finished job.
    pub notify: bool,
    /// Finish jobs by themselves after this long; `None`: when they are asked for often enough.
    pub finish_after: Option<Duration>,
    /// What happens to the next requests.
    pub script: Script,
    jobs: Arc<Mutex<BTreeMap<String, Job>>>,
}

type Pairs = HashMap<String, String>;

impl BrightDataApi {
    /// An API with this key, whose jobs bring three records an input and are ready when asked for the second time.
    pub fn new(key: &str) -> Self {
        Self {
            key: key.to_owned(),
            records_per_input: 3,
            polls: 1,
            running_max: 100,
            deliver: true,
            notify: true,
            finish_after: None,
            script: Script::default(),
            jobs: Arc::default(),
        }
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
            .route("/datasets/v3/trigger", post(trigger))
            .route("/datasets/v3/progress/{id}", get(progress))
            .route("/datasets/v3/snapshot/{id}", get(snapshot))
            .route("/datasets/v3/snapshot/{id}/parts", get(parts))
            .route("/datasets/v3/snapshot/{id}/cancel", post(cancel))
            .route("/datasets/v3/deliver/{id}", post(deliver))
            .route("/datasets/v3/delivery/{id}", get(delivery))
            .with_state(self.clone());
        Server::start(router, &self.script, listen).await
    }

    /// Ids of its jobs.
    pub fn jobs(&self) -> Vec<String> {
        self.known().keys().cloned().collect()
    }

    /// Makes a job ready and does what it was asked to do then.
    pub async fn finish(&self, id: &str) {
        self.end(id, Status::Ready).await;
    }

    /// Lets a job fail, and says so.
    pub async fn fail(&self, id: &str) {
        self.end(id, Status::Failed).await;
    }

    async fn end(&self, id: &str, status: Status) {
        let job = self.known().get_mut(id).map(|job| {
            job.status = status;
            job.clone()
        });
        let Some(job) = job else { return };
        if self.deliver && status == Status::Ready {
            self.post_data(id, &job, job.endpoint.as_deref()).await;
        }
        let Some(to) = job.notify.as_deref().filter(|_| self.notify) else { return };
        if let Ok(sender) = Sender::new(authorization(&job)) {
            // A notification that does not arrive is lost, as the real ones are.
            sender.notify(to, id, status.word()).await.ok();
        }
    }

    /// Posts, and posts again while the other side fails, a few times.
    async fn post_data(&self, id: &str, job: &Job, endpoint: Option<&str>) {
        const ATTEMPTS: u32 = 3;
        const PAUSE: Duration = Duration::from_millis(200);
        let (Some(endpoint), Ok(sender)) = (endpoint, Sender::new(authorization(job))) else { return };
        let mut delivery = Delivery::new(id, job.records.clone());
        delivery.gzip = job.gzip;
        for _ in 0..ATTEMPTS {
            if sender.deliver(endpoint, &delivery).await.is_ok_and(|reply| reply.is_success()) {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<String, Job>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn authenticate(&self, headers: &HeaderMap) -> Result<(), Refused> {
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        match given.map(|given| given.strip_prefix("Bearer ")) {
            None => Err(refused(StatusCode::UNAUTHORIZED, "Credentials are missing")),
            Some(None) => Err(refused(StatusCode::UNAUTHORIZED, "Auth method is not supported")),
            Some(Some(key)) if key != self.key => {
                Err(refused(StatusCode::UNAUTHORIZED, "Invalid credentials"))
            }
            Some(Some(_)) => Ok(()),
        }
    }

    /// The job, after one step of its work.
    fn advanced(&self, headers: &HeaderMap, id: &str) -> Result<Job, Refused> {
        self.authenticate(headers)?;
        let mut jobs = self.known();
        let job =
            jobs.get_mut(id).ok_or_else(|| refused(StatusCode::NOT_FOUND, "Snapshot does not exist"))?;
        job.advance();
        Ok(job.clone())
    }
}

fn authorization(job: &Job) -> Authorization {
    job.authorization.clone().map_or(Authorization::Absent, Authorization::Verbatim)
}

/// An answer that is no success, in JSON or in plain text.
struct Refused {
    status: StatusCode,
    body: String,
}

fn refused(status: StatusCode, body: impl Into<String>) -> Refused {
    Refused { status, body: body.into() }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.status, self.body).into_response()
    }
}

async fn trigger(
    State(api): State<BrightDataApi>,
    Query(query): Query<Pairs>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Refused> {
    let id = take(&api, &query, &headers, &body)?;
    if let Some(after) = api.finish_after {
        let id = id.clone();
        let finishing = async move {
            tokio::time::sleep(after).await;
            api.finish(&id).await;
        };
        #[expect(clippy::disallowed_methods, reason = "a simulator has nothing to drain")]
        tokio::spawn(finishing);
    }
    Ok(Json(json!({ "snapshot_id": id })))
}

fn take(
    api: &BrightDataApi,
    query: &HashMap<String, String>,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<String, Refused> {
    api.authenticate(headers)?;
    let dataset_id = query.get("dataset_id").map(String::as_str).unwrap_or_default();
    if dataset_id.is_empty() {
        return Err(refused(StatusCode::NOT_FOUND, "Collector not found"));
    }
    if !DATASETS.iter().any(|dataset| dataset.id == dataset_id) {
        return Err(refused(StatusCode::NOT_FOUND, "dataset does not exist"));
    }
    let invalid = |code: &str, error: &str, errors: &Value| {
        let body = json!({ "error": error, "code": code, "errors": errors });
        refused(StatusCode::BAD_REQUEST, body.to_string())
    };
    let parsed: Value = serde_json::from_slice(body).map_err(|error| {
        invalid("parse_error", &format!("Parser cannot parse input: {error}"), &Value::Null)
    })?;
    let inputs = parsed.get("input").unwrap_or(&parsed).as_array().cloned().unwrap_or_default();
    if inputs.is_empty() {
        return Err(refused(StatusCode::BAD_REQUEST, "No data to trigger"));
    }
    if inputs.iter().any(|input| input.get("url").and_then(Value::as_str).is_none()) {
        return Err(invalid(
            "validation_error",
            "Invalid input provided",
            &json!([["url", "Required field"]]),
        ));
    }
    let mut jobs = api.known();
    let running = jobs.values().filter(|job| job.status == Status::Running).count();
    if running >= api.running_max {
        let text = format!(
            "You have too many running jobs for this dataset, please wait. Running jobs: {running}>={}",
            api.running_max
        );
        return Err(refused(StatusCode::TOO_MANY_REQUESTS, text));
    }
    let now = OffsetDateTime::now_utc();
    let timestamp = now.format(&Rfc3339).unwrap_or_default();
    let id = format!("s_sim{:x}n{}", now.unix_timestamp_nanos() / 1_000, jobs.len());
    jobs.insert(id.clone(), Job::new(query, &inputs, api.records_per_input, api.polls, &timestamp));
    Ok(id)
}

async fn progress(
    State(api): State<BrightDataApi>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refused> {
    Ok(Json(api.advanced(&headers, &id)?.progress(&id)))
}

async fn snapshot(
    State(api): State<BrightDataApi>,
    Path(id): Path<String>,
    Query(query): Query<Pairs>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let job = api.advanced(&headers, &id)?;
    match job.status {
        Status::Running => {
            let body =
                json!({ "status": "running", "message": "Snapshot is not ready yet, try again in 10s" });
            return Ok((StatusCode::ACCEPTED, Json(body)).into_response());
        }
        Status::Failed | Status::Canceled => {
            return Err(refused(StatusCode::BAD_REQUEST, "Snapshot is empty"));
        }
        Status::Ready => {}
    }
    let number = |name: &str| query.get(name).and_then(|text| text.parse::<usize>().ok());
    let mut delivery = Delivery::new(&id, job.records);
    if let (Some(size), Some(part)) = (number("batch_size"), number("part")) {
        let mut parts = delivery.records.chunks(size.max(1));
        delivery.records = parts.nth(part.max(1) - 1).unwrap_or_default().to_vec();
    }
    if query.get("format").is_some_and(|format| format == "ndjson" || format == "jsonl") {
        delivery.form = Form::Ndjson;
    }
    let body = delivery.body();
    if query.get("compress").is_some_and(|flag| flag == "true") {
        return Ok(([(header::CONTENT_TYPE, "application/gzip")], gzip(&body)).into_response());
    }
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

async fn parts(
    State(api): State<BrightDataApi>,
    Path(id): Path<String>,
    Query(query): Query<Pairs>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refused> {
    const BATCH_MIN: usize = 1000;
    let job = api.advanced(&headers, &id)?;
    let size = query.get("batch_size").and_then(|text| text.parse().ok()).unwrap_or(BATCH_MIN);
    if job.status != Status::Ready {
        return Err(refused(StatusCode::CONFLICT, "Snapshot is not ready"));
    }
    if size < BATCH_MIN {
        return Err(refused(StatusCode::BAD_REQUEST, "batch_size must be at least 1000"));
    }
    Ok(Json(json!({ "parts": job.records.len().div_ceil(size).max(1) })))
}

async fn cancel(
    State(api): State<BrightDataApi>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<&'static str, Refused> {
    api.authenticate(&headers)?;
    let mut jobs = api.known();
    let job = jobs.get_mut(&id).ok_or_else(|| refused(StatusCode::NOT_FOUND, "Snapshot does not exist"))?;
    if job.status != Status::Running {
        return Err(refused(StatusCode::BAD_REQUEST, "Snapshot is not running"));
    }
    job.status = Status::Canceled;
    Ok("OK")
}

async fn deliver(
    State(api): State<BrightDataApi>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Result<Json<Value>, Refused> {
    let job = api.advanced(&headers, &id)?;
    if job.status != Status::Ready {
        return Err(refused(StatusCode::CONFLICT, "Snapshot is not ready"));
    }
    let endpoint = body.pointer("/deliver/endpoint").and_then(Value::as_str).map(str::to_owned);
    let delivery_id = format!("d_{id}");
    let delivering = async move { api.post_data(&id, &job, endpoint.as_deref()).await };
    #[expect(clippy::disallowed_methods, reason = "a simulator has nothing to drain")]
    tokio::spawn(delivering);
    Ok(Json(json!({ "delivery_id": delivery_id })))
}

async fn delivery(
    State(api): State<BrightDataApi>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refused> {
    api.authenticate(&headers)?;
    let snapshot_id = id.trim_start_matches("d_");
    if !api.known().contains_key(snapshot_id) {
        return Err(refused(StatusCode::NOT_FOUND, "Delivery does not exist"));
    }
    let file =
        json!({ "filename": format!("{snapshot_id}.json"), "delivery_ts": "2026-01-15T08:00:00.000Z" });
    Ok(Json(json!({ "id": id, "delivery_files": [file], "status": "done" })))
}
