//! URLs that may carry a user and a password, and how they are shown.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::{List, secret::REDACTED};

/// The text with whatever stands between a `//` and the last `@` after it hidden. Rather too much than too little: a
/// password may hold slashes, commas and question marks.
pub fn redact_userinfo(text: &str) -> String {
    let mut pieces = text.split("//");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |shown, piece| match piece.rsplit_once('@') {
        Some((_, host)) => format!("{shown}//{REDACTED}@{host}"),
        None => format!("{shown}//{piece}"),
    })
}

/// Prints a section the way it serialises.
pub(crate) fn debug(name: &str, section: &impl Serialize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{name} {}", serde_json::to_value(section).map_err(|_| fmt::Error)?)
}

pub(crate) fn list<S: Serializer>(urls: &List<String>, serializer: S) -> Result<S::Ok, S::Error> {
    let shown: Vec<String> = urls.iter().map(|url| redact_userinfo(url)).collect();
    shown.serialize(serializer)
}

pub(crate) fn text<S: Serializer>(url: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&redact_userinfo(url))
}

#[expect(clippy::ref_option, reason = "serde passes the field by reference")]
pub(crate) fn optional<S: Serializer>(url: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    url.as_deref().map(redact_userinfo).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::redact_userinfo;

    #[test]
    fn user_and_password_of_a_url_are_hidden_and_the_rest_is_shown() {
        for (url, shown) in [
            ("nats://127.0.0.1:4222", "nats://127.0.0.1:4222"),
            ("nats://user:s3cret@broker:4222", "nats://[redacted]@broker:4222"),
            ("tls://t0ken@broker", "tls://[redacted]@broker"),
            ("postgres://weir:p@ss/w@db/weir", "postgres://[redacted]@db/weir"),
            ("nats://a:b@one:1,nats://c:d@two:2", "nats://[redacted]@one:1,nats://[redacted]@two:2"),
            ("nats://user:a,b?c/d@broker", "nats://[redacted]@broker"),
            ("not a url", "not a url"),
        ] {
            assert_eq!(redact_userinfo(url), shown, "{url}");
        }
    }
}
