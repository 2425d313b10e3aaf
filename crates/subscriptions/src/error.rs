//! Why something was not done.

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A new account needs one.
    #[error("the account is new, so its access token is needed")]
    NoToken,
    /// One check at a time: it would ask Meta twice for nothing.
    #[error("another check is at work")]
    Busy,
    /// There is nothing to remove.
    #[error("no such subscription")]
    Unknown,
    /// Meta did not do it.
    #[error(transparent)]
    Graph(#[from] graph_api::Error),
    /// The token that is kept cannot be opened.
    #[error("cannot open the account's token")]
    Token(#[from] seal::OpenError),
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}
