//! A part read: its records as rows, errors, and what is left.

use std::{
    collections::{BTreeMap, HashMap},
    mem::take,
};

use contract::{
    EventId,
    brightdata::{Kind, Platform},
};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use store::{
    schema_drift::Drift, scrape_record_errors::RecordError, scrape_requests::PartCounts,
    social_comments::Comment, social_posts::Post, social_profiles::Profile,
    unrecognised_records::Unrecognised,
};
use time::OffsetDateTime;

use crate::{
    map::{self, NoRow, Origin, Row},
    record::{NoRecord, Record},
    schema::{self, Difference},
    sort::{self, Declared},
};

/// Different differences counted of one part, at most.
const DIFFERENCES_MAX: usize = 2_000;

/// What a part is about, as far as its message and its job say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heading<'a> {
    pub(crate) snapshot_id: Option<&'a str>,
    pub(crate) event_id: EventId,
    pub(crate) received_at: OffsetDateTime,
    pub(crate) dataset_id: Option<&'a str>,
    pub(crate) declared: Declared,
    pub(crate) is_foreign: bool,
}

/// A part read.
#[derive(Debug, Default)]
pub(crate) struct Reading<'a> {
    pub(crate) posts: Vec<Post<'a>>,
    pub(crate) comments: Vec<Comment<'a>>,
    pub(crate) profiles: Vec<Profile<'a>>,
    pub(crate) errors: Vec<RecordError<'a>>,
    pub(crate) unrecognised: Vec<Unrecognised<'a>>,
    pub(crate) counts: PartCounts,
    /// Records by sort and outcome.
    pub(crate) tally: BTreeMap<(Sort, &'static str), u64>,
    /// Records with a warning, by sort.
    pub(crate) warnings: BTreeMap<Sort, u64>,
    differences: HashMap<(Sort, Difference), i64>,
}

/// What a record is; either may be unknown.
pub(crate) type Sort = (Option<Platform>, Option<Kind>);

