//! Bright Data: one POST with all records of a job, up to a gigabyte, gzip or plain, under a static token that we chose;
//! and a short POST when a job changes its status. Whatever comes with the right token is kept and answered 200,
//! understood or not: a refusal is repeated.

mod about;
mod drafts;
mod inflate;
mod intake;
mod signature;

use std::sync::Arc;

use axum::http::{HeaderMap, header};
use config::EdgeProvider;
use contract::{brightdata::Limits, stream::brightdata::STREAM};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Endpoint, Head, Provider, Verdict};
use crate::{
    secrets::Secrets,
    streaming::{self, Streaming},
};
use about::About;
use inflate::Caps;
use intake::{Intake, Rules};
use signature::SigningSecrets;

const NOTIFY_PATH: &str = "/api/brightdata/notify";
const ENDPOINTS: &[Endpoint] = &[
    Endpoint { path: "/api/brightdata/webhook", secret_in_path: false, handshake: false },
    Endpoint { path: NOTIFY_PATH, secret_in_path: false, handshake: false },
];
/// Seconds since 1970; a header of our own senders.
const TIMESTAMP_HEADER: &str = "x-brightdata-timestamp";

struct BrightData {
    secrets: Secrets,
    signing: SigningSecrets,
    timestamp_max_age_seconds: u64,
    rules: Rules,
    bounds: streaming::Bounds,
}

pub(super) fn provider(secrets: Secrets, settings: &EdgeProvider) -> Arc<dyn Provider> {
    let delivery = &settings.delivery;
    Arc::new(BrightData {
        secrets,
        signing: SigningSecrets::new(&delivery.hmac_secrets),
        timestamp_max_age_seconds: delivery.timestamp_max_age_seconds,
        rules: Rules {
            caps: Caps { bytes: delivery.decompressed_max_bytes, ratio: delivery.decompressed_ratio_max },
            limits: Limits { records: delivery.part_records_max, bytes: delivery.part_max_bytes },
            record_max_bytes: delivery.record_max_bytes,
            takes_csv: delivery.csv,
        },
        bounds: streaming::Bounds::new(delivery),
    })
}

impl Provider for BrightData {
    fn stream(&self) -> &'static str {
        STREAM
    }

    fn endpoints(&self) -> &'static [Endpoint] {
        ENDPOINTS
    }

    /// The token is required always. A timestamp and a signature are looked at only where they are: Bright Data sends
    /// neither.
    fn authenticate_head(&self, head: &Head<'_>) -> Verdict {
        if !self.has_token(head.headers) || !self.is_recent(head.headers) {
            Verdict::Deny
        } else if self.signing.are_asked(head.headers) {
            Verdict::AskBody
        } else {
            Verdict::Allow
        }
    }

    fn streaming(&self) -> Option<&dyn Streaming> {
        Some(self)
    }
}

impl Streaming for BrightData {
    fn bounds(&self) -> &streaming::Bounds {
        &self.bounds
    }

    fn check(&self, head: &Head<'_>) -> Box<dyn streaming::Check> {
        Box::new(self.signing.check(head.headers))
    }

    fn open(&self, head: &Head<'_>, path: &'static str, delivery_id: Uuid) -> Box<dyn streaming::Intake> {
        Box::new(Intake::new(About::of(head), delivery_id, path == NOTIFY_PATH, self.rules))
    }
}

impl BrightData {
    /// `Bearer <token>`, or the token bare: jobs have been triggered with both.
    fn has_token(&self, headers: &HeaderMap) -> bool {
        const SCHEME: &[u8] = b"bearer ";
        let mut values =
            headers.get_all(header::AUTHORIZATION).iter().map(|value| value.as_bytes().trim_ascii());
        values.any(|value| {
            let scheme = value.get(..SCHEME.len()).filter(|scheme| scheme.eq_ignore_ascii_case(SCHEME));
            let token = scheme.and_then(|_| value.get(SCHEME.len()..)).unwrap_or(value);
            self.secrets.contain(token.trim_ascii()) || self.secrets.contain(value)
        })
    }

    fn is_recent(&self, headers: &HeaderMap) -> bool {
        headers.get_all(TIMESTAMP_HEADER).iter().all(|value| {
            let seconds = value.to_str().ok().and_then(|text| text.trim().parse::<i64>().ok());
            let age = seconds.map(|seconds| OffsetDateTime::now_utc().unix_timestamp().abs_diff(seconds));
            age.is_some_and(|age| age <= self.timestamp_max_age_seconds)
        })
    }
}
