//! Posting webhooks as Meta does, and as somebody else would.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::{Reply, sender::client};

/// How a body is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signature {
    /// `X-Hub-Signature-256`, as Meta does.
    Right,
    /// By another app's secret.
    OtherSecret,
    /// The right digest in upper-case hexadecimal.
    UpperCase,
    /// Only the first half of the digest.
    Truncated,
    /// The older header alone.
    Sha1Only,
    /// None.
    Absent,
}

/// Meta, as far as it calls us.
#[derive(Debug, Clone)]
pub struct Sender {
    endpoint: String,
    app_secret: String,
    http: reqwest::Client,
}

/// `sha256=` and the digest, as `X-Hub-Signature-256` carries it.
pub fn sign(app_secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(app_secret.as_bytes()).expect("a key of any length will do");
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

impl Sender {
    /// Posts to this endpoint, such as `http://127.0.0.1:8000/api/webhooks/instagram`.
    ///
    /// # Errors
    /// The machine's trust store cannot be read.
    pub fn new(endpoint: &str, app_secret: &str) -> anyhow::Result<Self> {
        Ok(Self { endpoint: endpoint.to_owned(), app_secret: app_secret.to_owned(), http: client()? })
    }

    /// Asks the endpoint to prove that it knows the verify token; its body must be the challenge.
    ///
    /// # Errors
    /// No answer.
    pub async fn handshake(&self, verify_token: &str, challenge: &str) -> anyhow::Result<Reply> {
        let query =
            [("hub.mode", "subscribe"), ("hub.challenge", challenge), ("hub.verify_token", verify_token)];
        Reply::to(self.http.get(&self.endpoint).query(&query)).await
    }

    /// Posts a signed body.
    ///
    /// # Errors
    /// No answer.
    pub async fn deliver(&self, body: &str) -> anyhow::Result<Reply> {
        self.deliver_signed(body, Signature::Right).await
    }

    /// Posts a body, signed in this way.
    ///
    /// # Errors
    /// No answer.
    pub async fn deliver_signed(&self, body: &str, signature: Signature) -> anyhow::Result<Reply> {
        let right = sign(&self.app_secret, body.as_bytes());
        let header = match signature {
            Signature::Right => Some(right),
            Signature::OtherSecret => Some(sign("another app's secret", body.as_bytes())),
            Signature::UpperCase => Some(right.to_uppercase().replace("SHA256", "sha256")),
            Signature::Truncated => Some(right.chars().take("sha256=".len() + 32).collect()),
            Signature::Sha1Only | Signature::Absent => None,
        };
        let mut request = self
            .http
            .post(&self.endpoint)
            .header("Content-Type", "application/json")
            .header("User-Agent", "facebookexternalua")
            .body(body.to_owned());
        if let Some(header) = header {
            request = request.header("X-Hub-Signature-256", header);
        }
        if signature == Signature::Sha1Only {
            request = request.header("X-Hub-Signature", format!("sha1={}", "0".repeat(40)));
        }
        Reply::to(request).await
    }
}

#[cfg(test)]
mod tests {
    use super::sign;

    #[test]
    fn a_body_is_signed_as_meta_signs_it() {
        assert_eq!(
            sign("0123456789abcdef0123456789abcdef", br#"{"object":"instagram","entry":[]}"#),
            "sha256=8912de8ce2cf02fdf72be5dee010dc1bf8145745d177db4fb80b628f8bccf8de"
        );
    }
}
