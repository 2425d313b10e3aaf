//! What is known of a delivery beside its records: which job, which platform and kind, and whether it is a test.

use std::collections::BTreeMap;

use axum::http::HeaderMap;
use contract::brightdata::{self, Kind, Notice, Platform};

use crate::provider::Head;

/// Where the snapshot's id may stand, the first hit wins. The query and the body come after them.
const SNAPSHOT_HEADERS: [&str; 3] = ["snapshot-id", "dca-collection-id", "x-snapshot-id"];
/// Longer words mean nothing that we know.
const WORD_MAX_BYTES: usize = 128;
/// Collectors of the older product begin the ids of their tests with it.
const TEST_PREFIX: &str = "test";

/// What is known so far; a wrapper's members may tell more.
#[derive(Debug, Default, Clone)]
pub(super) struct About {
    pub(super) snapshot_id: Option<String>,
    platform: Option<String>,
    kind: Option<String>,
    dataset: Option<String>,
    pub(super) is_test: bool,
    /// Comes from a product whose records we do not know.
    pub(super) is_foreign: bool,
}

impl About {
    /// What headers and query say. The query is our own, on the endpoint that the job was triggered with, so for
    /// platform and kind it counts more than any header.
    pub(super) fn of(head: &Head<'_>) -> Self {
        let query = |name: &str| {
            let pair = head.query.iter().find(|(key, _)| key == name);
            pair.and_then(|(_, value)| word(value))
        };
        let header = |name| header(head.headers, name);
        let collection = header("dca-collection-id");
        let mut about = Self {
            snapshot_id: SNAPSHOT_HEADERS.into_iter().find_map(header).or_else(|| query("snapshot_id")),
            platform: query("platform").or_else(|| header("x-platform")).map(|word| platform(&word)),
            kind: query("kind").or_else(|| header("x-kind")).map(|word| kind(&word)),
            dataset: query("dataset_id").or_else(|| query("dataset")),
            is_test: header("x-brightdata-test").is_some()
                || collection.is_some_and(|id| id.to_ascii_lowercase().starts_with(TEST_PREFIX)),
            is_foreign: header("dca-dataset").is_some_and(|word| !word.eq_ignore_ascii_case("true")),
        };
        about.infer();
        about
    }

    /// What a wrapper says beside its records, or a control body.
    pub(super) fn learn(&mut self, notice: &Notice) {
        let known = |text: &Option<String>| text.as_deref().and_then(word);
        if self.snapshot_id.is_none() {
            self.snapshot_id = known(&notice.snapshot_id);
        }
        if self.platform.is_none() {
            self.platform = known(&notice.platform).map(|word| platform(&word));
        }
        if self.kind.is_none() {
            self.kind = known(&notice.kind).map(|word| kind(&word));
        }
        if self.dataset.is_none() {
            self.dataset = known(&notice.dataset_id);
        }
        self.is_test |= notice.is_test;
        self.infer();
    }

    /// Extensions of the envelope.
    pub(super) fn extensions(&self, format: &'static str) -> BTreeMap<&'static str, String> {
        let known = [("platform", &self.platform), ("kind", &self.kind), ("dataset", &self.dataset)];
        let mut extensions: BTreeMap<_, _> =
            known.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect();
        extensions.insert("format", format.to_owned());
        if self.is_test {
            extensions.insert("test", "true".to_owned());
        }
        extensions
    }

    /// A dataset is of one platform and one kind.
    fn infer(&mut self) {
        let Some((platform, kind)) = self.dataset.as_deref().and_then(brightdata::dataset) else { return };
        self.platform.get_or_insert_with(|| platform.to_string());
        self.kind.get_or_insert_with(|| kind.to_string());
    }
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    word(headers.get(name)?.to_str().ok()?)
}

/// A word that a database takes.
fn word(text: &str) -> Option<String> {
    let text = text.trim();
    let is_word = (1..=WORD_MAX_BYTES).contains(&text.len()) && !text.contains(char::is_control);
    is_word.then(|| text.to_owned())
}

/// The word that we use; one that we do not know stays as it is.
fn platform(word: &str) -> String {
    word.parse::<Platform>().map_or_else(|_| word.to_ascii_lowercase(), |platform| platform.to_string())
}

fn kind(word: &str) -> String {
    word.parse::<Kind>().map_or_else(|_| word.to_ascii_lowercase(), |kind| kind.to_string())
}
