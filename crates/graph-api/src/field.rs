//! Names of webhook fields.

use std::{fmt, str::FromStr};

use contract::instagram::Field as Known;

/// A webhook field in Meta's spelling; the older systems' names are understood. Meta adds fields, so one that we do not
/// know is Meta's to refuse.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Field(String);

/// The text cannot be the name of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected the name of a webhook field, such as comments, messages or messaging_postbacks")]
pub struct NotAField;

impl Field {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Field {
    type Err = NotAField;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const NAME_MAX_LEN: usize = 64;
        let text = text.trim();
        let is_name = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        if text.is_empty() || text.len() > NAME_MAX_LEN || !text.bytes().all(is_name) {
            return Err(NotAField);
        }
        let metas = Known::from_word(text).map_or_else(|| text.to_owned(), |known| known.meta().to_owned());
        Ok(Self(metas))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_names_become_metas() {
        for (written, metas) in [
            ("comments", "comments"),
            (" message_postbacks ", "messaging_postbacks"),
            ("message_referrals", "messaging_referral"),
            ("message_seen", "messaging_seen"),
            ("messaging_seen", "messaging_seen"),
            ("message_reactions", "message_reactions"),
            ("something_new", "something_new"),
        ] {
            assert_eq!(written.parse::<Field>().unwrap().as_str(), metas);
        }
        for text in ["", "Comments", "comments,messages", "comments&x=y", "a b"] {
            assert_eq!(text.parse::<Field>(), Err(NotAField), "{text}");
        }
    }
}
