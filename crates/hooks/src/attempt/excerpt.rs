//! The beginning of an answer, without the URL that was called: many servers repeat its path in their error pages, and
//! the path of a hook is its only credential.

use std::borrow::Cow;

use outbound::{Answer, Url};

const REDACTED: &str = "[redacted]";
/// Shorter parts of a URL are words like `v1` or `hooks`, and guess nothing.
const PART_MIN_CHARS: usize = 6;

/// What people may see of the answer to a call of this URL. Proved by `an_answer_that_repeats_its_url_is_redacted`.
pub(super) fn of(answer: &Answer, url: &Url) -> Option<String> {
    // The whole beginning first, and the excerpt of what is left: a secret that is cut in two is no longer recognised.
    let mut answer = answer.clone();
    answer.body = redacted(&String::from_utf8_lossy(&answer.body), url).into();
    let excerpt = answer.excerpt();
    (!excerpt.is_empty()).then_some(excerpt)
}

/// The text without any part of the URL that could be a secret, percent-encoded or not.
fn redacted(text: &str, url: &Url) -> String {
    let query = url.query_pairs().flat_map(|(name, value)| [name, value]);
    let credentials = [url.username(), url.password().unwrap_or_default()].map(Cow::Borrowed);
    let raw =
        url.path_segments().into_iter().flatten().chain(url.query().unwrap_or_default().split(['&', '=']));
    let decoded = raw.clone().map(|part| match percent_decoded(part) {
        Some(decoded) => Cow::Owned(decoded),
        None => Cow::Borrowed(part),
    });
    let parts = raw.map(Cow::Borrowed).chain(decoded).chain(query).chain(credentials);
    let mut parts: Vec<_> = parts.filter(|part| part.chars().count() >= PART_MIN_CHARS).collect();
    // The longest first: one may be in another.
    parts.sort_unstable_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
    parts.dedup();
    parts.iter().fold(text.to_owned(), |text, part| text.replace(part.as_ref(), REDACTED))
}

/// The text behind a percent-encoding, if there is one and it is text.
fn percent_decoded(part: &str) -> Option<String> {
    part.contains('%').then_some(())?;
    // As the value of a query, where a plus would be a space: in a path it is itself.
    let encoded = part.replace('+', "%2B");
    let url = Url::parse(&format!("http://h/?{encoded}")).ok()?;
    url.query_pairs().next().map(|(name, _)| name.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_repeats_its_url_is_redacted() {
        let url = "https://user:pass-word@hooks.example.com/hooks/catch/1234567/s%3Ccret0/?key=k3y-of-it&a=b";
        let url = Url::parse(url).unwrap();
        for (text, shown) in [
            (
                "Cannot POST /hooks/catch/1234567/s%3Ccret0/",
                "Cannot POST /hooks/catch/[redacted]/[redacted]/",
            ),
            (
                r#"{"path":"\/hooks\/catch\/1234567\/s<cret0"}"#,
                r#"{"path":"\/hooks\/catch\/[redacted]\/[redacted]"}"#,
            ),
            ("no k3y-of-it, user:pass-word", "no [redacted], user:[redacted]"),
            ("1234567", "[redacted]"),
            ("success", "success"),
        ] {
            assert_eq!(redacted(text, &url), shown);
        }
        let plain = Url::parse("https://hooks.example.com/").unwrap();
        assert_eq!(redacted("what it says", &plain), "what it says");
    }
}
