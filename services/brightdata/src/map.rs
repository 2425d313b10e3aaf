//! Records as rows: one function for each sort of record that has a table.

mod facebook;
mod instagram;
mod linkedin;
mod tiktok;

use contract::{
    EventId,
    brightdata::{Kind, Platform},
};
use serde_json::Value;
use store::{Media, Provenance, social_comments::Comment, social_posts::Post, social_profiles::Profile};
use time::{Duration, OffsetDateTime};

use crate::record::{Record, text};

/// Longest id that an index takes, in bytes.
const ID_MAX_BYTES: usize = 1_024;

/// How far ahead of ours Bright Data's clock may be. A record that claims to be of a later time would keep every other
/// record of the same thing out for ever. Proved by `a_record_from_the_future_does_not_freeze_its_row`.
const AHEAD_MAX: Duration = Duration::days(1);

/// A record as a row.
#[derive(Debug)]
pub(crate) enum Row<'a> {
    Post(Box<Post<'a>>),
    Comment(Box<Comment<'a>>),
    Profile(Box<Profile<'a>>),
}

/// What a part says of each of its records.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin<'a> {
    pub(crate) snapshot_id: Option<&'a str>,
    pub(crate) event_id: EventId,
    pub(crate) received_at: OffsetDateTime,
}

/// Why a record is no row. The words are those of `unrecognised_records.reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoRow {
    /// Its sort has no table.
    UnknownKind,
    /// It has no id.
    MissingId,
    /// Its id is longer than an index takes.
    IdTooLong,
}

/// Makes a record of this sort a row.
pub(crate) fn row<'a>(
    platform: Platform,
    kind: Kind,
    record: &mut Record<'a>,
    origin: Origin<'a>,
) -> Result<Row<'a>, NoRow> {
    use Kind::{Comments, Companies, Pages, Posts, Profiles, Reels, Stories, Videos};
    use Platform::{Facebook, Instagram, LinkedIn, TikTok};
    let id_fields: &[&str] = match (platform, kind) {
        (Facebook | Instagram, Posts | Reels) | (Instagram, Stories) | (TikTok, Videos) => &["post_id"],
        (Facebook | Instagram, Comments) => &["comment_id"],
        (Facebook, Pages) | (LinkedIn, Posts) => &["id"],
        (LinkedIn, Companies) => &["company_id", "id"],
        (TikTok, Profiles) => &["id", "account_id"],
        _ => return Err(NoRow::UnknownKind),
    };
    let id = record.id(id_fields).ok_or(NoRow::MissingId)?;
    if id.len() > ID_MAX_BYTES {
        return Err(NoRow::IdTooLong);
    }
    Ok(match (platform, kind) {
        (Facebook, Comments) => Row::Comment(Box::new(facebook::comment(id, record, origin))),
        (Facebook, Pages) => Row::Profile(Box::new(facebook::page(id, record, origin))),
        (Facebook, _) => Row::Post(Box::new(facebook::post(id, kind, record, origin))),
        (Instagram, Comments) => Row::Comment(Box::new(instagram::comment(id, record, origin))),
        (Instagram, _) => Row::Post(Box::new(instagram::post(id, kind, record, origin))),
        (LinkedIn, Companies) => Row::Profile(Box::new(linkedin::company(id, record, origin))),
        (LinkedIn, _) => Row::Post(Box::new(linkedin::post(id, record, origin))),
        (TikTok, Profiles) => Row::Profile(Box::new(tiktok::profile(id, record, origin))),
        (TikTok, _) => Row::Post(Box::new(tiktok::video(id, record, origin))),
    })
}

impl<'a> Origin<'a> {
    /// Where a record comes from. Ask last: it tells which fields were refused until then.
    pub(crate) fn provenance(self, record: &mut Record<'a>) -> Provenance<'a> {
        Provenance {
            snapshot_id: self.snapshot_id,
            collected_at: self.collected_at(record),
            event_id: self.event_id,
            received_at: self.received_at,
            raw: record.raw,
            warning_code: record.text(&["warning_code"]),
            warning: record.text(&["warning"]),
            refused_fields: record.refused(),
        }
    }
}

impl Origin<'_> {
    /// By the record, else when it arrived.
    fn collected_at(self, record: &mut Record<'_>) -> OffsetDateTime {
        const FIELD: &str = "timestamp";
        match record.instant(&[FIELD]) {
            Some(at) if at - AHEAD_MAX > self.received_at => {
                record.refuse(FIELD);
                self.received_at
            }
            at => at.unwrap_or(self.received_at),
        }
    }
}

/// The addresses in a list of texts or of objects with `url`, as media of one kind.
fn media_of<'r>(record: &'r Record<'_>, kind: &'r str, path: &str) -> impl Iterator<Item = Media> + 'r {
    let values = match record.get(path) {
        Some(Value::Array(values)) => values.as_slice(),
        Some(value) => std::slice::from_ref(value),
        None => &[],
    };
    values.iter().filter_map(move |value| {
        let url = value.as_str().or_else(|| value.get("url")?.as_str()).filter(|url| !url.is_empty())?;
        Some(Media { kind: kind.to_owned(), url: url.to_owned() })
    })
}

/// A member of an object that is no record.
fn member(value: &Value, name: &str) -> Option<String> {
    value.get(name).and_then(text)
}
