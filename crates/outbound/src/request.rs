//! What is asked, in a form that can be asked again.

use std::{fmt, time::Duration};

use bytes::Bytes;
use config::Secret;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use reqwest::Url;
use serde::Serialize;

use crate::redact::redacted;

/// When a request without an answer is asked again. After an answer that says "not now" every request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// Always: doing it twice is as good as once.
    Always,
    /// Only when the other side cannot have seen it: doing it twice costs money, or shows.
    IfUnseen,
}

/// One request. Prints without its headers, its body, its path and the values of its query.
#[derive(Clone)]
pub struct Request {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) repeat: Repeat,
    pub(crate) timeout: Option<Duration>,
    pub(crate) template: Option<&'static str>,
    pub(crate) circuit: Option<String>,
    pub(crate) attempts_before: usize,
}

impl Request {
    /// A request that may be repeated, as reading and removing may.
    pub fn new(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            repeat: Repeat::Always,
            timeout: None,
            template: None,
            circuit: None,
            attempts_before: 0,
        }
    }

    /// Reads.
    pub fn get(url: Url) -> Self {
        Self::new(Method::GET, url)
    }

    /// Creates or does something.
    pub fn post(url: Url) -> Self {
        Self::new(Method::POST, url)
    }

    /// Removes.
    pub fn delete(url: Url) -> Self {
        Self::new(Method::DELETE, url)
    }

    /// Sets a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Authenticates with `Authorization: Bearer`. A token that no header can carry is left out, and the other side
    /// refuses the request.
    #[must_use]
    pub fn bearer(self, token: &Secret) -> Self {
        match HeaderValue::try_from(format!("Bearer {}", token.expose())) {
            Ok(mut value) => {
                value.set_sensitive(true);
                self.header(header::AUTHORIZATION, value)
            }
            Err(_) => self,
        }
    }

    /// Sends this as JSON.
    #[must_use]
    pub fn json(mut self, body: &impl Serialize) -> Self {
        self.body = serde_json::to_vec(body).expect("what we send is plain data").into();
        self.header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
    }

    /// Sends these very bytes: those that a signature is over.
    #[must_use]
    pub fn content(mut self, body: impl Into<Bytes>, content_type: HeaderValue) -> Self {
        self.body = body.into();
        self.header(header::CONTENT_TYPE, content_type)
    }

    /// When it is asked again.
    #[must_use]
    pub fn repeat(mut self, repeat: Repeat) -> Self {
        self.repeat = repeat;
        self
    }

    /// The path for people, with names in the place of ids: `/leads/{id}`. Without it no path is shown, since it may
    /// be a secret as a whole (a hook), or hold personal data.
    #[must_use]
    pub fn template(mut self, template: &'static str) -> Self {
        self.template = Some(template);
        self
    }

    /// What rests when it fails too often in a row, instead of everything at the same host: one hook of many there.
    #[must_use]
    pub fn circuit(mut self, key: impl Into<String>) -> Self {
        self.circuit = Some(key.into());
        self
    }

    /// How often this was tried before, by a process that died or a message that came again; spans count on from there.
    #[must_use]
    pub fn attempts_before(mut self, attempts: usize) -> Self {
        self.attempts_before = attempts;
        self
    }

    /// Its bytes, as they are sent: what a signature is over.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// How long one attempt may take, instead of the setting.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({} bytes)", self.method, redacted(&self.url, self.template), self.body.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_prints_without_its_secrets() {
        let url = Url::parse("https://api.example.com/x?access_token=IGAA_invented").unwrap();
        let token = Secret::from("key_invented");
        let request = Request::post(url).bearer(&token).json(&["body_invented"]);
        assert_eq!(
            format!("{request:?}"),
            "POST https://api.example.com/[redacted]?access_token=[redacted] (17 bytes)"
        );
        let shown = format!("{:?}", request.template("/{account}"));
        assert_eq!(shown, "POST https://api.example.com/{account}?access_token=[redacted] (17 bytes)");
    }
}
