//! Contact2Sale: leads, one by one or in arrays, authenticated by a secret that may stand in a header or in the URL (its
//! API cannot set headers, its dashboard can).

use std::{collections::BTreeMap, sync::Arc};

use axum::http::{HeaderValue, StatusCode, header};
use bytes::Bytes;
use config::EdgeProvider;
use contract::{
    Code,
    c2s::{Action, LeadEvent, Rejected},
    code,
    stream::c2s::STREAM,
};

use super::{Draft, Endpoint, Head, Provider, Tally, Verdict, bearer};
use crate::{error::Refusal, secrets::Secrets};

const ENDPOINTS: &[Endpoint] =
    &[Endpoint { path: "/api/v1/webhooks/c2s", secret_in_path: true, handshake: false }];
/// The newer receiver of the same sender used the second name.
const SECRET_HEADERS: [&str; 2] = ["x-webhook-token", "x-webhook-secret"];
const SECRET_PARAMETER: &str = "token";
/// Last part of the subject of what is kept for the record only.
const REJECTED_TOKEN: &str = "rejected";
const REJECTED_TYPE: &str = "c2s.lead.rejected";
/// Longer words of the sender are not repeated in message headers; the body has them.
const WORD_MAX_BYTES: usize = 256;

struct C2s {
    secrets: Secrets,
}

pub(super) fn provider(secrets: Secrets, _settings: &EdgeProvider) -> Arc<dyn Provider> {
    Arc::new(C2s { secrets })
}

impl Provider for C2s {
    fn stream(&self) -> &'static str {
        STREAM
    }

    fn endpoints(&self) -> &'static [Endpoint] {
        ENDPOINTS
    }

    fn authenticate_head(&self, head: &Head<'_>) -> Verdict {
        let named =
            SECRET_HEADERS.iter().flat_map(|name| head.headers.get_all(*name)).map(HeaderValue::as_bytes);
        let bearer = head.headers.get(header::AUTHORIZATION).and_then(|value| bearer(value.as_bytes()));
        let parameters = head.query.iter().filter(|(name, _)| name == SECRET_PARAMETER);
        let mut presented = named
            .chain(bearer)
            .chain(head.path_secret.map(str::as_bytes))
            .chain(parameters.map(|(_, value)| value.as_bytes()));
        if presented.any(|candidate| self.secrets.contain(candidate)) {
            Verdict::Allow
        } else {
            Verdict::Deny
        }
    }

    fn split(&self, _head: &Head<'_>, body: &Bytes, events_max: usize) -> Result<Vec<Draft>, Code> {
        let text = std::str::from_utf8(body).map_err(|_| code::MALFORMED)?;
        let events = contract::c2s::events(text)?.take(events_max.saturating_add(1));
        let drafts = events.map(|event| match event {
            Ok(event) => accepted(event, body),
            Err(rejected) => self::rejected(rejected, body),
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

fn accepted(event: LeadEvent<'_>, body: &Bytes) -> Draft {
    let action = Action::from_hook_action(event.hook_action.as_deref());
    Draft {
        token: action.token(),
        event_type: action.event_type(),
        dedup_key: event.dedup_key(),
        subject: short(event.lead_id),
        action: event.hook_action.and_then(short),
        rejected: None,
        extensions: BTreeMap::new(),
        payload: body.slice_ref(event.body.as_bytes()),
    }
}

fn rejected(rejected: Rejected<'_>, body: &Bytes) -> Draft {
    Draft {
        token: REJECTED_TOKEN,
        event_type: REJECTED_TYPE,
        dedup_key: rejected.dedup_key(),
        subject: rejected.lead_id.and_then(short),
        action: None,
        rejected: Some(rejected.code),
        extensions: BTreeMap::new(),
        payload: body.slice_ref(rejected.body.as_bytes()),
    }
}

fn short(word: String) -> Option<String> {
    (word.len() <= WORD_MAX_BYTES).then_some(word)
}

#[cfg(test)]
mod tests;
