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
    /// The database did not answer, or refused.
    #[error("the database did not answer")]
    Database(#[from] sqlx::Error),
}

impl AuditError {
    pub(crate) fn broker(about: impl Into<String>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Broker { about: about.into(), source: source.into() }
    }
}

impl From<bus::NoAnswer> for AuditError {
    fn from(error: bus::NoAnswer) -> Self {
        Self::broker(format!("message {} of stream {}", error.sequence, error.stream), error)
    }
}
