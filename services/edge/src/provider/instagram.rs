//! Instagram: Meta signs every body with the app secret, asks by a GET whether the endpoint is ours, and sends up to a
//! thousand updates in one POST. Whatever it signed is kept and answered 200, understood or not: a refusal is repeated
//! for 36 hours, and an hour of them ends the subscription.

mod signature;

use std::{collections::BTreeMap, sync::Arc};

use axum::http::StatusCode;
use bytes::Bytes;
use config::EdgeProvider;
use contract::{
    Code, code,
    instagram::{Event, Rejected},
    stream::instagram::STREAM,
};

use super::{Draft, Endpoint, Head, Provider, Tally, Verdict};
use crate::{error::Refusal, secrets::Secrets};
use signature::{AppSecrets, Signature};

/// The two older systems' paths.
const ENDPOINTS: &[Endpoint] = &[
    Endpoint { path: "/api/webhooks/instagram", secret_in_path: false, handshake: true },
    Endpoint { path: "/webhook", secret_in_path: false, handshake: true },
];
/// Last part of the subject of what is kept for the record only.
const MALFORMED_TOKEN: &str = "malformed";
const MALFORMED_TYPE: &str = "instagram.malformed";
/// Longer words of the sender are not repeated in message headers; the body has them.
const WORD_MAX_BYTES: usize = 256;
/// Meta's challenge is a number of ten digits.
const CHALLENGE_MAX_BYTES: usize = 256;

struct Instagram {
    secrets: AppSecrets,
    /// `None`: nobody can have configured our endpoint at Meta, so every handshake is a stranger's.
    verify_tokens: Option<Secrets>,
}

pub(super) fn provider(_secrets: Secrets, settings: &EdgeProvider) -> Arc<dyn Provider> {
    Arc::new(Instagram {
        secrets: AppSecrets::new(&settings.secrets),
        verify_tokens: Secrets::new(&settings.verify_tokens),
    })
}

impl Provider for Instagram {
    fn stream(&self) -> &'static str {
        STREAM
    }

    fn endpoints(&self) -> &'static [Endpoint] {
        ENDPOINTS
    }

    /// Whatever is not one of each parameter, well-formed, is 400; a token that is not ours is 403, and so is a mode
    /// that we know nothing of. Proved by `a_handshake_is_answered_with_its_challenge_and_nothing_else`.
    fn handshake(&self, head: &Head<'_>) -> Result<String, Refusal> {
        let invalid = || Refusal::Invalid { code: code::MALFORMED, rejected: 0 };
        let one = |name: &str| {
            let mut values = head.query.iter().filter(|(key, _)| key == name).map(|(_, value)| value);
            values.next().filter(|_| values.next().is_none()).ok_or_else(invalid)
        };
        let (mode, token, challenge) = (one("hub.mode")?, one("hub.verify_token")?, one("hub.challenge")?);
        let is_echoable = (1..=CHALLENGE_MAX_BYTES).contains(&challenge.len())
            && challenge.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_echoable {
            return Err(invalid());
        }
        let is_ours = self.verify_tokens.as_ref().is_some_and(|tokens| tokens.contain(token.as_bytes()));
        if is_ours && mode == "subscribe" { Ok(challenge.clone()) } else { Err(Refusal::Forbidden) }
    }

    /// A body without a signature that could be one is never read.
    fn authenticate_head(&self, head: &Head<'_>) -> Verdict {
        if Signature::of(head.headers).is_some() { Verdict::AskBody } else { Verdict::Deny }
    }

    fn authenticate_body(&self, head: &Head<'_>, body: &[u8]) -> bool {
        Signature::of(head.headers).is_some_and(|signature| self.secrets.made(&signature, body))
    }

    /// Never refuses: the bytes are Meta's own, so what cannot be read is kept as it is, for the record.
    fn split(&self, _head: &Head<'_>, body: &Bytes, events_max: usize) -> Result<Vec<Draft>, Code> {
        let text = std::str::from_utf8(body).map_err(|_| code::MALFORMED);
        let events = match text.and_then(contract::instagram::events) {
            Ok(events) => events.take(events_max.saturating_add(1)),
            Err(code) => {
                let key = contract::instagram::malformed_key(body);
                return Ok(vec![malformed(code, key, body.clone())]);
            }
        };
        let drafts = events.map(|event| match event {
            Ok(event) => accepted(event, body),
            Err(rejected @ Rejected { code, body: part }) => {
                malformed(code, rejected.dedup_key(), body.slice_ref(part.as_bytes()))
            }
        });
        Ok(drafts.collect())
    }

    /// Meta reads the status alone; the counts are for `weir` and whoever looks on.
    fn answer(&self, tally: &Tally) -> Result<(StatusCode, String), Refusal> {
        Ok((StatusCode::OK, tally.json()))
    }
}

fn accepted(event: Event<'_>, body: &Bytes) -> Draft {
    let flag = |is_set: bool| is_set.then(|| "true".to_owned());
    let extensions = [
        ("platform", event.object.and_then(short)),
        ("kind", Some(event.channel.as_str().to_owned())),
        ("entrytime", event.entry_time.map(|time| time.to_string())),
        ("test", flag(event.is_test)),
        ("own", flag(event.is_own)),
    ];
    Draft {
        token: event.action.token(),
        event_type: event.action.event_type(),
        subject: event.entry_id.and_then(short),
        dedup_key: event.dedup_key,
        action: event.field.and_then(short),
        rejected: None,
        extensions: extensions.into_iter().filter_map(|(name, value)| Some((name, value?))).collect(),
        payload: body.slice_ref(event.body.as_bytes()),
    }
}

fn malformed(code: Code, dedup_key: String, payload: Bytes) -> Draft {
    Draft {
        token: MALFORMED_TOKEN,
        event_type: MALFORMED_TYPE,
        subject: None,
        dedup_key,
        action: None,
        rejected: Some(code),
        extensions: BTreeMap::new(),
        payload,
    }
}

/// A word that a database takes as text, if it is not too long for a header.
fn short(word: String) -> Option<String> {
    (word.len() <= WORD_MAX_BYTES && !word.contains(char::is_control)).then_some(word)
}

#[cfg(test)]
mod tests;
