//! Whether a hook could be sent to.

use std::{net::IpAddr, time::Duration};

use http::HeaderValue;
use outbound::{Client, Request, Url};
use serde::Serialize;
use serde_json::json;
use store::hooks::{Hook, Kind};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

use crate::{limits, opened::Opened, said::in_full};

/// How long the test message may take, as the older client allowed.
const TEST_TIMEOUT: Duration = Duration::from_secs(5);
/// Shorter secrets can be guessed.
const SECRET_MIN: usize = 16;

/// What a test found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Validation {
    /// Nothing is wrong.
    pub valid: bool,
    /// What is wrong.
    pub errors: Vec<String>,
    /// What might be better.
    pub warnings: Vec<String>,
    /// Whether a test message was sent.
    pub sent: bool,
    /// What it was answered.
    pub status_code: Option<u16>,
    /// How long that took.
    pub response_time_ms: Option<u64>,
}

impl Validation {
    pub(crate) async fn of(hook: &Hook, opened: Result<Opened, String>, client: &Client, send: bool) -> Self {
        let mut found = Self::default();
        if hook.secret_sealed.is_none() {
            found.warnings.push("it has no secret: what is sent is not signed".to_owned());
        }
        if let Some(reason) = hook.disabled.filter(|_| !hook.takes_events()) {
            found.warnings.push(format!("it is disabled ({reason}): nothing is sent there"));
        }
        if let Err(error) = limits::check(hook.kind, &hook.manner) {
            found.errors.push(error.to_string());
        }
        match opened {
            Err(error) => found.errors.push(error),
            Ok(opened) => found.call(hook, opened, client, send).await,
        }
        found.valid = found.errors.is_empty();
        found
    }

    async fn call(&mut self, hook: &Hook, opened: Opened, client: &Client, send: bool) {
        if opened.url.scheme() != "https" {
            self.warnings.push("it is plain HTTP: whoever listens on the way can send there, too".to_owned());
        }
        let host = opened.url.host_str().unwrap_or_default();
        if hook.kind == Kind::Zapier
            && host.ends_with("zapier.com")
            && !opened.url.path().starts_with("/hooks/")
        {
            self.warnings.push("it does not look like a Catch Hook of Zapier's".to_owned());
        }
        // A call of any method runs the Zap, and is paid for.
        if !send {
            if let Err(error) = client.reach(&opened.url).await {
                self.errors.push(in_full(&error));
            }
            return;
        }
        self.sent = true;
        let started = std::time::Instant::now();
        let answered = match test_message(opened) {
            Ok(request) => client.tell(&request).await,
            Err(error) => {
                self.errors.push(error);
                return;
            }
        };
        self.response_time_ms = u64::try_from(started.elapsed().as_millis()).ok();
        match answered {
            Ok(answer) => {
                self.status_code = Some(answer.status.as_u16());
                if !answer.status.is_success() {
                    self.errors.push(format!("it answered {}", answer.status));
                }
            }
            Err(error) => self.errors.push(in_full(&error)),
        }
    }
}

/// What the older client sent, in its words.
fn test_message(opened: Opened) -> Result<Request, String> {
    let now = OffsetDateTime::now_utc();
    let body = json!({
        "test": true,
        "timestamp": now.format(&Rfc3339).unwrap_or_default(),
        "message": "Health check from Weir",
    });
    let body = body.to_string().into_bytes();
    let signed = opened.signer.headers(&Uuid::now_v7().to_string(), now, &body)?;
    let request = Request::post(opened.url)
        .content(body, HeaderValue::from_static("application/json"))
        .timeout(TEST_TIMEOUT);
    Ok(signed.into_iter().fold(request, |request, (name, value)| request.header(name, value)))
}

/// Whether a secret is good enough to sign with.
pub(crate) fn secret_problem(secret: &str) -> Option<String> {
    (secret.trim().chars().count() < SECRET_MIN)
        .then(|| format!("the secret is too short: expected at least {SECRET_MIN} characters"))
}

/// Whether a URL may be a hook's. The error is a sentence without the URL.
pub(crate) fn url(text: &str, require_https: bool) -> Result<Url, String> {
    let url = Url::parse(text.trim()).map_err(|_| "expected a URL https://host/path".to_owned())?;
    let is_local = || {
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        host == "localhost" || host.parse::<IpAddr>().is_ok()
    };
    match url.scheme() {
        "https" => Ok(url),
        "http" if !require_https || is_local() => Ok(url),
        "http" => Err("plain HTTP is refused (zapier.delivery.require_https)".to_owned()),
        _ => Err("expected a URL https://host/path".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_bare_addresses_unless_the_settings_say_otherwise() {
        for (text, taken, taken_without_https) in [
            ("https://hooks.example.com/catch/1/x", true, true),
            ("http://hooks.example.com/catch/1/x", false, true),
            ("http://127.0.0.1:9/x", true, true),
            ("http://[::1]:9/x", true, true),
            ("http://localhost/x", true, true),
            ("http://192.168.1.2/x", true, true),
            ("ftp://hooks.example.com/x", false, false),
            ("hooks.example.com/x", false, false),
            ("", false, false),
        ] {
            let verdict = |require_https| url(text, require_https).is_ok();
            assert_eq!((verdict(true), verdict(false)), (taken, taken_without_https), "{text}");
        }
    }
}
