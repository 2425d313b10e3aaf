//! What a server does with the next requests, and what it was asked.

use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, Request as HttpRequest, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures::stream;

/// Long enough for the beginning of an answer to leave.
const FLUSH: Duration = Duration::from_millis(50);

/// One thing that a server does instead of its work, or before it.
#[derive(Debug, Clone)]
pub enum Step {
    /// Its work.
    Pass,
    /// Its work, after a while.
    Slow(Duration),
    /// Answers with this status and a text body.
    Status(u16, &'static str),
    /// Answers with this status, and repeats where it was asked, as many servers' error pages do.
    Echo(u16),
    /// Answers with this status and `Retry-After`.
    RetryAfter(u16, &'static str),
    /// Its work, with a header added to the answer.
    Header(&'static str, &'static str),
    /// Takes the request and never answers.
    Hang,
    /// Its work, whose answer never arrives.
    Lost,
    /// Answers with a redirect to there.
    Redirect(String),
    /// Answers with so many bytes, and does not say beforehand how many.
    Large(usize),
    /// Announces so many bytes, sends some of them, and closes the connection.
    BreakOff(usize),
    /// Sends the first bytes of a body and then nothing more.
    Stall,
    /// Sends a body without end, a byte at a time with this much between them.
    Drip(Duration),
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Request {
    /// Method.
    pub method: String,
    /// Path.
    pub path: String,
    /// Query, undecoded.
    pub query: String,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
    /// When.
    pub at: Instant,
}

/// Steps to come and requests that came. Clones share both.
#[derive(Debug, Clone, Default)]
pub struct Script(Arc<Mutex<Played>>);

#[derive(Debug, Default)]
struct Played {
    steps: VecDeque<Step>,
    requests: Vec<Request>,
}

impl Script {
    /// These steps, one per request; then its work.
    pub fn of(steps: impl IntoIterator<Item = Step>) -> Self {
        let script = Self::default();
        script.then(steps);
        script
    }

    /// Adds steps.
    pub fn then(&self, steps: impl IntoIterator<Item = Step>) {
        self.state().steps.extend(steps);
    }

    /// The requests that came.
    pub fn requests(&self) -> Vec<Request> {
        self.state().requests.clone()
    }

    /// The most requests that came within any stretch of this length.
    pub fn most_within(&self, stretch: Duration) -> usize {
        let state = self.state();
        let within = |first: &Request| {
            state.requests.iter().filter(|other| (first.at..first.at + stretch).contains(&other.at)).count()
        };
        state.requests.iter().map(within).max().unwrap_or_default()
    }

    fn state(&self) -> MutexGuard<'_, Played> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, request: Request) -> Step {
        const REMEMBERED_MAX: usize = 10_000;
        let mut state = self.state();
        if state.requests.len() < REMEMBERED_MAX {
            state.requests.push(request);
        }
        state.steps.pop_front().unwrap_or(Step::Pass)
    }
}

/// Notes the request and plays the next step.
pub(crate) async fn play(State(script): State<Script>, request: HttpRequest<Body>, next: Next) -> Response {
    const BODY_MAX_BYTES: usize = 64 * 1024 * 1024;
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_MAX_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let target = parts.uri.to_string();
    let step = script.note(Request {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers.clone(),
        body: body.clone(),
        at: Instant::now(),
    });
    let work = next.run(HttpRequest::from_parts(parts, Body::from(body)));
    match step {
        Step::Pass => work.await,
        Step::Slow(wait) => {
            tokio::time::sleep(wait).await;
            work.await
        }
        Step::Header(name, value) => {
            let mut response = work.await;
            response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
            response
        }
        Step::Hang => std::future::pending().await,
        Step::Lost => {
            drop(work.await);
            std::future::pending().await
        }
        Step::Status(status, body) => (status_of(status), body).into_response(),
        Step::Echo(status) => (status_of(status), format!("Cannot POST {target}")).into_response(),
        Step::RetryAfter(status, after) => {
            (status_of(status), [(header::RETRY_AFTER, after)], "").into_response()
        }
        Step::Redirect(to) => (StatusCode::FOUND, [(header::LOCATION, to)]).into_response(),
        Step::Large(len) => streamed(large(len)),
        Step::BreakOff(len) => {
            let some = stream::once(async { Ok(Bytes::from_static(b"[{\"begun\":")) });
            let end = stream::once(async {
                // What is not on its way yet would go down with the connection.
                tokio::time::sleep(FLUSH).await;
                Err(std::io::Error::other("the connection is closed now"))
            });
            let mut response = streamed(stream::StreamExt::chain(some, end));
            response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(len));
            response
        }
        Step::Stall => {
            let some = stream::once(async { Ok::<_, Infallible>(Bytes::from_static(b"[{\"begun\":")) });
            streamed(stream::StreamExt::chain(some, stream::pending()))
        }
        Step::Drip(pause) => streamed(stream::unfold((), move |()| async move {
            tokio::time::sleep(pause).await;
            Some((Ok::<_, Infallible>(Bytes::from_static(b" ")), ()))
        })),
    }
}

fn status_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn large(len: usize) -> impl stream::Stream<Item = Result<Bytes, Infallible>> {
    const PIECE: &[u8] = &[b'x'; 16 * 1024];
    stream::iter((0..len.div_ceil(PIECE.len())).map(|_| Ok(Bytes::from_static(PIECE))))
}

fn streamed<E: Into<axum::BoxError> + 'static>(
    body: impl stream::Stream<Item = Result<Bytes, E>> + Send + 'static,
) -> Response {
    Response::new(Body::from_stream(body))
}
