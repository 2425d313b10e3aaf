//! A report, read leniently: a field that is missing, null or of an unexpected type is absent, and never fails it.

use serde_json::Value;
use time::OffsetDateTime;

use super::{Category, complexity, model_family, summary};
use crate::{c2s::parse_instant, lenient};

/// Longest model name and user agent that are kept, bytes.
const WORD_MAX_BYTES: usize = 256;
/// Larger amounts are mistakes, and their sums would not fit.
const AMOUNT_MAX: i64 = 1_000_000_000_000;
/// The same of costs.
const COST_MAX: f64 = 1e12;

/// What a report says, in either of its shapes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Usage {
    /// The session; a report without one is none, unless it is a test.
    pub session_id: Option<String>,
    /// What was asked, in full. The nested shape has only its summary.
    pub query: Option<String>,
    /// The model, as the sender calls it.
    pub model_name: Option<String>,
    /// How long the answer took.
    pub response_time_ms: Option<i64>,
    /// Tokens of query and answer.
    pub estimated_tokens: Option<i64>,
    /// What it cost, where the sender knows.
    pub estimated_cost: Option<f64>,
    /// Whether there was an answer.
    pub success: Option<bool>,
    /// When it happened, as the sender says.
    pub timestamp: Option<OffsetDateTime>,
    /// What sent it.
    pub user_agent: Option<String>,
    /// What the nested shape says beside, already derived.
    pub given: Derived,
    /// Whether it says of itself that it is a test.
    pub is_test: bool,
}

/// What the nested shape says of its query.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Derived {
    /// Its summary.
    pub summary: Option<String>,
    /// Its category.
    pub category: Option<Category>,
    /// Its complexity, 1 to 3.
    pub complexity: Option<u8>,
}

impl Usage {
    /// Reads a report. `None` if it is no JSON object.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let value = lenient::parse(str::from_utf8(body).ok()?)?;
        if !value.is_object() {
            return None;
        }
        let nothing = Value::Null;
        let query = lenient::object(&value, "query").unwrap_or(&nothing);
        let response = lenient::object(&value, "response").unwrap_or(&nothing);
        // The flat name first, then that of the nested shape.
        let number = |flat: &str| amount(&value, flat).or_else(|| amount(response, flat));
        let word = |value: &Value, key: &str| {
            lenient::text(value, key).filter(|word| !word.trim().is_empty() && word.len() <= WORD_MAX_BYTES)
        };
        Some(Self {
            session_id: lenient::id(&value, "session_id"),
            query: lenient::text(&value, "query"),
            model_name: word(&value, "model_name").or_else(|| word(response, "model_used")),
            response_time_ms: number("response_time_ms"),
            estimated_tokens: number("estimated_tokens"),
            estimated_cost: cost(&value).or_else(|| cost(response)),
            success: flag(&value).or_else(|| flag(response)),
            timestamp: instant(value.get("timestamp")),
            user_agent: word(&value, "user_agent"),
            given: Derived {
                summary: lenient::text(query, "summary"),
                category: lenient::text(query, "category").and_then(|word| Category::from_word(&word)),
                complexity: amount(query, "estimated_complexity")
                    .and_then(|number| u8::try_from(number).ok())
                    .filter(|number| (1..=3).contains(number)),
            },
            is_test: lenient::flag(&value, "test"),
        })
    }

    /// The beginning of the query.
    pub fn summary(&self) -> Option<String> {
        self.query.as_deref().or(self.given.summary.as_deref()).map(summary)
    }

    /// What the query is about.
    pub fn category(&self) -> Category {
        let derived = || self.given.summary.as_deref().map(Category::of);
        let category = self.query.as_deref().map(Category::of).or(self.given.category).or_else(derived);
        category.unwrap_or(Category::General)
    }

    /// How hard it was, 1 to 3.
    pub fn complexity(&self) -> u8 {
        match (&self.query, self.given.complexity) {
            (None, Some(complexity)) => complexity,
            (query, _) => {
                complexity(query.as_deref().unwrap_or_default().chars().count(), self.response_time_ms)
            }
        }
    }

    /// The family of its model.
    pub fn model_family(&self) -> &'static str {
        model_family(self.model_name.as_deref().unwrap_or_default())
    }
}

/// A whole number that counts something: also as text, rounded where it has a fraction.
fn amount(value: &Value, key: &str) -> Option<i64> {
    lenient::count(value, key)
        .or_else(|| {
            let number = lenient::text(value, key)?.trim().parse::<f64>().ok()?;
            lenient::whole(number.round())
        })
        .filter(|number| (0..=AMOUNT_MAX).contains(number))
}

fn cost(value: &Value) -> Option<f64> {
    let text = lenient::text(value, "estimated_cost").or_else(|| lenient::text(value, "cost"))?;
    text.trim().parse::<f64>().ok().filter(|cost| (0.0..=COST_MAX).contains(cost))
}

fn flag(value: &Value) -> Option<bool> {
    match value.get("success")? {
        Value::Null => None,
        _ => Some(lenient::flag(value, "success")),
    }
}

/// RFC 3339 and its relatives, or Unix seconds or milliseconds.
fn instant(value: Option<&Value>) -> Option<OffsetDateTime> {
    let text = value?.as_str().and_then(|text| parse_instant(text).ok());
    text.or_else(|| lenient::instant(value))
}
