//! Meta's side of the edge: an HTTP client that posts as Meta does, signature and all, and makes its handshake.

mod sample;

use anyhow::anyhow;
use config::{Secret, Settings};
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::{Client, Url};
use sha2::Sha256;

use crate::{
    delivery::{Reply, client, endpoint},
    failure::Failure,
};

pub(crate) use sample::{Press, Sample};

const PATH: &str = "/api/webhooks/instagram";
const SIGNATURE_HEADER: &str = "X-Hub-Signature-256";

/// Where to send, and as which app.
#[derive(Debug, clap::Args)]
pub(crate) struct TargetArgs {
    /// Address of the edge, or the endpoint's whole URL [default: this machine, at `edge.listen`].
    #[arg(long, env = "WEIR_EDGE_URL", hide_env_values = true, value_name = "URL")]
    url: Option<String>,
    /// App secret to sign with [default: the first of `edge.providers.instagram.secrets`]. The shell's history and `ps`
    /// see it: prefer the setting.
    #[arg(long, value_name = "SECRET")]
    secret: Option<String>,
}

/// The endpoint, and the secret that signs.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    client: Client,
    endpoint: Url,
    secret: Secret,
}

impl Target {
    pub(crate) fn new(args: &TargetArgs, settings: &Settings) -> Result<Self, Failure> {
        let provider = settings.edge.providers.get("instagram");
        let own = provider.and_then(|instagram| instagram.secrets.first());
        let own = own.or(settings.instagram.graph.app_secret.as_ref());
        let secret = args.secret.as_deref().map(Secret::from).or_else(|| own.cloned()).ok_or_else(|| {
            Failure::usage(anyhow!("there is no secret to sign with")).hint(
                "give --secret, or set WEIR_EDGE__PROVIDERS__INSTAGRAM__SECRETS (or INSTAGRAM_APP_SECRET)",
            )
        })?;
        let endpoint = endpoint(args.url.as_deref(), settings, PATH)?;
        Ok(Self { client: client()?, endpoint, secret })
    }

    /// The endpoint, without secrets.
    pub(crate) fn endpoint(&self) -> String {
        config::redact_userinfo(self.endpoint.as_str())
    }

    /// Posts with the right signature.
    pub(crate) async fn post(&self, body: Vec<u8>) -> anyhow::Result<Reply> {
        let signature = sign(&self.secret, &body);
        self.post_with(body, Some(&signature)).await
    }

    /// Posts with this signature, or none.
    pub(crate) async fn post_with(&self, body: Vec<u8>, signature: Option<&str>) -> anyhow::Result<Reply> {
        let mut request = self.client.post(self.endpoint.clone()).header("Content-Type", "application/json");
        if let Some(signature) = signature {
            request = request.header(SIGNATURE_HEADER, signature);
        }
        Reply::to(request.body(body)).await
    }

    /// Asks whether the endpoint is ours, as Meta does when somebody enters it in the dashboard.
    pub(crate) async fn handshake(&self, token: &str, challenge: &str) -> anyhow::Result<Reply> {
        let mut url = self.endpoint.clone();
        url.query_pairs_mut()
            .append_pair("hub.mode", "subscribe")
            .append_pair("hub.challenge", challenge)
            .append_pair("hub.verify_token", token);
        Reply::to(self.client.get(url)).await
    }
}

/// The value of the signature header.
pub(crate) fn sign(secret: &Secret, body: &[u8]) -> String {
    let keyed = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes());
    let keyed = keyed.expect("HMAC takes keys of any length").chain_update(body);
    format!("sha256={}", hex::encode(keyed.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use config::Secret;

    use super::sign;

    #[test]
    fn the_references_vector_is_signed_as_meta_signs_it() {
        let secret = Secret::from("0123456789abcdef0123456789abcdef");
        assert_eq!(
            sign(&secret, br#"{"object":"instagram","entry":[]}"#),
            "sha256=8912de8ce2cf02fdf72be5dee010dc1bf8145745d177db4fb80b628f8bccf8de"
        );
    }
}
