//! `X-Hub-Signature-256`: HMAC-SHA256 of the raw body, keyed with the app secret. The SHA-1 header beside it is legacy
//! and proves nothing here.

use axum::http::HeaderMap;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::Choice;

const HEADER: &str = "x-hub-signature-256";
const PREFIX: &str = "sha256=";

/// A signature that a sender presents: of the right form, and nothing more.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Signature([u8; 32]);

impl Signature {
    /// `None` unless there is exactly one header, of `sha256=` and 64 hex digits. Meta writes lower case; the digits are
    /// decoded, not compared, so upper case passes. Proved by `only_a_well_formed_signature_is_one`.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(HEADER).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return None };
        let digits = value.as_bytes().strip_prefix(PREFIX.as_bytes())?;
        let mut digest = [0; 32];
        hex::decode_to_slice(digits, &mut digest).ok()?;
        Some(Self(digest))
    }
}

/// The secrets of every app that may sign, ready to be used.
pub(super) struct AppSecrets(Vec<Hmac<Sha256>>);

impl AppSecrets {
    pub(super) fn new(secrets: &[config::Secret]) -> Self {
        let keyed = |secret: &config::Secret| {
            Hmac::new_from_slice(secret.expose().as_bytes()).expect("HMAC takes keys of any length")
        };
        Self(secrets.iter().map(keyed).collect())
    }

    /// Whether one of the secrets made `signature` of exactly these bytes. Every secret is tried and every comparison
    /// takes the same time, so that nothing shows which one it was.
    pub(super) fn made(&self, signature: &Signature, body: &[u8]) -> bool {
        let verify = |keyed: &Hmac<Sha256>| {
            let matches = keyed.clone().chain_update(body).verify_slice(&signature.0).is_ok();
            Choice::from(u8::from(matches))
        };
        self.0.iter().fold(Choice::from(0), |found, keyed| found | verify(keyed)).into()
    }
}
