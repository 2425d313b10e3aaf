//! What senders share.

use std::time::Duration;

/// Longest that a sender waits for an answer; Meta would not wait so long, Bright Data does.
const TIMEOUT: Duration = Duration::from_secs(30);

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Status.
    pub status: u16,
    /// Body.
    pub body: String,
}

impl Reply {
    /// Sends, and reads what comes back.
    pub(crate) async fn to(request: reqwest::RequestBuilder) -> anyhow::Result<Self> {
        let response = request.send().await?;
        let status = response.status().as_u16();
        Ok(Self { status, body: response.text().await? })
    }

    /// Whether it was accepted.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// A client as senders have one: it follows no redirect.
pub(crate) fn client() -> anyhow::Result<reqwest::Client> {
    // Another call may have installed it before, which is as good.
    rustls::crypto::ring::default_provider().install_default().ok();
    let builder = reqwest::Client::builder().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none());
    Ok(builder.no_proxy().build()?)
}
