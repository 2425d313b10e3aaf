//! Whose fault an error is: it decides whether an event waits, is tried again, or is given up.

use sqlx::Error;

/// What an error of the database means for the event at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The database cannot serve anybody now: away, starting, full, read-only, or not migrated. No event is to blame,
    /// so it does not count as an attempt.
    Unavailable,
    /// This time it failed; the same may succeed next time.
    Transient,
    /// The database refuses this very data, and always will.
    Permanent,
}

/// Judges an error.
pub fn classify(error: &Error) -> Fault {
    match error {
        Error::Database(database) => database.code().map_or(Fault::Transient, |code| of_sqlstate(&code)),
        Error::Io(_)
        | Error::Tls(_)
        | Error::Protocol(_)
        | Error::PoolTimedOut
        | Error::PoolClosed
        | Error::WorkerCrashed
        | Error::Configuration(_)
        | Error::Migrate(_) => Fault::Unavailable,
        Error::Encode(_) | Error::InvalidArgument(_) => Fault::Permanent,
        _ => Fault::Transient,
    }
}

/// The five-letter code of an error that the server reported.
pub fn sqlstate(error: &Error) -> Option<String> {
    error.as_database_error()?.code().map(std::borrow::Cow::into_owned)
}

/// By class of PostgreSQL's appendix A, and by code where a class holds both kinds.
fn of_sqlstate(code: &str) -> Fault {
    match code {
        // A race with another transaction (serialization failures and deadlocks are class 40); and canceled, mostly by
        // the statement timeout: alone instead of in its batch the event may be quick enough.
        "23505" | "57014" => Fault::Transient,
        // Read-only: a standby that has not been promoted yet. Cut off: this process froze inside a transaction. And a
        // lock that somebody holds: a migration, maintenance, another process that hangs.
        "25006" | "25P03" | "55P03" => Fault::Unavailable,
        _ => match code.get(..2) {
            // Connection, authorization, no such database or schema, out of resources, shutting down, disk trouble;
            // 42 is a table or a privilege that is missing, so a migration or a grant will cure it.
            Some("08" | "28" | "3D" | "3F" | "42" | "53" | "57" | "58") => Fault::Unavailable,
            // Data exception, cardinality, integrity constraint, larger than the server can hold.
            Some("21" | "22" | "23" | "54") => Fault::Permanent,
            _ => Fault::Transient,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_blamed_on_the_database_the_moment_or_the_event() {
        for code in [
            "08006", "08P01", "28P01", "3D000", "42P01", "42501", "53100", "53200", "53300", "57P01",
            "57P02", "57P03", "57P05", "25006", "25P03", "55P03", "58030",
        ] {
            assert_eq!(of_sqlstate(code), Fault::Unavailable, "{code}");
        }
        for code in ["40001", "40P01", "23505", "57014", "25P02", "XX000", ""] {
            assert_eq!(of_sqlstate(code), Fault::Transient, "{code}");
        }
        for code in ["22021", "22P05", "22003", "23502", "23514", "54000", "54001"] {
            assert_eq!(of_sqlstate(code), Fault::Permanent, "{code}");
        }
        assert_eq!(classify(&Error::PoolTimedOut), Fault::Unavailable);
        assert_eq!(classify(&Error::Io(std::io::ErrorKind::ConnectionRefused.into())), Fault::Unavailable);
    }
}
