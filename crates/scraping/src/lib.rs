//! Scrape jobs at Bright Data: started, followed, and fetched when their delivery was lost.
//!
//! A job is committed before Bright Data is asked for it, and Bright Data's id after; what died in between is a job
//! without an id, to be seen in the list. Nothing replays a lost webhook by itself, so [`Scraping::lost`] finds jobs
//! whose data or whose last word never came, and [`Scraping::fetch`] brings them in through the same splitter and under
//! the same keys as the edge: what had arrived is a duplicate, the rest is completed. Proved by
//! `a_lost_delivery_is_fetched_and_what_had_arrived_is_not_doubled`.

mod assemble;
mod error;
mod fetch;
mod lost;
mod trigger;

use brightdata_api::{BrightDataApi, Progress, SnapshotId};
use config::{EdgeProvider, Secret, Settings};
use contract::stream::brightdata::PROVIDER;
use sqlx::PgPool;
use store::{
    Turn,
    scrape_requests::{self, ScrapeRequest},
};

pub use error::Error;
pub use fetch::{Channel, Fetched};
pub use lost::{Lost, Missing};
pub use trigger::{Job, Triggered};

/// Name of the turn to bring in what is lost.
pub const TURN: &str = "weir: lost deliveries of Bright Data";

/// Jobs, with the API that runs them and the database that remembers them.
#[derive(Debug)]
pub struct Scraping {
    api: BrightDataApi,
    pool: PgPool,
    settings: config::BrightDataApi,
    /// How the edge takes deliveries apart, and which token they carry.
    edge: EdgeProvider,
}

/// What we know of a job, and what Bright Data says.
#[derive(Debug)]
pub struct Status {
    /// Our row, if there is one.
    pub known: Option<ScrapeRequest>,
    /// Bright Data's answer.
    pub progress: Progress,
}

impl Scraping {
    /// Jobs of these settings.
    ///
    /// # Errors
    /// The settings of the API cannot be used.
    pub fn new(settings: &Settings, pool: PgPool) -> Result<Self, brightdata_api::SetupError> {
        Ok(Self {
            api: BrightDataApi::new(&settings.brightdata.api, &settings.outbound)?,
            pool,
            settings: settings.brightdata.api.clone(),
            edge: settings.edge.providers.get(PROVIDER).cloned().expect("the defaults have the provider"),
        })
    }

    /// How far a job is, by our book and by Bright Data's.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn status(&self, snapshot_id: &SnapshotId) -> Result<Status, Error> {
        let known = self.find(snapshot_id).await?;
        Ok(Status { known, progress: self.api.progress(snapshot_id).await? })
    }

    /// Has Bright Data deliver the data of a job to the edge once more. Returns the id of that delivery.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn redeliver(&self, snapshot_id: &SnapshotId) -> Result<String, Error> {
        let known = self.find(snapshot_id).await?;
        let about = |word: fn(&ScrapeRequest) -> Option<&str>| known.as_ref().and_then(word);
        let endpoint = self.endpoint(about(|it| it.platform.as_deref()), about(|it| it.kind.as_deref()))?;
        Ok(self.api.deliver(snapshot_id, &endpoint, None).await?)
    }

    /// The turn to bring in what is lost; `None`: another process is doing it, and two would download everything twice.
    ///
    /// # Errors
    /// The database fails.
    pub async fn turn(&self) -> Result<Option<Turn>, Error> {
        Ok(Turn::take(&self.pool, TURN).await?)
    }

    async fn find(&self, snapshot_id: &SnapshotId) -> Result<Option<ScrapeRequest>, Error> {
        let mut connection = self.pool.acquire().await?;
        let ids = [snapshot_id.to_string()];
        Ok(scrape_requests::find_by_snapshots(&mut connection, &ids).await?.pop())
    }

    /// Where data is delivered. Platform and kind come back with it: no record names them.
    fn endpoint(&self, platform: Option<&str>, kind: Option<&str>) -> Result<String, Error> {
        let mut url = self.public("/api/brightdata/webhook/")?;
        let known = [("platform", platform), ("kind", kind)];
        let known: Vec<_> = known.into_iter().filter_map(|(name, word)| Some((name, word?))).collect();
        if !known.is_empty() {
            url.query_pairs_mut().extend_pairs(known);
        }
        Ok(url.into())
    }

    fn notify_endpoint(&self) -> Result<String, Error> {
        Ok(self.public("/api/brightdata/notify/")?.into())
    }

    fn public(&self, path: &str) -> Result<outbound::Url, Error> {
        let base = self.settings.public_url.as_deref().ok_or(Error::NoPublicUrl)?;
        let mut url: outbound::Url = base.parse().map_err(|_| Error::NoPublicUrl)?;
        let prefix = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{prefix}{path}"));
        url.set_query(None);
        Ok(url)
    }

    /// The token that deliveries carry: the newest that the edge accepts.
    fn token(&self) -> Result<&Secret, Error> {
        self.edge.secrets.first().ok_or(Error::NoToken)
    }
}
