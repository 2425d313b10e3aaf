//! Why an audit could not be made.

use std::error::Error;

/// Somebody did not answer. Nothing is known then; the next audit begins where this one did.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The broker did not answer.
    #[error("the broker did not answer about {about}")]
    Broker {
        /// What it was asked about.
        about: String,
        /// What it said instead.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// What the broker said at one moment contradicts what it said at another: it was restarted, or is about to be, or a
    /// stream was made anew meanwhile. Another audit will see.
    #[error("nothing can be said about stream {stream} yet: {why}")]
    Unsure {
        /// The stream.
        stream: String,
        /// What does not fit.
        why: String,
    },
    /// The database did not answer, or refused.
    #[error("the database did not answer")]
    Database(#[from] sqlx::Error),
}

impl AuditError {
    pub(crate) fn unsure(stream: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Unsure { stream: stream.into(), why: why.into() }
    }

    pub(crate) fn broker(about: impl Into<String>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Broker { about: about.into(), source: source.into() }
    }
}

impl From<bus::NoAnswer> for AuditError {
    fn from(error: bus::NoAnswer) -> Self {
        Self::broker(format!("message {} of stream {}", error.sequence, error.stream), error)
    }
}
