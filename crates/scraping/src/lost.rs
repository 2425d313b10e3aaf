//! Jobs whose data or whose last word never came.

use std::error::Error as StdError;

use brightdata_api::{Progress, SnapshotId};
use contract::brightdata::JobStatus;
use serde::Serialize;
use store::scrape_requests::{self, ScrapeRequest, Status};
use time::{Duration, OffsetDateTime};
use tracing::debug;

use crate::{Channel, Error, Scraping, fetch::about};

/// Jobs that one search looks at, at most, of each sort.
const SEARCHED_MAX: u16 = 500;
/// How long Bright Data keeps results: what is older cannot be fetched, and must not crowd out what can.
const KEPT: Duration = Duration::days(16);

/// What never came.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "missing", rename_all = "snake_case")]
pub enum Missing {
    /// It is ready, and no data came.
    Data,
    /// It has ended, and nobody told us.
    Word {
        /// Bright Data's answer.
        progress: Progress,
    },
}

/// A job of which something is missing.
#[derive(Debug, Clone, PartialEq)]
pub struct Lost {
    /// Bright Data's id.
    pub snapshot_id: SnapshotId,
    /// What we know.
    pub request: ScrapeRequest,
    /// What never came.
    pub missing: Missing,
}

impl Lost {
    /// Whether there is data that we do not have.
    pub fn has_data(&self) -> bool {
        let is_ready = match &self.missing {
            Missing::Data => true,
            Missing::Word { progress } => progress.job_status() == Some(JobStatus::Completed),
        };
        is_ready && self.request.data_first_at.is_none()
    }
}

impl Scraping {
    /// Finds jobs that are ready and brought no data, and asks Bright Data about those that have been open for as long:
    /// after an outage, their last word is lost too. One that Bright Data does not speak of (another product's, or of
    /// another account) does not hide the others.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn lost(&self, now: OffsetDateTime) -> Result<Vec<Lost>, Error> {
        let when = now - KEPT..now - self.settings.lost_after();
        let mut connection = self.pool.acquire().await?;
        let without_data = scrape_requests::lost(&mut connection, when.clone(), SEARCHED_MAX).await?;
        let open = scrape_requests::open(&mut connection, when, SEARCHED_MAX).await?;
        drop(connection);
        let mut lost: Vec<_> =
            without_data.into_iter().filter_map(|request| Lost::of(request, Missing::Data)).collect();
        for request in open {
            let Some(snapshot_id) = id_of(&request) else { continue };
            let progress = match self.api.progress(&snapshot_id).await {
                Ok(progress) => progress,
                Err(
                    error @ (brightdata_api::Error::Unknown(_)
                    | brightdata_api::Error::Refused { .. }
                    | brightdata_api::Error::Unexpected(_)),
                ) => {
                    let snapshot_id = snapshot_id.as_str();
                    debug!(
                        brightdata.snapshot = snapshot_id,
                        error = &error as &dyn StdError,
                        "job not known"
                    );
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            if progress.job_status().is_some_and(|status| Status::from(status).is_final()) {
                lost.push(Lost { snapshot_id, request, missing: Missing::Word { progress } });
            }
        }
        Ok(lost)
    }

    /// Publishes the word that never came, as the edge would have. If it comes after all, it is a duplicate.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn tell(&self, lost: &Lost, channel: &Channel, now: OffsetDateTime) -> Result<(), Error> {
        let Missing::Word { progress } = &lost.missing else { return Ok(()) };
        let body = serde_json::json!({
            "snapshot_id": lost.snapshot_id,
            "status": progress.status,
            "dataset_id": progress.dataset_id,
            "records": progress.records,
            "errors": progress.errors,
        });
        let about = about(&lost.snapshot_id, Some(&lost.request), now);
        channel.publish(about.word(&progress.status, body.to_string().into_bytes())).await?;
        Ok(())
    }
}

impl Lost {
    fn of(request: ScrapeRequest, missing: Missing) -> Option<Self> {
        Some(Self { snapshot_id: id_of(&request)?, request, missing })
    }
}

/// An id that came from outside may be none that can be asked for.
fn id_of(request: &ScrapeRequest) -> Option<SnapshotId> {
    request.snapshot_id.as_deref()?.parse().ok()
}
