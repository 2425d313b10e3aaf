//! Why something was not done.

use brightdata_api::SnapshotId;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody would know where to deliver.
    #[error("brightdata.api.public_url is not set: where does Bright Data reach the edge?")]
    NoPublicUrl,
    /// The edge would refuse the delivery.
    #[error("edge.providers.brightdata.secrets is not set: which token shall deliveries carry?")]
    NoToken,
    /// Bright Data did not do it.
    #[error(transparent)]
    Api(#[from] brightdata_api::Error),
    /// The job runs, and we could not note its id.
    #[error("the job {snapshot_id} runs, but could not be noted")]
    NotNoted {
        /// The job.
        snapshot_id: SnapshotId,
        /// Why not.
        #[source]
        source: sqlx::Error,
    },
    /// The download broke off. What was published stays; another attempt completes it.
    #[error("the download broke off")]
    Download(#[source] outbound::Error),
    /// The download was empty, and the job is not. Proved by `a_download_without_a_byte_is_not_taken_for_an_empty_list`.
    #[error("the download was empty, although the job has records")]
    NothingCame,
    /// An event could not be made durable. What was published stays; another attempt completes it.
    #[error("the stream did not take it")]
    Publish(#[from] bus::PublishError),
    /// The object store did not take a large record.
    #[error("the object store did not take a record")]
    Claim(#[from] bus::claim::ClaimError),
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}
