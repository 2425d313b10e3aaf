//! What came back.

use std::{fmt, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;

use crate::Verdict;

/// An answer, whatever its status, with its whole body. Prints without its headers and body.
#[derive(Clone)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
    pub(crate) retry_after: Option<Duration>,
}

impl Answer {
    /// What to do next, by the status alone.
    pub fn verdict(&self) -> Verdict {
        Verdict::of(self.status)
    }

    /// How long the other side wants us to wait (`Retry-After`).
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// It is something else.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }

    /// The beginning of the body as text for people: one line, without control characters.
    pub fn excerpt(&self) -> String {
        const EXCERPT_CHARS: usize = 200;
        let text = String::from_utf8_lossy(self.body.get(..EXCERPT_CHARS * 4).unwrap_or(&self.body));
        let plain = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c });
        plain.take(EXCERPT_CHARS).collect()
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.status, self.body.len())
    }
}
