//! Answers that are read in pieces.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use reqwest::Response;
use tokio::time::{Instant, timeout};

use crate::{Answer, Error};

/// What a download begins with.
#[derive(Debug)]
pub enum Download {
    /// 200: the body, to be read.
    Body(Body),
    /// Something else.
    Answer(Answer),
}

/// Bytes a second below which a body is too slow, on average over the time that we waited for it.
const PACE_MIN: u64 = 1024;

/// A body that is still coming, bounded in size, in the pauses between its pieces, and in its pace.
#[derive(Debug)]
pub struct Body {
    response: Response,
    left: u64,
    max_bytes: u64,
    idle: Duration,
    /// How long we waited for its pieces, all together; the reader's own time does not count.
    waited: Duration,
}

impl Download {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Body(body) => body.response.status(),
            Self::Answer(answer) => answer.status,
        }
    }
}

impl Body {
    /// A body whose announced length is allowed; one that announces none, or lies, is stopped when it grows too large.
    pub(crate) fn new(response: Response, max_bytes: u64, idle: Duration) -> Result<Self, Error> {
        if response.content_length().is_some_and(|length| length > max_bytes) {
            return Err(Error::TooLarge(max_bytes));
        }
        Ok(Self { response, left: max_bytes, max_bytes, idle, waited: Duration::ZERO })
    }

    /// Headers of the answer.
    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// The next piece; `None` at the end, which is reached only when the body is whole.
    ///
    /// # Errors
    /// It pauses too long, drips, breaks off, or is larger than allowed. Proved by
    /// `a_download_that_stalls_or_breaks_off_is_not_taken_for_whole` and `a_body_that_drips_is_given_up`.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        let received = self.max_bytes - self.left;
        let deserved = self.idle + Duration::from_secs(received / PACE_MIN);
        let allowed = deserved.saturating_sub(self.waited).min(self.idle);
        let began = Instant::now();
        let next = timeout(allowed, self.response.chunk()).await;
        self.waited += began.elapsed();
        let next = next.map_err(|_| Error::Timeout(self.idle))?;
        let Some(chunk) = next.map_err(|error| Error::of(error, self.idle))? else { return Ok(None) };
        self.left = self.left.checked_sub(chunk.len() as u64).ok_or(Error::TooLarge(self.max_bytes))?;
        Ok(Some(chunk))
    }
}
