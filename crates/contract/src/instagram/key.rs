//! Keys by which repeats of an event are known. Nothing in them depends on how a delivery is grouped, nor on when it was
//! sent, except where a person pressed a button.

use sha2::{Digest, Sha256};

use super::meaning::Meaning;
use crate::json;

/// Longer keys are replaced by their digest; real ones have about two hundred bytes.
const KEY_MAX_BYTES: usize = 400;

/// `ig:<account>:<event type>:<identity>`. `press` tells one press of the Test button, whose
/// ids never change, from the next.
pub(super) fn dedup(entry_id: Option<&str>, meaning: &Meaning<'_>, press: Option<&str>) -> String {
    let mut key = format!("ig:{}:{}:", entry_id.unwrap_or("-"), meaning.action.token());
    if let Some(identity) = &meaning.identity {
        key.push_str(identity);
    } else {
        key.push_str(meaning.field.as_deref().unwrap_or("-"));
        key.push(':');
        key.push_str(&digest(json::canonical(&meaning.content).as_bytes()));
    }
    if let Some(press) = press {
        key.push_str(":test:");
        key.push_str(press);
    }
    // Part of it is free text of the sender's.
    if key.len() > KEY_MAX_BYTES || key.contains(char::is_control) {
        return format!("ig:sha256:{}", hex::encode(Sha256::digest(key.as_bytes())));
    }
    key
}

pub(super) fn malformed(body: &[u8]) -> String {
    format!("ig:malformed:{}", digest(body))
}

fn digest(bytes: &[u8]) -> String {
    const DIGEST_CHARS: usize = 32;
    let mut digest = hex::encode(Sha256::digest(bytes));
    digest.truncate(DIGEST_CHARS);
    digest
}
