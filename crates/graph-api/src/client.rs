//! Calls, and what their answers mean.

use std::sync::{Mutex, MutexGuard, PoisonError};

use config::Secret;
use http::Method;
use outbound::{Answer, BuildError, Client, Request, Url, Verdict};
use serde::Deserialize;
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::{
    Error, Field, appsecret_proof, appsecret_proof_at,
    error::{Judged, judge},
    usage::Usage,
};

/// Meta's Graph API as our app calls it.
#[derive(Debug)]
pub struct GraphApi {
    client: Client,
    settings: config::GraphApi,
    base: Url,
    usage: Mutex<Usage>,
}

/// What `GET subscribed_apps` lists.
#[derive(Deserialize)]
struct Apps {
    data: Vec<App>,
}

#[derive(Deserialize)]
struct App {
    id: Option<String>,
    #[serde(default)]
    subscribed_fields: Vec<String>,
}

/// What a change is answered with. Proved by `a_success_that_says_that_it_is_none_is_an_error`.
#[derive(Deserialize)]
struct Changed {
    success: bool,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The address of the settings is none.
    #[error("instagram.graph.base_url is not a URL")]
    BaseUrl,
    /// The HTTP client cannot be made.
    #[error(transparent)]
    Client(#[from] BuildError),
}

impl GraphApi {
    /// The API of these settings.
    ///
    /// # Errors
    /// See [`SetupError`].
    pub fn new(settings: &config::GraphApi, outbound: &config::Outbound) -> Result<Self, SetupError> {
        let base = settings.base_url.parse::<Url>().map_err(|_| SetupError::BaseUrl)?;
        if base.cannot_be_a_base() {
            return Err(SetupError::BaseUrl);
        }
        let client = Client::new("graph-api", outbound)?;
        Ok(Self { client, settings: settings.clone(), base, usage: Mutex::default() })
    }

    /// Subscribes the account to these fields. What it is subscribed to already stays.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn subscribe(&self, account: &str, fields: &[Field], token: &Secret) -> Result<(), Error> {
        let fields: Vec<_> = fields.iter().map(Field::as_str).collect();
        let query = [("subscribed_fields", fields.join(","))];
        confirmed(&self.call(Method::POST, account, &query, token).await?)
    }

    /// The fields that the account is subscribed to; `None`: our app is not subscribed at all.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn subscribed(&self, account: &str, token: &Secret) -> Result<Option<Vec<String>>, Error> {
        let answer = self.call(Method::GET, account, &[], token).await?;
        let apps: Apps = answer.json().map_err(|_| Error::Unexpected { status: answer.status })?;
        let ours = |app: &App| match (&self.settings.app_id, &app.id) {
            (Some(ours), Some(id)) => ours == id,
            // A token sees its own app only, where Meta does not say whose entry it is.
            _ => true,
        };
        Ok(apps.data.into_iter().find(ours).map(|app| app.subscribed_fields))
    }

    /// Removes our app from the account.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn unsubscribe(&self, account: &str, token: &Secret) -> Result<(), Error> {
        confirmed(&self.call(Method::DELETE, account, &[], token).await?)
    }

    async fn call(
        &self,
        method: Method,
        account: &str,
        query: &[(&str, String)],
        token: &Secret,
    ) -> Result<Answer, Error> {
        if let Some(wait) = self.usage().pause(account, Instant::now()) {
            return Err(Error::Limited { wait });
        }
        let url = self.url(account, query, token)?;
        let request = Request::new(method, url.clone()).template("/{version}/{account}/subscribed_apps");
        let answer = self.client.send(&request).await.map_err(Error::Call)?;
        let now = Instant::now();
        self.usage().note(account, &answer.headers, self.settings.usage_stop_percent, now);
        if answer.verdict() == Verdict::Success {
            return Ok(answer);
        }
        match judge(&answer, &url) {
            Judged::Error(error) => Err(error),
            Judged::Limited => {
                let mut usage = self.usage();
                if usage.pause(account, now).is_none() {
                    usage.pause_account(account, now, answer.retry_after());
                }
                Err(Error::Limited { wait: usage.pause(account, now).unwrap_or_default() })
            }
        }
    }

    /// The address of an account's subscriptions, with the token and its proof: Meta takes both in the query.
    fn url(&self, account: &str, query: &[(&str, String)], token: &Secret) -> Result<Url, Error> {
        const ID_MAX_LEN: usize = 32;
        let is_id = account == "me" || account.bytes().all(|byte| byte.is_ascii_digit());
        if account.is_empty() || account.len() > ID_MAX_LEN || !is_id {
            return Err(Error::Account);
        }
        let mut url = self.base.clone();
        url.path_segments_mut().expect("checked when the client was made").pop_if_empty().extend([
            self.settings.version.as_str(),
            account,
            "subscribed_apps",
        ]);
        let mut pairs = url.query_pairs_mut();
        pairs.extend_pairs(query);
        pairs.append_pair("access_token", token.expose());
        match &self.settings.app_secret {
            Some(secret) if self.settings.appsecret_time => {
                let time = OffsetDateTime::now_utc().unix_timestamp();
                pairs.append_pair("appsecret_proof", &appsecret_proof_at(secret, token, time));
                pairs.append_pair("appsecret_time", &time.to_string());
            }
            Some(secret) => {
                pairs.append_pair("appsecret_proof", &appsecret_proof(secret, token));
            }
            None => {}
        }
        drop(pairs);
        Ok(url)
    }

    fn usage(&self) -> MutexGuard<'_, Usage> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn confirmed(answer: &Answer) -> Result<(), Error> {
    match answer.json() {
        Ok(Changed { success: true }) => Ok(()),
        Ok(Changed { success: false }) | Err(_) => Err(Error::Unexpected { status: answer.status }),
    }
}
