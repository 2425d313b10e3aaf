//! A report as it is sent on.

use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{Category, EVENT_TYPE, Usage};
use crate::EventId;

/// The shape of what is sent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// The flat fields, and those of the nested shape under the names that Zapier gives them when it takes the nested
    /// shape apart (`query__summary`): a Zap that was built on either finds its fields. `query` itself can be only one of
    /// the two, and is the text.
    Both,
    /// The flat fields alone.
    Flat,
    /// The nested shape alone, as the older client posted it.
    Nested,
    /// `{"type","timestamp","data"}` around the flat fields, as Standard Webhooks advises.
    Envelope,
}

impl Form {
    /// Every form.
    pub const ALL: [Self; 4] = [Self::Both, Self::Flat, Self::Nested, Self::Envelope];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Both => "both",
            Self::Flat => "flat",
            Self::Nested => "nested",
            Self::Envelope => "envelope",
        }
    }

    /// The form of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|form| form.as_str() == word)
    }
}

/// A report that is sent on, with what its sender did not say.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// The report.
    pub usage: &'a Usage,
    /// Id by which a receiver recognises a repeat: a Catch Hook shows no headers to its Zap, so it stands in the body.
    pub id: EventId,
    /// When the report came, for one that does not say when it happened.
    pub received_at: OffsetDateTime,
}

impl Outgoing<'_> {
    /// Its bytes, the same for every attempt.
    pub fn body(&self, form: Form) -> Vec<u8> {
        let flat = self.flat();
        let body = match form {
            Form::Both => serde_json::to_vec(&Both { flat, taken_apart: self.taken_apart() }),
            Form::Flat => serde_json::to_vec(&flat),
            Form::Nested => serde_json::to_vec(&self.nested()),
            Form::Envelope => serde_json::to_vec(&Envelope {
                kind: EVENT_TYPE,
                timestamp: flat.timestamp.clone(),
                data: flat,
            }),
        };
        body.expect("texts and numbers are always JSON")
    }

    fn flat(&self) -> Flat<'_> {
        let usage = self.usage;
        Flat {
            event_id: self.id,
            timestamp: self.timestamp(),
            session_id: usage.session_id.as_deref(),
            // Of a nested report no more than the summary is known.
            query: usage.query.as_deref().or(usage.given.summary.as_deref()),
            model_name: usage.model_name.as_deref(),
            response_time_ms: usage.response_time_ms,
            estimated_tokens: usage.estimated_tokens,
            success: usage.success,
        }
    }

    fn nested(&self) -> Nested<'_> {
        Nested {
            event_id: self.id,
            timestamp: self.timestamp(),
            session_id: self.usage.session_id.as_deref(),
            query: self.query(),
            response: self.response(),
            user_agent: self.user_agent(),
        }
    }

    fn taken_apart(&self) -> TakenApart<'_> {
        let Query { summary, category, estimated_complexity } = self.query();
        TakenApart {
            query_summary: summary,
            query_category: category,
            query_estimated_complexity: estimated_complexity,
            response: self.response(),
            user_agent: self.user_agent(),
        }
    }

    fn query(&self) -> Query {
        let usage = self.usage;
        Query {
            summary: usage.summary(),
            category: usage.category(),
            estimated_complexity: usage.complexity(),
        }
    }

    fn response(&self) -> Response {
        let usage = self.usage;
        Response {
            model_used: usage.model_family(),
            response_time_ms: usage.response_time_ms,
            estimated_tokens: usage.estimated_tokens,
            success: usage.success,
        }
    }

    fn timestamp(&self) -> String {
        self.usage.timestamp.unwrap_or(self.received_at).format(&Rfc3339).unwrap_or_default()
    }

    fn user_agent(&self) -> &str {
        self.usage.user_agent.as_deref().unwrap_or(concat!("weir/", env!("CARGO_PKG_VERSION")))
    }
}

#[derive(Serialize)]
struct Flat<'a> {
    event_id: EventId,
    timestamp: String,
    session_id: Option<&'a str>,
    query: Option<&'a str>,
    model_name: Option<&'a str>,
    response_time_ms: Option<i64>,
    estimated_tokens: Option<i64>,
    success: Option<bool>,
}

#[derive(Serialize)]
struct Nested<'a> {
    event_id: EventId,
    timestamp: String,
    session_id: Option<&'a str>,
    query: Query,
    response: Response,
    user_agent: &'a str,
}

#[derive(Serialize)]
struct Query {
    summary: Option<String>,
    category: Category,
    estimated_complexity: u8,
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "they are the names of the JSON")]
struct Response {
    model_used: &'static str,
    response_time_ms: Option<i64>,
    estimated_tokens: Option<i64>,
    success: Option<bool>,
}

#[derive(Serialize)]
struct Both<'a> {
    #[serde(flatten)]
    flat: Flat<'a>,
    #[serde(flatten)]
    taken_apart: TakenApart<'a>,
}

#[derive(Serialize)]
struct TakenApart<'a> {
    #[serde(rename = "query__summary")]
    query_summary: Option<String>,
    #[serde(rename = "query__category")]
    query_category: Category,
    #[serde(rename = "query__estimated_complexity")]
    query_estimated_complexity: u8,
    response: Response,
    user_agent: &'a str,
}

#[derive(Serialize)]
struct Envelope<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    timestamp: String,
    data: Flat<'a>,
}
