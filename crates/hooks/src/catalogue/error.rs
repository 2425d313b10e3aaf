//! What is wrong with a hook.

use seal::OpenError;

use crate::LimitError;

/// Why a hook cannot be made or changed. No variant holds a URL or a secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no hook of this name.
    #[error("there is no hook {0}")]
    Unknown(String),
    /// There is one of this name already.
    #[error("there is a hook {0} already")]
    Taken(String),
    /// The name is none.
    #[error("a hook's name is 1 to 64 letters, digits, - and _")]
    Name,
    /// The URL or the secret is none.
    #[error("{0}")]
    Invalid(String),
    /// There are too many.
    #[error("there are {0} hooks already, as many as zapier.delivery.hooks_max allows")]
    TooMany(usize),
    /// Limits that cannot be.
    #[error(transparent)]
    Limits(#[from] LimitError),
    /// Nothing can be sealed.
    #[error("seal.keys is missing: a URL is kept sealed; make a key with `openssl rand -base64 32`")]
    NoKeys,
    /// A seal does not open.
    #[error("a seal does not open")]
    Seal(#[from] OpenError),
    /// The database fails.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}
