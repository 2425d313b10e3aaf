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
//! - What a stream has lost is told until a person acknowledges it. A position is lost when the stream counts it as
//!   deleted and nobody has committed it since; where the broker contradicts itself nothing is said. Proved by
//!   `a_stream_that_goes_back_during_an_audit_is_no_loss` and `a_loss_is_believed_when_it_has_been_one_for_a_while`.
//! - A stream that was set back to an earlier state is told. Proved by
//!   `a_stream_that_was_set_back_is_told_with_what_to_do`.
//!
//! It never creates a stream or a consumer, and never settles a message of a consumer.

mod account;
mod auditor;
mod burial;
mod claims;
mod doubts;
mod error;
mod facts;
mod gone;
mod handlings;
mod heal;
mod look;
mod report;

pub use auditor::Auditor;
pub use burial::{Burial, GivenUp, Incarnation, Outcome};
pub use claims::ClaimReport;
pub use error::AuditError;
pub use look::SetBack;
pub use report::{Healed, Report, Secondary, Suspect, Why};
