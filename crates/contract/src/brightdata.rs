//! Bright Data ("datasets v3"): what its deliveries and notifications mean, as far as the edge, which cuts them into
//! parts, and the processor, which reads the parts, must agree.
//!
//! A delivery is one POST with the records of one snapshot (job). It is split while it arrives ([`Splitter`]) and grouped
//! ([`Groups`]), and each group is one event. Where one begins and ends depends on the bytes of the body alone, so a
//! repeated delivery, and a snapshot that is fetched because its delivery was lost, give the same groups under the same
//! keys (`a_body_gives_the_same_groups_however_it_is_cut`).

mod control;
mod csv;
mod group;
mod part;
mod scan;
mod split;
mod words;

pub use control::{Body, Notice};
pub use group::{Group, Groups};
pub use part::{Limits, PartMark};
pub use split::{Split, Splitter};
pub use words::{Dataset, JobStatus, Kind, Platform, dataset};

use std::borrow::Cow;

use sha2::{Digest, Sha256};

/// Last part of the subject of a part of a delivery, and of a delivery without records.
pub const DELIVERY: &str = "delivery";
/// Last part of the subject of a notification.
pub const NOTIFY: &str = "notify";
/// Last part of the subject of a body that only says where the records are.
pub const REFERENCE: &str = "reference";
/// Last part of the subject of a test body.
pub const TEST: &str = "test";
/// Last part of the subject of what could not be read; such events carry `weir-rejected`.
pub const MALFORMED: &str = "malformed";

/// `ce-type` of a part with records: the body is NDJSON, or CSV with its header row.
pub const TYPE_PART: &str = "brightdata.delivery.part";
/// `ce-type` of a part whose `Dca-Dataset` header says that it comes from another product: to be kept raw.
pub const TYPE_FOREIGN: &str = "brightdata.delivery.foreign";
/// `ce-type` of a delivery without records: the job found nothing. The body is what came.
pub const TYPE_EMPTY: &str = "brightdata.delivery.empty";
/// `ce-type` of a body with a `result_url` or `file_url` instead of records. Never to be fetched blindly.
pub const TYPE_REFERENCE: &str = "brightdata.delivery.reference";
/// `ce-type` of the older system's test body, `{"test":true,…}`.
pub const TYPE_TEST: &str = "brightdata.delivery.test";
/// `ce-type` of bytes that are no record: lines, elements, or a piece of an unreadable rest.
pub const TYPE_MALFORMED: &str = "brightdata.delivery.malformed";
/// `ce-type` of the word that a job changed its status.
pub const TYPE_NOTIFY: &str = "brightdata.job.notify";

/// Value of the extension `format`: one record a line.
pub const FORMAT_NDJSON: &str = "ndjson";
/// Value of the extension `format`: a header row, then one row for each record.
pub const FORMAT_CSV: &str = "csv";
/// Value of the extension `format`: one JSON value.
pub const FORMAT_JSON: &str = "json";
/// Value of the extension `format`: bytes that are nothing that we can read.
pub const FORMAT_RAW: &str = "raw";

/// Stands for a body without records.
pub const NO_RECORDS: &[u8] = b"[]";
/// Stands in keys where no snapshot id is known.
pub const UNMATCHED: &str = "unmatched";

/// The media type of a body in this `format`.
pub fn content_type(format: &str) -> &'static str {
    match format {
        FORMAT_NDJSON => "application/x-ndjson",
        FORMAT_CSV => "text/csv",
        FORMAT_RAW => "application/octet-stream",
        _ => "application/json",
    }
}

/// Key of a part: equal for every repeat of the same records at the same place of the same snapshot. Parts of two
/// deliveries of one snapshot (a batched redelivery) differ by their digest.
pub fn part_key(snapshot_id: Option<&str>, number: u64, payload: &[u8]) -> String {
    format!("bd:{}:{number}:{}", key_id(snapshot_id), digest(payload))
}

/// Key of a delivery without records.
pub fn empty_key(snapshot_id: Option<&str>, body: &[u8]) -> String {
    format!("bd:{}:empty:{}", key_id(snapshot_id), digest(body))
}

/// Key of a body that says where the records are.
pub fn reference_key(snapshot_id: Option<&str>, body: &[u8]) -> String {
    format!("bd:{}:reference:{}", key_id(snapshot_id), digest(body))
}

/// Key of bytes that are no record.
pub fn malformed_key(snapshot_id: Option<&str>, number: u64, payload: &[u8]) -> String {
    format!("bd:{}:malformed:{number}:{}", key_id(snapshot_id), digest(payload))
}

/// Key of a notification: a job says each word once. Without an id nothing but the body tells two of them apart.
pub fn notify_key(snapshot_id: Option<&str>, status: Option<&str>, body: &[u8]) -> String {
    let status = word_key(status.unwrap_or("unknown"));
    match snapshot_id {
        Some(_) => format!("bdn:{}:{status}", key_id(snapshot_id)),
        None => format!("bdn:{UNMATCHED}:{status}:{}", digest(body)),
    }
}

/// The id as keys hold it: bounded, and nothing in it that a database would not take.
fn key_id(snapshot_id: Option<&str>) -> Cow<'_, str> {
    const ID_MAX_BYTES: usize = 96;
    let is_plain = |id: &str| id.len() <= ID_MAX_BYTES && id.bytes().all(|byte| byte.is_ascii_graphic());
    match snapshot_id {
        None => Cow::Borrowed(UNMATCHED),
        Some(id) if is_plain(id) => Cow::Borrowed(id),
        Some(id) => Cow::Owned(hex::encode(Sha256::digest(id.as_bytes()))),
    }
}

/// The same of a word, of which only what is visible counts.
fn word_key(word: &str) -> String {
    const WORD_MAX_CHARS: usize = 32;
    let visible = word.chars().filter(char::is_ascii_graphic).take(WORD_MAX_CHARS);
    let key: String = visible.map(|c| c.to_ascii_lowercase()).collect();
    if key.is_empty() { "unknown".to_owned() } else { key }
}

/// The first 32 hex digits of the SHA-256.
fn digest(bytes: &[u8]) -> String {
    let mut digest = hex::encode(Sha256::digest(bytes));
    digest.truncate(32);
    digest
}

#[cfg(test)]
mod tests;
