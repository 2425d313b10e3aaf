//! `X-BrightData-Signature`: HMAC-SHA256 of the raw body. Bright Data itself sends none; senders of our own may.

use axum::http::HeaderMap;
use config::Secret;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::Choice;

use crate::streaming;

const HEADER: &str = "x-brightdata-signature";
const PREFIX: &[u8] = b"sha256=";

/// The secrets that may sign.
pub(super) struct SigningSecrets(Vec<Hmac<Sha256>>);

impl SigningSecrets {
    pub(super) fn new(secrets: &[Secret]) -> Self {
        let keyed = |secret: &Secret| {
            Hmac::new_from_slice(secret.expose().as_bytes()).expect("HMAC takes keys of any length")
        };
        Self(secrets.iter().map(keyed).collect())
    }

    /// Whether the signature must be checked: there is one, and there is something to check it with.
    pub(super) fn are_asked(&self, headers: &HeaderMap) -> bool {
        !self.0.is_empty() && headers.contains_key(HEADER)
    }

    /// The check of one body.
    pub(super) fn check(&self, headers: &HeaderMap) -> Check {
        Check { keyed: self.0.clone(), signature: presented(headers) }
    }
}

/// A check that goes along with the body.
pub(super) struct Check {
    keyed: Vec<Hmac<Sha256>>,
    signature: Option<[u8; 32]>,
}

/// The digest, with or without `sha256=` before it; `None` unless there is exactly one, of 64 hex digits.
fn presented(headers: &HeaderMap) -> Option<[u8; 32]> {
    let mut values = headers.get_all(HEADER).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let value = value.as_bytes().trim_ascii();
    let mut digest = [0; 32];
    hex::decode_to_slice(value.strip_prefix(PREFIX).unwrap_or(value), &mut digest).ok()?;
    Some(digest)
}

impl streaming::Check for Check {
    fn update(&mut self, piece: &[u8]) {
        for keyed in &mut self.keyed {
            keyed.update(piece);
        }
    }

    fn passes(self: Box<Self>) -> bool {
        let Some(signature) = self.signature else { return false };
        let verify = |keyed: Hmac<Sha256>| Choice::from(u8::from(keyed.verify_slice(&signature).is_ok()));
        // All of them are tried, so that nothing shows which one it was.
        self.keyed.into_iter().fold(Choice::from(0), |found, keyed| found | verify(keyed)).into()
    }
}
