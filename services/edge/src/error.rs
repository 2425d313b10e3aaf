//! Every way in which a request is refused, and what the caller is told: problem+json (RFC 9457) with a stable code.

use std::time::Duration;

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, Response, StatusCode, header},
};
use bus::PublishError;
use contract::{Code, code};
use serde_json::{Value, json};
use tracing::Level;
use uuid::Uuid;

use crate::rate::Standing;

/// When to come back after the stream did not acknowledge.
const STREAM_RETRY: Duration = Duration::from_secs(5);
/// When to come back after too many requests were in flight, or another process takes over.
const BUSY_RETRY: Duration = Duration::from_secs(1);

/// Why a request was not accepted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("no such endpoint")]
    NotFound,
    #[error("the endpoint does not take this method")]
    MethodNotAllowed,
    #[error("HTTPS is required")]
    HttpsRequired,
    #[error("the sender is not allowed here")]
    Forbidden,
    #[error("too many requests")]
    RateLimited(Standing),
    #[error("too many requests are in flight")]
    Overloaded,
    #[error("the service is stopping")]
    Draining,
    #[error("credentials are missing or wrong")]
    Unauthorized,
    #[error("the body is above the limit")]
    TooLarge { limit_bytes: usize },
    #[error("the body becomes too large when it is decompressed")]
    TooCompressed { limit_ratio: usize },
    #[error("the delivery holds too many events")]
    TooManyEvents { limit_events: usize },
    #[error("the body did not arrive in time")]
    BodyTimeout,
    #[error("the body ended early")]
    BodyCutOff,
    #[error("the delivery holds nothing valid")]
    Invalid { code: Code, rejected: usize },
    #[error("the event is above the limit of one event")]
    EventTooLarge { limit_bytes: usize },
    #[error("the delivery could not be made durable in time")]
    TooSlow,
    #[error("the delivery could not be made durable")]
    NotDurable(#[source] PublishError),
    #[error("the delivery could not be kept until its signature was checked")]
    Spool(#[source] std::io::Error),
    #[error("a fault of ours")]
    Internal,
}

impl Refusal {
    pub(crate) fn parts(&self) -> (StatusCode, Code) {
        match self {
            Self::NotFound => (StatusCode::NOT_FOUND, code::NOT_FOUND),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, code::METHOD_NOT_ALLOWED),
            Self::HttpsRequired => (StatusCode::FORBIDDEN, code::HTTPS_REQUIRED),
            Self::Forbidden => (StatusCode::FORBIDDEN, code::FORBIDDEN),
            Self::RateLimited(_) => (StatusCode::TOO_MANY_REQUESTS, code::RATE_LIMITED),
            Self::Overloaded | Self::NotDurable(PublishError::Overloaded) => {
                (StatusCode::SERVICE_UNAVAILABLE, code::OVERLOADED)
            }
            Self::Draining => (StatusCode::SERVICE_UNAVAILABLE, code::DRAINING),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, code::UNAUTHORIZED),
            Self::TooLarge { .. } | Self::TooCompressed { .. } | Self::TooManyEvents { .. } => {
                (StatusCode::PAYLOAD_TOO_LARGE, code::TOO_LARGE)
            }
            Self::NotDurable(PublishError::TooLarge { .. }) | Self::EventTooLarge { .. } => {
                (StatusCode::PAYLOAD_TOO_LARGE, code::EVENT_TOO_LARGE)
            }
            Self::BodyTimeout => (StatusCode::REQUEST_TIMEOUT, code::TIMEOUT),
            Self::BodyCutOff => (StatusCode::BAD_REQUEST, code::MALFORMED),
            Self::Invalid { code, .. } => (StatusCode::BAD_REQUEST, *code),
            Self::NotDurable(_) | Self::TooSlow => {
                (StatusCode::SERVICE_UNAVAILABLE, code::STREAM_UNAVAILABLE)
            }
            Self::Spool(_) | Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, code::INTERNAL),
        }
    }

    /// How loud it is in the log. Shedding load and stopping are 5xx to the caller, but work as they should.
    pub(crate) fn level(&self) -> Level {
        match self.parts().0 {
            _ if matches!(self, Self::Overloaded | Self::Draining) => Level::WARN,
            status if status.is_server_error() => Level::ERROR,
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Level::DEBUG,
            _ => Level::WARN,
        }
    }

    /// Whether the sender may still be sending, so that the connection cannot be used again.
    pub(crate) fn closes(&self) -> bool {
        matches!(
            self,
            Self::TooLarge { .. }
                | Self::TooCompressed { .. }
                | Self::TooManyEvents { .. }
                | Self::BodyTimeout
                | Self::BodyCutOff
                | Self::Draining
                | Self::Spool(_)
                | Self::Internal
        )
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited(standing) => Some(standing.reset),
            Self::Overloaded | Self::Draining | Self::NotDurable(PublishError::Overloaded) => {
                Some(BUSY_RETRY)
            }
            Self::TooSlow | Self::NotDurable(PublishError::Unavailable(_) | PublishError::Refused(_)) => {
                Some(STREAM_RETRY)
            }
            _ => None,
        }
    }

    /// What the caller may know beside status and code.
    fn extension(&self) -> Option<(&'static str, usize)> {
        match self {
            Self::TooLarge { limit_bytes } | Self::EventTooLarge { limit_bytes } => {
                Some(("limit_bytes", *limit_bytes))
            }
            Self::TooCompressed { limit_ratio } => Some(("limit_ratio", *limit_ratio)),
            Self::TooManyEvents { limit_events } => Some(("limit_events", *limit_events)),
            Self::Invalid { rejected, .. } if *rejected > 0 => Some(("rejected", *rejected)),
            _ => None,
        }
    }

    /// The answer. Proved to hold nothing of the inside by `a_5xx_tells_nothing_of_the_inside`.
    pub(crate) fn into_response(self, request_id: Uuid) -> Response<Body> {
        let (status, code) = self.parts();
        let mut problem = json!({
            "type": "about:blank",
            "title": status.canonical_reason(),
            "status": status.as_u16(),
            "detail": self.to_string(),
            "code": code.as_str(),
            "request_id": request_id,
        });
        if let (Some((name, value)), Value::Object(members)) = (self.extension(), &mut problem) {
            members.insert(name.to_owned(), value.into());
        }
        let mut response = Response::new(Body::from(problem.to_string()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        let json = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, json);
        if let Some(wait) = self.retry_after() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
        }
        if let Self::RateLimited(standing) = &self {
            standing.write(headers);
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if self.closes() {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// `wait` as the headers carry it: never 0, which would mean "at once".
pub(crate) fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1)
}

/// Carries the request id on every answer.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_rounded_up_and_never_zero() {
        assert_eq!(whole_seconds(Duration::ZERO), 1);
        assert_eq!(whole_seconds(Duration::from_millis(900)), 1);
        assert_eq!(whole_seconds(Duration::from_millis(1_001)), 2);
        assert_eq!(whole_seconds(Duration::from_secs(5)), 5);
    }

    #[tokio::test]
    async fn a_5xx_tells_nothing_of_the_inside() {
        let source = "nats://10.0.0.7:4222 stream C2S is full".into();
        let refusals = [
            Refusal::NotDurable(PublishError::Refused(source)),
            Refusal::NotDurable(PublishError::Unavailable(None)),
            Refusal::Spool(std::io::Error::other("/var/lib/weir: stream of NATS")),
            Refusal::Internal,
        ];
        for refusal in refusals {
            let response = refusal.into_response(Uuid::nil());
            assert!(response.status().is_server_error());
            let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
            let body = String::from_utf8(body.to_vec()).unwrap();
            for inside in ["nats", "NATS", "C2S", "stream ", "10.0.0.7", "JetStream"] {
                assert!(!body.contains(inside), "{body}");
            }
        }
    }
}
