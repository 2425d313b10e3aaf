//! Removes a person from tables, dead letters and streams, by the CPF.
//!
//! A person is in what names the CPF, in any spelling, and in everything about a lead that names it or was found to be
//! theirs: all of that goes. Rows stay where books are kept, with a tombstone for a body, and every message that is
//! removed from a stream before all its consumers were done with it is entered as dead, so that an audit still balances.
//! Proved by `a_person_is_gone_from_every_place_and_the_books_balance`.
//!
//! Elsewhere, in whatever table and column, the CPF and the person's contacts (phones and addresses that their leads or
//! the look-ups told) are taken out of the text, and the rest of it, which is somebody else's, stays:
//! `nothing_that_can_hold_text_is_left_out`. A contact that leads of other people name, too, is theirs as much, and
//! stays: `a_contact_that_others_share_is_left_to_them`.
//!
//! Run twice it finds nothing the second time; cut off, it is finished by running it again: what leads to a person is
//! removed last. The CPF is in no error and no report.
//!
//! Not reached: what others hold (Contact2Sale, hooks, the look-up services: see [`Report::elsewhere`]), backups, logs,
//! and pages of PostgreSQL until they are vacuumed.

mod contacts;
mod find;
mod pattern;
mod remove;
mod report;

use bus::{Bus, claim::Claims};
use people::{BlindIndex, Cpf};
use seal::Keyring;
use sqlx::PgPool;
use time::OffsetDateTime;

pub use find::Traces;
pub use report::Report;

/// Finds and removes people, with what is open already.
#[derive(Debug)]
pub struct Erasure {
    /// Streams.
    pub bus: Bus,
    /// Bodies too large for a message.
    pub claims: Claims,
    /// Tables.
    pub pool: PgPool,
    /// Finds look-ups and leads by the CPF.
    pub index: BlindIndex,
    /// Opens look-ups, for the contacts in them; without it they are removed unread.
    pub keys: Option<Keyring>,
}

impl Erasure {
    /// What is kept of a person. Reads everything, and changes nothing.
    ///
    /// # Errors
    /// The database or the broker did not answer.
    pub async fn find(&self, cpf: &Cpf) -> anyhow::Result<Traces> {
        find::find(self, cpf).await
    }

    /// Keeps a fingerprint of the CPF, so that nobody looks the person up again; then finds and removes them.
    ///
    /// # Errors
    /// The database or the broker did not answer; what was removed by then is.
    pub async fn erase(&self, cpf: &Cpf, now: OffsetDateTime) -> anyhow::Result<Report> {
        remove::remove(self, cpf, now).await
    }
}
