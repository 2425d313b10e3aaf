//! What is asked, in a form that can be asked again.

use std::{fmt, time::Duration};

use bytes::Bytes;
use config::Secret;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use reqwest::Url;
use serde::Serialize;

use crate::redacted;

/// When a request without an answer is asked again. After an answer that says "not now" every request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// Always: doing it twice is as good as once.
    Always,
    /// Only when the other side cannot have seen it: doing it twice costs money, or shows.
    IfUnseen,
}

/// One request. Prints without its headers, its body and the values of its query.
#[derive(Clone)]
pub struct Request {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) repeat: Repeat,
    pub(crate) timeout: Option<Duration>,
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

    /// When it is asked again.
    #[must_use]
    pub fn repeat(mut self, repeat: Repeat) -> Self {
        self.repeat = repeat;
        self
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
        write!(f, "{} {} ({} bytes)", self.method, redacted(&self.url), self.body.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_prints_without_its_secrets() {
        let url = Url::parse("https://api.example.com/x?access_token=IGAA_invented").unwrap();
        let token = Secret::from("key_invented");
        let shown = format!("{:?}", Request::post(url).bearer(&token).json(&["body_invented"]));
        assert_eq!(shown, "POST https://api.example.com/x?access_token=[redacted] (17 bytes)");
    }
}
