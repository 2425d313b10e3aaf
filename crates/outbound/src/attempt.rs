//! One attempt: its span, its measure, and reading what comes back.

use std::time::Duration;

use http::{StatusCode, header};
use opentelemetry::KeyValue;
use reqwest::Response;
use time::OffsetDateTime;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::{Instrument as _, Span, field, info_span};

use crate::{Answer, Body, Client, Download, Error, Request, circuit::Leave, redact::redacted, retry_after};

impl Client {
    /// Asks once and reads the whole answer.
    pub(crate) async fn attempt(&self, request: &Request, resend: usize) -> Result<Answer, Error> {
        let leave = self.circuits.enter(request)?;
        let limit = self.timeout_of(request);
        let asking = async {
            let response = self.head(request).await?;
            self.whole(response, request).await
        };
        let asking = async { timeout(limit, asking).await.unwrap_or(Err(Error::Timeout(limit))) };
        let result = self.observed(request, resend, asking, |answer| answer.status).await;
        note(leave, result.as_ref().map(|answer| answer.status));
        result
    }

    /// Asks once, and reads no more of the answer than people want to see.
    pub(crate) async fn tell_once(&self, request: &Request) -> Result<Answer, Error> {
        let leave = self.circuits.enter(request)?;
        let limit = self.timeout_of(request);
        let asking = async {
            let response = timeout(limit, self.head(request)).await.unwrap_or(Err(Error::Timeout(limit)))?;
            Ok(beginning(response, limit).await)
        };
        let result = self.observed(request, 0, asking, |answer| answer.status).await;
        note(leave, result.as_ref().map(|answer| answer.status));
        result
    }

    /// Asks once, and leaves a large body to be read.
    pub(crate) async fn begin(
        &self,
        request: &Request,
        max_bytes: u64,
        resend: usize,
    ) -> Result<Download, Error> {
        let leave = self.circuits.enter(request)?;
        let limit = self.timeout_of(request);
        let deadline = Instant::now() + limit;
        let asking = async {
            let head = timeout_at(deadline, self.head(request)).await;
            let response = head.unwrap_or(Err(Error::Timeout(limit)))?;
            if response.status() == StatusCode::OK {
                let idle = self.settings.idle_timeout();
                return Body::new(response, max_bytes, idle).map(Download::Body);
            }
            let answer = timeout_at(deadline, self.whole(response, request)).await;
            answer.unwrap_or(Err(Error::Timeout(limit))).map(Download::Answer)
        };
        let result = self.observed(request, resend, asking, Download::status).await;
        note(leave, result.as_ref().map(Download::status));
        result
    }

    /// Sends, and returns when the head of the answer is there.
    async fn head(&self, request: &Request) -> Result<Response, Error> {
        self.guard.check(&request.url)?;
        let sending = self
            .http
            .request(request.method.clone(), request.url.clone())
            .headers(request.headers.clone())
            .body(request.body.clone())
            .send();
        let response = sending.await.map_err(|error| Error::of(error, self.settings.connect_timeout()))?;
        if response.status().is_redirection() {
            return Err(Error::Redirected(response.status()));
        }
        Ok(response)
    }

    async fn whole(&self, response: Response, request: &Request) -> Result<Answer, Error> {
        let (status, headers) = (response.status(), response.headers().clone());
        let max = self.settings.response_max_bytes as u64;
        let mut body = Body::new(response, max, self.timeout_of(request))?;
        let mut whole = Vec::new();
        while let Some(chunk) = body.chunk().await? {
            whole.extend_from_slice(&chunk);
        }
        let retry_after = retry_after::read(&headers, OffsetDateTime::now_utc());
        Ok(Answer { status, headers, body: whole.into(), retry_after })
    }

    async fn observed<T>(
        &self,
        request: &Request,
        resend: usize,
        asking: impl Future<Output = Result<T, Error>>,
        status: impl FnOnce(&T) -> StatusCode,
    ) -> Result<T, Error> {
        let span = self.span(request, resend);
        let started = Instant::now();
        let result = asking.instrument(span.clone()).await;
        let (code, kind) = match &result {
            Ok(outcome) => (Some(status(outcome).as_u16()), None),
            Err(error) => (None, Some(error.kind())),
        };
        let failed = kind.is_some() || code.is_some_and(|code| code >= 400);
        span.record("http.response.status_code", code);
        span.record("error.type", kind);
        if failed {
            span.record("otel.status_code", "ERROR");
        }
        let labels = [
            KeyValue::new("destination", self.destination),
            KeyValue::new("http.request.method", request.method.to_string()),
            KeyValue::new("http.response.status_code", i64::from(code.unwrap_or_default())),
            KeyValue::new("error.type", kind.unwrap_or_default()),
        ];
        self.duration.record(started.elapsed().as_secs_f64(), &labels);
        result
    }

    fn span(&self, request: &Request, resend: usize) -> Span {
        info_span!(
            "outbound.attempt",
            otel.name = format!("{} {}", request.method, self.destination),
            otel.kind = "client",
            otel.status_code = field::Empty,
            error.type = field::Empty,
            http.request.method = %request.method,
            http.request.header.content_type =
                request.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()),
            http.request.resend_count = request.attempts_before + resend,
            http.response.status_code = field::Empty,
            server.address = request.url.host_str(),
            server.port = request.url.port_or_known_default(),
            url.full = redacted(&request.url, request.template),
            url.template = request.template,
        )
    }
}

/// The answer with the beginning of its body: all that comes of it within a moment, whatever is wrong with the rest.
async fn beginning(mut response: Response, limit: Duration) -> Answer {
    const BEGINNING_MAX_BYTES: usize = 4 * 1024;
    const MOMENT: Duration = Duration::from_secs(2);
    let (status, headers) = (response.status(), response.headers().clone());
    let deadline = Instant::now() + limit.min(MOMENT);
    let mut body = Vec::new();
    while let Ok(Ok(Some(chunk))) = timeout_at(deadline, response.chunk()).await {
        let room = BEGINNING_MAX_BYTES - body.len();
        body.extend(chunk.iter().take(room));
        if body.len() == BEGINNING_MAX_BYTES {
            break;
        }
    }
    let retry_after = retry_after::read(&headers, OffsetDateTime::now_utc());
    Answer { status, headers, body: body.into(), retry_after }
}

/// What an attempt says of its destination.
fn note(leave: Leave, outcome: Result<StatusCode, &Error>) {
    match outcome {
        Ok(status) if status.is_server_error() => leave.failed(),
        Err(error) if error.may_pass() => leave.failed(),
        // Nobody was asked.
        Err(Error::Forbidden | Error::Scheme) => drop(leave),
        Ok(_) | Err(_) => leave.answered(),
    }
}
