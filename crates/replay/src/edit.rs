//! Changing a body before it is published again: what is changed, whether the provider could have sent the result, and
//! the difference.

mod meaning;
mod pointer;
mod schema;

use std::time::Duration;

use bus::Topology;
use bytes::Bytes;
use contract::Code;
use serde_json::Value;
use similar::TextDiff;
use store::replays::Edit;
use uuid::Uuid;

use crate::Original;

/// How long the difference may take to be made; a coarser one is as good for a body of another shape.
const DIFF_TIMEOUT: Duration = Duration::from_secs(2);
/// Room that a message keeps for its headers, bytes.
const HEADERS_MAX_BYTES: usize = 16_384;

/// What is to be changed.
#[derive(Debug, Clone)]
pub enum Change {
    /// The whole body.
    Body(Bytes),
    /// The values at these JSON pointers; in a body of several lines the first part is the number of the line, from 0.
    Set(Vec<(String, Value)>),
}

/// A body that was changed, and that its provider could have sent.
#[derive(Debug, Clone)]
pub struct Edited {
    /// What is kept of it.
    pub edit: Edit,
    /// What was there before.
    pub before: Bytes,
}

/// Why a changed body is not published.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// There is no such place in the body.
    #[error("{pointer}: {problem}")]
    Pointer {
        /// The place.
        pointer: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// It is what it was.
    #[error("the body is as it was before")]
    Unchanged,
    /// The provider's parser does not take it.
    #[error("{provider} could not have sent it ({code}): {problem}")]
    Invalid {
        /// The provider.
        provider: &'static str,
        /// Why, in one word.
        code: Code,
        /// Why.
        problem: &'static str,
    },
    /// It breaks the provider's schema where the original does not.
    #[error("{provider} could not have sent it: {problems}")]
    Schema {
        /// The provider.
        provider: &'static str,
        /// Where and how, without the values.
        problems: String,
    },
    /// Larger than a message may be.
    #[error("the body has {size} bytes, and a message of {stream} takes {max}")]
    TooLarge {
        /// Bytes of it.
        size: usize,
        /// What the stream takes.
        max: usize,
        /// The stream.
        stream: &'static str,
    },
}

/// Changes the body of `original`, whose ledger row or dead letter is that of `event_id`, and reads the result as its
/// provider's. Proved by `an_edit_that_its_provider_would_not_send_is_refused` and
/// `what_an_edit_breaks_of_the_schema_is_named_and_refused`.
///
/// # Errors
/// See [`EditError`].
pub fn edit(event_id: Uuid, original: &Original, change: &Change) -> Result<Edited, EditError> {
    let before = original.claimed.clone().unwrap_or_else(|| original.payload.clone());
    let body = match change {
        Change::Body(body) => body.clone(),
        Change::Set(values) => pointer::set(&before, values, pointer::Lines::of(original))?,
    };
    if body == before {
        return Err(EditError::Unchanged);
    }
    let meaning = meaning::of(original, body)?;
    schema::check(original, &before, &meaning.body)?;
    let max = message_max(original.stream);
    if meaning.body.len() > max {
        return Err(EditError::TooLarge { size: meaning.body.len(), max, stream: original.stream });
    }
    let edit = Edit {
        event_id,
        diff: difference(&before, &meaning.body),
        body: meaning.body.to_vec(),
        event_type: meaning.event_type,
        subject: meaning.subject,
        hook_action: meaning.action,
        extensions: meaning.extensions,
    };
    Ok(Edited { edit, before })
}

fn message_max(stream: &str) -> usize {
    let spec = Topology::embedded().streams.remove(stream);
    let max = spec.and_then(|spec| usize::try_from(spec.max_message_bytes).ok()).unwrap_or(0);
    max.saturating_sub(HEADERS_MAX_BYTES)
}

/// The difference by lines; JSON is spread over lines first, so that one value is one line.
fn difference(before: &[u8], after: &[u8]) -> String {
    let (before, after) = (readable(before), readable(after));
    let diff = TextDiff::configure().timeout(DIFF_TIMEOUT).diff_lines(&before, &after);
    diff.unified_diff().header("original", "edited").to_string()
}

fn readable(body: &[u8]) -> String {
    let pretty = serde_json::from_slice::<Value>(body).ok().map(|value| format!("{value:#}\n"));
    pretty.unwrap_or_else(|| String::from_utf8_lossy(body).into_owned())
}

/// The subject's word for what an edited event says happened.
pub(crate) fn token(original: &Original, event_type: &str) -> String {
    meaning::token(original, event_type)
}