impl<'a> Reading<'a> {
    /// Reads records, one a line. Whatever a line holds, it is in one of the lists. Proved by
    /// `every_line_ends_up_somewhere`.
    pub(crate) fn of(heading: Heading<'a>, lines: &'a [u8]) -> Self {
        let mut reading = Self::default();
        for line in lines.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty())
        {
            reading.counts.records += 1;
            reading.line(heading, line);
        }
        reading
    }

    /// Records that have a row.
    pub(crate) fn stored(&self) -> i64 {
        self.counts.records - self.counts.errors - self.counts.unrecognised
    }

    /// What all records are, where they are all the same.
    pub(crate) fn sort(&self) -> Sort {
        let mut known = self.tally.keys().map(|(sort, _)| *sort).filter(|sort| *sort != (None, None));
        let Some(first) = known.next() else { return (None, None) };
        known.fold(first, |(platform, kind), other| {
            (platform.filter(|it| Some(*it) == other.0), kind.filter(|it| Some(*it) == other.1))
        })
    }

    /// The differences, by dataset.
    pub(crate) fn drifts(&mut self, heading: Heading<'_>) -> Vec<Drift> {
        let drift = |((sort, difference), records): ((Sort, Difference), i64)| Drift {
            dataset: heading.dataset_id.map_or_else(|| name_of(sort), str::to_owned),
            path: difference.path,
            change: difference.change,
            found: difference.found,
            expected: Some(difference.expected).filter(|types| !types.is_empty()),
            records,
            snapshot_id: heading.snapshot_id.map(str::to_owned),
        };
        take(&mut self.differences).into_iter().map(drift).collect()
    }

    fn line(&mut self, heading: Heading<'a>, line: &'a [u8]) {
        let Declared { platform, kind } = heading.declared;
        if heading.is_foreign {
            return self.keep(heading, (platform, kind), line, "foreign_product");
        }
        let mut record = match Record::parse(line) {
            Ok(record) => record,
            Err(NoRecord::NotJson) => return self.keep(heading, (platform, kind), line, "not_json"),
            Err(NoRecord::NotAnObject) => return self.keep(heading, (platform, kind), line, "not_an_object"),
        };
        let platform = platform.or_else(|| sort::platform_of(&record));
        if is_error(&record) {
            return self.error(heading, (platform, kind), &mut record);
        }
        let Some(platform) = platform else {
            return self.keep(heading, (None, kind), line, "unknown_platform");
        };
        let shape = sort::kind_of(platform, &record);
        let declared = kind.or(shape);
        let mut as_kind = |kind: Option<Kind>| {
            let kind = kind.ok_or(NoRow::UnknownKind)?;
            map::row(platform, kind, &mut record, heading.origin())
        };
        let (kind, row) = match as_kind(declared) {
            // What was said of the delivery does not fit this record: it may be what it looks like.
            Err(_) if shape.is_some() && shape != declared => (shape, as_kind(shape)),
            row => (declared, row),
        };
        let sort = (Some(platform), kind);
        match row {
            Ok(row) => self.store(sort, &record, row),
            Err(NoRow::UnknownKind) => self.keep(heading, sort, line, "unknown_kind"),
            Err(NoRow::MissingId) => self.keep(heading, sort, line, "missing_id"),
            Err(NoRow::IdTooLong) => self.keep(heading, sort, line, "id_too_long"),
        }
    }

    fn store(&mut self, sort: Sort, record: &Record<'_>, row: Row<'a>) {
        let provenance = match &row {
            Row::Post(post) => &post.provenance,
            Row::Comment(comment) => &comment.provenance,
            Row::Profile(profile) => &profile.provenance,
        };
        if !provenance.refused_fields.is_empty()
            || provenance.warning.is_some()
            || provenance.warning_code.is_some()
        {
            self.warn(sort);
        }
        self.compare(sort, record);
        *self.tally.entry((sort, "stored")).or_default() += 1;
        match row {
            Row::Post(post) => self.posts.push(*post),
            Row::Comment(comment) => self.comments.push(*comment),
            Row::Profile(profile) => self.profiles.push(*profile),
        }
    }

    fn compare(&mut self, sort: Sort, record: &Record<'_>) {
        let (Some(platform), Some(kind)) = sort else { return };
        let differences =
            schema::of(platform, kind).map(|schema| schema.differences(&record.members)).unwrap_or_default();
        for difference in differences {
            let key = (sort, difference);
            if self.differences.len() < DIFFERENCES_MAX || self.differences.contains_key(&key) {
                *self.differences.entry(key).or_default() += 1;
            }
        }
    }

    fn error(&mut self, heading: Heading<'a>, sort: Sort, record: &mut Record<'a>) {
        self.counts.errors += 1;
        *self.tally.entry((sort, "error")).or_default() += 1;
        if record.has("warning") || record.has("warning_code") {
            self.warn(sort);
        }
        self.errors.push(RecordError {
            input_hash: input_hash(record),
            input_url: record.text(&["input.url", "url", "discovery_input.url"]),
            dataset_id: heading.dataset_id,
            platform: sort.0.map(Platform::as_str),
            kind: sort.1.map(Kind::as_str),
            error_code: record.text(&["error_code"]).unwrap_or_else(|| "unknown".to_owned()),
            error: record.text(&["error"]),
            status_code: record.count(&["status_code"]),
            provenance: heading.origin().provenance(record),
        });
    }

    fn keep(&mut self, heading: Heading<'a>, sort: Sort, raw: &'a [u8], reason: &'static str) {
        self.counts.unrecognised += 1;
        *self.tally.entry((sort, "unrecognised")).or_default() += 1;
        self.unrecognised.push(Unrecognised {
            snapshot_id: heading.snapshot_id,
            record_hash: Sha256::digest(raw).into(),
            reason,
            dataset_id: heading.dataset_id,
            platform: sort.0.map(Platform::as_str),
            kind: sort.1.map(Kind::as_str),
            event_id: heading.event_id,
            received_at: heading.received_at,
            raw,
        });
    }

    fn warn(&mut self, sort: Sort) {
        self.counts.warnings += 1;
        *self.warnings.entry(sort).or_default() += 1;
    }
}

impl<'a> Heading<'a> {
    fn origin(self) -> Origin<'a> {
        Origin { snapshot_id: self.snapshot_id, event_id: self.event_id, received_at: self.received_at }
    }
}

/// An error record says so; a warning alone is data to review.
fn is_error(record: &Record<'_>) -> bool {
    ["error", "error_code"].iter().any(|name| match record.get(name) {
        None | Some(Value::Bool(false)) => false,
        Some(Value::String(text)) => !text.trim().is_empty(),
        Some(_) => true,
    })
}

/// Of what could not be collected, its keys sorted; so that the error of one input is found again.
fn input_hash(record: &Record<'_>) -> [u8; 32] {
    let input = record.get("input").or_else(|| record.get("discovery_input"));
    match input.and_then(|input| serde_json::to_vec(input).ok()) {
        Some(input) => Sha256::digest(input).into(),
        None => Sha256::digest(record.raw).into(),
    }
}

fn name_of((platform, kind): Sort) -> String {
    let word = |word: Option<&'static str>| word.unwrap_or("unknown");
    format!("{}/{}", word(platform.map(Platform::as_str)), word(kind.map(Kind::as_str)))
}

#[cfg(test)]
mod tests;
