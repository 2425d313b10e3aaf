//! Whose fault an error of the database is.

use consumer::Failure;
use contract::code;
use store::Fault;

/// The verdict that an error of the database means.
pub fn failure(error: sqlx::Error) -> Failure {
    match store::classify(&error) {
        Fault::Unavailable => Failure::Unavailable { source: error.into() },
        Fault::Transient => Failure::Retry { code: code::DATABASE_ERROR, after: None, source: error.into() },
        Fault::Permanent => Failure::Dead { code: code::NOT_STORABLE, source: error.into() },
    }
}
