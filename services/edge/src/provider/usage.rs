//! Usage reports of an application: one by one or in arrays, authenticated by a bearer token or by a signature over the
//! body.

mod signature;

use std::{collections::BTreeMap, sync::Arc};

use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use config::EdgeProvider;
use contract::{
    Code, code,
    stream::usage::STREAM,
    usage::{EVENT_TYPE, REJECTED_TYPE, Rejected, TOKEN, UsageEvent},
};
use time::OffsetDateTime;

use super::{Draft, Endpoint, Head, Provider, Tally, Verdict, bearer};
use crate::{error::Refusal, secrets::Secrets};
use signature::{Presented, Signers};

const ENDPOINTS: &[Endpoint] =
    &[Endpoint { path: "/api/webhook/usage", secret_in_path: false, handshake: false }];
/// Names under which senders say which delivery this is; the first one counts.
const KEY_HEADERS: [&str; 3] = ["idempotency-key", "webhook-id", "x-idempotency-key"];
/// Last part of the subject of what is kept for the record only.
const REJECTED_TOKEN: &str = "rejected";
/// Longer words of the sender are not repeated in message headers; the body has them.
const WORD_MAX_BYTES: usize = 256;

struct Usage {
    secrets: Secrets,
    signers: Signers,
}

pub(super) fn provider(secrets: Secrets, settings: &EdgeProvider) -> Arc<dyn Provider> {
    Arc::new(Usage { secrets, signers: Signers::new(&settings.secrets) })
}

impl Provider for Usage {
    fn stream(&self) -> &'static str {
        STREAM
    }

    fn endpoints(&self) -> &'static [Endpoint] {
        ENDPOINTS
    }

    /// A body that neither a token nor what could be a signature came with is never read.
    fn authenticate_head(&self, head: &Head<'_>) -> Verdict {
        let token = head.headers.get(header::AUTHORIZATION).and_then(|value| bearer(value.as_bytes()));
        match () {
            () if token.is_some_and(|token| self.secrets.contain(token)) => Verdict::Allow,
            () if Presented::of(head.headers).is_some() => Verdict::AskBody,
            () => Verdict::Deny,
        }
    }

    fn authenticate_body(&self, head: &Head<'_>, body: &[u8]) -> bool {
        Presented::of(head.headers)
            .is_some_and(|presented| self.signers.made(&presented, body, OffsetDateTime::now_utc()))
    }

    fn split(&self, head: &Head<'_>, body: &Bytes, events_max: usize) -> Result<Vec<Draft>, Code> {
        let text = std::str::from_utf8(body).map_err(|_| code::MALFORMED)?;
        let events = contract::usage::events(text)?.take(events_max.saturating_add(1));
        let events: Vec<_> = events.collect();
        let (key, is_alone) = (delivery_key(head.headers), events.len() == 1);
        let now = OffsetDateTime::now_utc();
        let drafts = events.into_iter().enumerate().map(|(index, event)| match event {
            Ok(event) => {
                let dedup_key = event.dedup_key(key.as_deref(), (!is_alone).then_some(index), now);
                accepted(event, dedup_key, body)
            }
            Err(rejected) => self::rejected(&rejected, body),
        });
        Ok(drafts.collect())
    }

    fn answer(&self, tally: &Tally) -> Result<(StatusCode, String), Refusal> {
        if let (0, Some(code)) = (tally.processed + tally.duplicates, tally.first_problem) {
            return Err(Refusal::Invalid { code, rejected: tally.rejected });
        }
        Ok((StatusCode::OK, tally.json()))
    }
}

/// What the sender calls the delivery, the same for every repeat of it.
fn delivery_key(headers: &HeaderMap) -> Option<String> {
    let keys = KEY_HEADERS.iter().filter_map(|name| headers.get(*name)?.to_str().ok());
    // Some send it in quotes, as the draft of its standard says.
    let mut keys = keys.map(|key| key.trim().trim_matches('"'));
    keys.find(|key| !key.is_empty()).map(str::to_owned)
}

fn accepted(event: UsageEvent<'_>, dedup_key: String, body: &Bytes) -> Draft {
    let extensions = event.is_test.then(|| ("test", "true".to_owned()));
    Draft {
        token: TOKEN,
        event_type: EVENT_TYPE,
        dedup_key,
        subject: event.session_id.and_then(short),
        action: None,
        rejected: None,
        extensions: extensions.into_iter().collect(),
        payload: body.slice_ref(event.body.as_bytes()),
    }
}

fn rejected(rejected: &Rejected<'_>, body: &Bytes) -> Draft {
    Draft {
        token: REJECTED_TOKEN,
        event_type: REJECTED_TYPE,
        dedup_key: rejected.dedup_key(),
        subject: None,
        action: None,
        rejected: Some(rejected.code),
        extensions: BTreeMap::new(),
        payload: body.slice_ref(rejected.body.as_bytes()),
    }
}

/// A word that a database takes as text, if it is not too long for a header.
fn short(word: String) -> Option<String> {
    (word.len() <= WORD_MAX_BYTES && !word.contains(char::is_control)).then_some(word)
}

#[cfg(test)]
mod tests;
