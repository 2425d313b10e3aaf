//! Signatures over the body: the three headers of Standard Webhooks, or the older client's `X-Webhook-Signature`.

use axum::http::HeaderMap;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::Choice;
use time::{Duration, OffsetDateTime};

const OLDER: &str = "x-webhook-signature";
const OLDER_PREFIX: &str = "sha256=";
const ID: &str = "webhook-id";
const TIMESTAMP: &str = "webhook-timestamp";
const STANDARD: &str = "webhook-signature";
/// How far a signature's time may be from now, both ways: what the reference libraries take.
const AGE_MAX: Duration = Duration::minutes(5);
/// Signatures of one request that are tried; a rotation has two.
const SIGNATURES_MAX: usize = 8;

/// What a sender presents: of the right form, and nothing more.
pub(super) enum Presented<'a> {
    Older([u8; 32]),
    Standard { id: &'a str, timestamp: i64, signatures: Vec<[u8; 32]> },
}

impl<'a> Presented<'a> {
    /// `None` unless exactly one header of each name is there and well-formed. The newer form counts where both are.
    pub(super) fn of(headers: &'a HeaderMap) -> Option<Self> {
        let one = |name: &str| {
            let mut values = headers.get_all(name).iter();
            values.next().filter(|_| values.next().is_none())?.to_str().ok().map(str::trim)
        };
        if let Some(signatures) = one(STANDARD) {
            let digests = signatures.split(' ').take(SIGNATURES_MAX).filter_map(digest);
            let signatures: Vec<_> = digests.collect();
            let (id, timestamp) = (one(ID)?, one(TIMESTAMP)?.parse().ok()?);
            return (!id.is_empty() && !signatures.is_empty()).then_some(Self::Standard {
                id,
                timestamp,
                signatures,
            });
        }
        let digits = one(OLDER)?;
        let mut digest = [0; 32];
        hex::decode_to_slice(digits.strip_prefix(OLDER_PREFIX).unwrap_or(digits), &mut digest).ok()?;
        Some(Self::Older(digest))
    }
}

/// The digest of `v1,<base64>`; other versions are nothing to us.
fn digest(signature: &str) -> Option<[u8; 32]> {
    BASE64_STANDARD.decode(signature.strip_prefix("v1,")?).ok()?.try_into().ok()
}

/// The secrets that may sign, ready to be used.
pub(super) struct Signers {
    /// Each as it is written.
    older: Vec<Hmac<Sha256>>,
    /// Each as Standard Webhooks reads it: base64 behind `whsec_`, else as it is written.
    standard: Vec<Hmac<Sha256>>,
}

impl Signers {
    pub(super) fn new(secrets: &[config::Secret]) -> Self {
        let keyed = |key: &[u8]| Hmac::new_from_slice(key).expect("HMAC takes keys of any length");
        let decoded = |secret: &config::Secret| {
            let text = secret.expose();
            let key = text.strip_prefix("whsec_").and_then(|encoded| BASE64_STANDARD.decode(encoded).ok());
            key.unwrap_or_else(|| text.as_bytes().to_vec())
        };
        Self {
            older: secrets.iter().map(|secret| keyed(secret.expose().as_bytes())).collect(),
            standard: secrets.iter().map(|secret| keyed(&decoded(secret))).collect(),
        }
    }

    /// Whether one of the secrets made one of the signatures of exactly these bytes, not long ago. Everything is tried,
    /// so that nothing shows what it was.
    pub(super) fn made(&self, presented: &Presented<'_>, body: &[u8], now: OffsetDateTime) -> bool {
        match presented {
            Presented::Older(digest) => any(&self.older, std::slice::from_ref(digest), &[body]),
            Presented::Standard { id, timestamp, signatures } => {
                let is_fresh = OffsetDateTime::from_unix_timestamp(*timestamp)
                    .is_ok_and(|at| (now - at).abs() <= AGE_MAX);
                let timestamp = timestamp.to_string();
                let parts = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body];
                is_fresh & any(&self.standard, signatures, &parts)
            }
        }
    }
}

fn any(keyed: &[Hmac<Sha256>], signatures: &[[u8; 32]], parts: &[&[u8]]) -> bool {
    let mut found = Choice::from(0);
    for keyed in keyed {
        let mut keyed = keyed.clone();
        for part in parts {
            keyed.update(part);
        }
        for signature in signatures {
            found |= Choice::from(u8::from(keyed.clone().verify_slice(signature).is_ok()));
        }
    }
    found.into()
}
