//! E-mail addresses.

use std::{fmt, str::FromStr};

/// Longest address that mail systems carry.
const MAX_LEN: usize = 254;

/// An address that belongs to a person. Formats masked, as `j***@example.com`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Email(String);

/// Why nobody can be found by an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEmail {
    /// No address.
    #[error("not an e-mail address")]
    Shape,
    /// A portal's relay: it is another one for every lead.
    #[error("a relay's address, which belongs to nobody")]
    Relay,
}

impl Email {
    /// The address, for the look-up that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for Email {
    type Err = InvalidEmail;

    fn from_str(text: &str) -> Result<Self, InvalidEmail> {
        let text = text.trim();
        let (local, domain) = text.split_once('@').ok_or(InvalidEmail::Shape)?;
        let domain = domain.to_ascii_lowercase();
        let strange =
            |c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | ',' | ';' | '"');
        let labelled = domain.contains('.') && domain.split('.').all(|label| !label.is_empty());
        if local.is_empty()
            || !labelled
            || domain.contains('@')
            || text.len() > MAX_LEN
            || text.contains(strange)
        {
            return Err(InvalidEmail::Shape);
        }
        if is_relay(local, &domain) {
            return Err(InvalidEmail::Relay);
        }
        Ok(Self(format!("{local}@{domain}")))
    }
}

fn is_relay(local: &str, domain: &str) -> bool {
    let local: String =
        local.chars().filter(|c| !matches!(c, '-' | '_' | '.')).collect::<String>().to_ascii_lowercase();
    domain.starts_with("guest")
        || local.starts_with("noreply")
        || local.starts_with("donotreply")
        || local.starts_with("naoresponda")
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (local, domain) = self.0.split_once('@').unwrap_or_default();
        let first: String = local.chars().take(1).collect();
        write!(f, "{first}***@{domain}")
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_trimmed_its_domain_lowered_and_a_relay_refused() {
        for (text, expected) in [
            (" Joao.Exemplo@Example.COM ", Ok("Joao.Exemplo@example.com")),
            ("j@a.b.com.br", Ok("j@a.b.com.br")),
            ("joao", Err(InvalidEmail::Shape)),
            ("joao@example", Err(InvalidEmail::Shape)),
            ("joao@@example.com", Err(InvalidEmail::Shape)),
            ("joao@example..com", Err(InvalidEmail::Shape)),
            ("Joao <joao@example.com>", Err(InvalidEmail::Shape)),
            ("@example.com", Err(InvalidEmail::Shape)),
            ("abc123@guest.booking.com", Err(InvalidEmail::Relay)),
            ("no-reply@portal.com.br", Err(InvalidEmail::Relay)),
            ("NoReply+77@portal.com.br", Err(InvalidEmail::Relay)),
        ] {
            assert_eq!(
                text.parse::<Email>().as_ref().map(Email::expose),
                expected.as_ref().copied(),
                "{text}"
            );
        }
        let email: Email = "joao@example.com".parse().unwrap();
        assert_eq!(format!("{email} {email:?}"), "j***@example.com j***@example.com");
    }
}
