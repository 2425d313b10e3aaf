//! What the older client derived from a query, word for word, except that words are matched whole: it found `pr` in
//! "problem" and called it a code review.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Characters of a query that its summary keeps.
const SUMMARY_CHARS: usize = 50;

/// What a query is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Reviews, pull requests, refactoring.
    CodeReview,
    /// Errors and how to be rid of them.
    Debugging,
    /// Structure and design.
    Architecture,
    /// Anything else.
    General,
}

impl Category {
    /// The first category that a word of the query belongs to. Proved by `a_category_is_found_by_whole_words`.
    pub fn of(query: &str) -> Self {
        const WORDS: &[(Category, &[&[&str]])] = &[
            (
                Category::CodeReview,
                &[&["review"], &["code", "review"], &["pull", "request"], &["pr"], &["refactor"]],
            ),
            (Category::Debugging, &[&["debug"], &["error"], &["bug"], &["fix"], &["issue"], &["problem"]]),
            (
                Category::Architecture,
                &[&["architecture"], &["design"], &["structure"], &["system"], &["pattern"]],
            ),
        ];
        let lower = query.to_lowercase();
        let words: Vec<&str> =
            lower.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty()).collect();
        let has = |phrase: &&[&str]| words.windows(phrase.len()).any(|window| window == *phrase);
        let found = WORDS.iter().find(|(_, phrases)| phrases.iter().any(has));
        found.map_or(Self::General, |(category, _)| *category)
    }

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CodeReview => "code_review",
            Self::Debugging => "debugging",
            Self::Architecture => "architecture",
            Self::General => "general",
        }
    }

    /// The category of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::CodeReview, Self::Debugging, Self::Architecture, Self::General]
            .into_iter()
            .find(|category| category.as_str() == word)
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The first fifty characters, and three dots where there were more.
pub fn summary(query: &str) -> String {
    match query.char_indices().nth(SUMMARY_CHARS) {
        Some((end, _)) => format!("{}...", query.get(..end).unwrap_or(query)),
        None => query.to_owned(),
    }
}

/// 1 to 3, by the query's length in characters and by how long the answer took.
pub fn complexity(query_chars: usize, response_time_ms: Option<i64>) -> u8 {
    let millis = response_time_ms.unwrap_or_default();
    match () {
        () if query_chars > 200 || millis > 3_000 => 3,
        () if query_chars > 100 || millis > 1_000 => 2,
        () => 1,
    }
}

/// The family that the older client told instead of the model.
pub fn model_family(model_name: &str) -> &'static str {
    let name = model_name.to_lowercase();
    if !name.contains("gpt") && name.contains("claude") { "claude-3" } else { "gpt-4" }
}
