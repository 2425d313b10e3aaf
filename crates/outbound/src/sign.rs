//! Signatures of what we send: Standard Webhooks, and the header that came before it.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use config::Secret;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderName, HeaderValue};
use sha2::Sha256;
use time::OffsetDateTime;
use zeroize::Zeroizing;

/// Marks a secret that is base64 of its key.
const PREFIX: &str = "whsec_";
/// Bytes of a key, as Standard Webhooks allows.
const KEY_LEN: std::ops::RangeInclusive<usize> = 24..=64;

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// A key that signs, wiped from memory when dropped. Prints nothing of itself.
#[derive(Clone)]
pub struct SigningKey(Zeroizing<Vec<u8>>);

/// Why nothing can be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// `whsec_` must be followed by base64.
    #[error("the signing secret begins with whsec_, and what follows is no base64")]
    Base64,
    /// A key that is too short or too long.
    #[error("the signing secret holds a key of {0} bytes: expected 24 to 64")]
    KeyLength(usize),
    /// The secret is empty.
    #[error("the signing secret is empty")]
    Empty,
    /// The id has a dot, which ends it in what is signed, or is no text for a header.
    #[error("the id of the webhook must be visible ASCII without a dot")]
    Id,
    /// There is no key.
    #[error("there is no signing secret")]
    NoKey,
}

impl SigningKey {
    /// The key of a secret: the decoded bytes behind `whsec_`; a secret of the older kind is its own key.
    ///
    /// # Errors
    /// It begins with `whsec_` and is none of these, or is empty.
    pub fn parse(secret: &Secret) -> Result<Self, SignError> {
        let text = secret.expose().trim();
        let key = match text.strip_prefix(PREFIX) {
            Some(encoded) => BASE64_STANDARD.decode(encoded).map_err(|_| SignError::Base64)?,
            None if text.is_empty() => return Err(SignError::Empty),
            None => return Ok(Self(Zeroizing::new(text.as_bytes().to_vec()))),
        };
        let key = Zeroizing::new(key);
        if KEY_LEN.contains(&key.len()) { Ok(Self(key)) } else { Err(SignError::KeyLength(key.len())) }
    }

    fn mac(&self, parts: &[&[u8]]) -> Vec<u8> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().to_vec()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

/// The three headers of Standard Webhooks. `id` is the event's, the same on every attempt; `at` is the attempt's. Every
/// key signs, so that a receiver may know the old one or the new one. Proved by
/// `the_reference_library_accepts_what_we_sign` and its own test vectors.
///
/// # Errors
/// There is no key, or the id cannot be one.
pub fn standard_headers(
    keys: &[SigningKey],
    id: &str,
    at: OffsetDateTime,
    body: &[u8],
) -> Result<[(HeaderName, HeaderValue); 3], SignError> {
    let is_id = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'.');
    if !is_id {
        return Err(SignError::Id);
    }
    if keys.is_empty() {
        return Err(SignError::NoKey);
    }
    let timestamp = at.unix_timestamp().to_string();
    let parts = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body];
    let signatures: Vec<_> =
        keys.iter().map(|key| format!("v1,{}", BASE64_STANDARD.encode(key.mac(&parts)))).collect();
    let value = |text: &str| HeaderValue::from_str(text).map_err(|_| SignError::Id);
    Ok([(ID, value(id)?), (TIMESTAMP, value(&timestamp)?), (SIGNATURE, value(&signatures.join(" "))?)])
}

/// `sha256=` and the hexadecimal HMAC-SHA256 of the body, keyed with the secret as it is written: what older receivers
/// look for in `X-Webhook-Signature`. Proved by `the_older_header_is_what_the_reference_says`.
///
/// # Errors
/// The secret is empty.
pub fn signature(secret: &Secret, body: &[u8]) -> Result<HeaderValue, SignError> {
    if secret.expose().is_empty() {
        return Err(SignError::Empty);
    }
    let key = SigningKey(Zeroizing::new(secret.expose().as_bytes().to_vec()));
    let text = format!("sha256={}", hex::encode(key.mac(&[body])));
    Ok(HeaderValue::try_from(text).expect("hexadecimal digits fit a header"))
}

#[cfg(test)]
mod tests;
