//! The calls.

use outbound::{Answer, BuildError, Client, Download, Repeat, Request, Url, Verdict};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;

use crate::{Delivery, Error, Progress, Snapshot, SnapshotId, Trigger};

/// Bright Data's API as our account calls it.
#[derive(Debug, Clone)]
pub struct BrightDataApi {
    client: Client,
    settings: config::BrightDataApi,
    base: Url,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The address of the settings is none.
    #[error("brightdata.api.base_url is not a URL")]
    BaseUrl,
    /// The HTTP client cannot be made.
    #[error(transparent)]
    Client(#[from] BuildError),
}

#[derive(Deserialize)]
struct Triggered {
    snapshot_id: String,
}

#[derive(Deserialize)]
struct Parts {
    parts: u64,
}

#[derive(Deserialize)]
struct Delivering {
    delivery_id: String,
}

impl BrightDataApi {
    /// The API of these settings.
    ///
    /// # Errors
    /// See [`SetupError`].
    pub fn new(settings: &config::BrightDataApi, outbound: &config::Outbound) -> Result<Self, SetupError> {
        let base = settings.base_url.parse::<Url>().map_err(|_| SetupError::BaseUrl)?;
        if base.cannot_be_a_base() {
            return Err(SetupError::BaseUrl);
        }
        let client = Client::new("brightdata-api", outbound)?;
        Ok(Self { client, settings: settings.clone(), base })
    }

    /// Starts a job. When it is not known whether it started (see [`Error::is_uncertain`]) it is not tried again.
    /// Proved by `a_trigger_whose_answer_was_lost_is_not_repeated`.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn trigger(&self, trigger: &Trigger<'_>) -> Result<SnapshotId, Error> {
        let mut url = self.url(&["trigger"]);
        url.query_pairs_mut().extend_pairs(trigger.query());
        let request = Request::post(url)
            .template("/datasets/v3/trigger")
            .json(&trigger.inputs)
            .repeat(Repeat::IfUnseen);
        let (triggered, answer) = self.ask::<Triggered>(request).await?;
        triggered.snapshot_id.parse().map_err(|_| Error::Unexpected(answer.status))
    }

    /// How far a job is.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn progress(&self, id: &SnapshotId) -> Result<Progress, Error> {
        Ok(self
            .ask(Request::get(self.url(&["progress", id.as_str()])).template("/datasets/v3/progress/{id}"))
            .await?
            .0)
    }

    /// Begins to download what a job brought, in the bytes in which it would have been delivered.
    ///
    /// # Errors
    /// See [`Error`]; that it is not ready is no error.
    pub async fn snapshot(&self, id: &SnapshotId, format: crate::Format) -> Result<Snapshot, Error> {
        let mut url = self.url(&["snapshot", id.as_str()]);
        url.query_pairs_mut().append_pair("format", format.as_str()).append_pair("compress", "false");
        let request = self.authorized(Request::get(url).template("/datasets/v3/snapshot/{id}"))?;
        match self.client.download(&request, self.settings.download_max_bytes).await.map_err(Error::Call)? {
            Download::Body(body) => Ok(Snapshot::Ready(body)),
            Download::Answer(answer) => match Error::of(&answer) {
                Error::NotReady(_) => Ok(Snapshot::NotReady),
                error => Err(error),
            },
        }
    }

    /// In how many parts of so many records (1,000 at least) a snapshot can be downloaded.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn parts(&self, id: &SnapshotId, batch_size: u32) -> Result<u64, Error> {
        let mut url = self.url(&["snapshot", id.as_str(), "parts"]);
        url.query_pairs_mut().append_pair("batch_size", &batch_size.to_string());
        Ok(self.ask::<Parts>(Request::get(url).template("/datasets/v3/snapshot/{id}/parts")).await?.0.parts)
    }

    /// Stops a job.
    ///
    /// # Errors
    /// See [`Error`]; a job that is not running is refused.
    pub async fn cancel(&self, id: &SnapshotId) -> Result<(), Error> {
        let request = Request::post(self.url(&["snapshot", id.as_str(), "cancel"]));
        self.answer(request.template("/datasets/v3/snapshot/{id}/cancel")).await.map(drop)
    }

    /// Has the data of a job delivered once more, and returns the id of that delivery.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn deliver(
        &self,
        id: &SnapshotId,
        endpoint: &str,
        notify: Option<&str>,
    ) -> Result<String, Error> {
        let mut url = self.url(&["deliver", id.as_str()]);
        if let Some(notify) = notify {
            url.query_pairs_mut().append_pair("notify", notify);
        }
        let body = json!({
            "deliver": {
                "type": "webhook",
                "filename": { "template": "{[snapshot_id]}", "extension": "json" },
                "endpoint": endpoint,
            },
            "compress": false,
        });
        Ok(self
            .ask::<Delivering>(Request::post(url).template("/datasets/v3/deliver/{id}").json(&body))
            .await?
            .0
            .delivery_id)
    }

    /// How far such a delivery is.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn delivery(&self, delivery_id: &str) -> Result<Delivery, Error> {
        Ok(self
            .ask(Request::get(self.url(&["delivery", delivery_id])).template("/datasets/v3/delivery/{id}"))
            .await?
            .0)
    }

    async fn ask<T: DeserializeOwned>(&self, request: Request) -> Result<(T, Answer), Error> {
        let answer = self.answer(request).await?;
        let body = answer.json().map_err(|_| Error::Unexpected(answer.status))?;
        Ok((body, answer))
    }

    async fn answer(&self, request: Request) -> Result<Answer, Error> {
        let answer = self.client.send(&self.authorized(request)?).await.map_err(Error::Call)?;
        match answer.verdict() {
            Verdict::Success => Ok(answer),
            Verdict::Retry | Verdict::Permanent | Verdict::Disable => Err(Error::of(&answer)),
        }
    }

    fn authorized(&self, request: Request) -> Result<Request, Error> {
        let key = self.settings.key.as_ref().ok_or(Error::NoKey)?;
        Ok(request.bearer(key))
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .expect("checked when the client was made")
            .pop_if_empty()
            .extend(["datasets", "v3"])
            .extend(path);
        url
    }
}
