//! Starting a job.

use brightdata_api::{Format, SnapshotId, Trigger};
use contract::brightdata::{Kind, Platform, dataset};
use serde::Serialize;
use serde_json::Value;
use store::scrape_requests::{self, New};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{Error, Scraping};

/// What is to be collected.
#[derive(Debug, Clone)]
pub struct Job<'a> {
    /// Dataset, such as `gd_lk5ns7kz21pck8jpis`.
    pub dataset_id: &'a str,
    /// Inputs: objects, most of them with a `url`.
    pub inputs: &'a [Value],
    /// What it is about, where the dataset does not say it.
    pub platform: Option<Platform>,
    /// What its records are, where the dataset does not say it.
    pub kind: Option<Kind>,
    /// Discover new inputs by this (`keyword`, `profile_url`, …).
    pub discover_by: Option<&'a str>,
    /// Results of one input, at most.
    pub limit_per_input: Option<u32>,
    /// Results altogether, at most.
    pub limit_multiple_results: Option<u32>,
}

/// A job that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Triggered {
    /// Our id.
    pub id: Uuid,
    /// Bright Data's.
    pub snapshot_id: SnapshotId,
    /// Where its data will be delivered.
    pub endpoint: String,
}

impl Scraping {
    /// Starts a job whose data and last word come to the edge. It is noted before and after; if nobody knows whether
    /// Bright Data took it, it is neither repeated nor forgotten (`answer_lost` in its row). Proved by
    /// `a_job_whose_answer_was_lost_is_noted_and_not_repeated`.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn trigger(&self, job: &Job<'_>, now: OffsetDateTime) -> Result<Triggered, Error> {
        let (platform, kind) = dataset(job.dataset_id).unzip();
        let (platform, kind) =
            (job.platform.or(platform).map(Platform::as_str), job.kind.or(kind).map(Kind::as_str));
        let (endpoint, notify) = (self.endpoint(platform, kind)?, self.notify_endpoint()?);
        let trigger = Trigger {
            dataset_id: job.dataset_id,
            inputs: job.inputs,
            endpoint: Some(&endpoint),
            notify: Some(&notify),
            token: Some(self.token()?),
            format: Format::Json,
            uncompressed: false,
            include_errors: true,
            discover_by: job.discover_by,
            limit_per_input: job.limit_per_input,
            limit_multiple_results: job.limit_multiple_results,
        };
        let parameters = trigger.parameters().into_iter();
        let parameters = parameters.map(|(name, value)| (name.to_owned(), Value::from(value))).collect();
        let id = Uuid::now_v7();
        let new = New {
            id,
            dataset_id: job.dataset_id,
            platform,
            kind,
            notify_expected: true,
            inputs: &Value::from(job.inputs),
            parameters: &Value::Object(parameters),
        };
        scrape_requests::insert(&mut *self.pool.acquire().await?, &new, now).await?;
        match self.api.trigger(&trigger).await {
            Ok(snapshot_id) => {
                let noted = self.note(id, &snapshot_id, now).await;
                noted.map_err(|source| Error::NotNoted { snapshot_id: snapshot_id.clone(), source })?;
                Ok(Triggered { id, snapshot_id, endpoint })
            }
            Err(error) => {
                let (is_final, code) =
                    if error.is_uncertain() { (false, "answer_lost") } else { (true, error.code()) };
                let mut connection = self.pool.acquire().await?;
                let message = error.to_string();
                scrape_requests::refused(&mut connection, id, code, &message, is_final, now).await?;
                Err(error.into())
            }
        }
    }

    async fn note(&self, id: Uuid, snapshot_id: &SnapshotId, now: OffsetDateTime) -> sqlx::Result<()> {
        let mut transaction = self.pool.begin().await?;
        scrape_requests::answered(&mut transaction, id, snapshot_id.as_str(), now).await?;
        transaction.commit().await
    }
}
