//! Whether every event that a stream accepted is pending, completed or dead; and healing what is none of these.
//!
//! accepted = pending + completed + dead + duplicates + directed + lost, position by position, for each provider.
//!
//! Promises:
//! - What an audit has passed it never reads again: its books (`stream_accounts`) say where it stands. Proved by
//!   `a_second_audit_reads_only_what_is_new`.
//! - Moves between two readings are not differences: the broker is asked first, and what it settled then is in the
//!   ledger before anybody looks there. Proved by `an_audit_under_traffic_finds_nothing`.
//! - Healing twice is healing once, and what is completed is never touched.
//! - What a stream has lost is told until a person acknowledges it.
//!
//! It never creates a stream or a consumer, and never settles a message of a consumer.

mod account;
mod auditor;
mod burial;
mod claims;
mod error;
mod facts;
mod handlings;
mod heal;
mod look;
mod report;

pub use auditor::Auditor;
pub use burial::{Burial, GivenUp, Incarnation, Outcome};
pub use claims::ClaimReport;
pub use error::AuditError;
pub use report::{Healed, Report, Secondary, Suspect, Why};
