//! Object store buckets. A bucket is a stream of a fixed shape, which clients derive from its name.

use std::time::Duration;

use async_nats::jetstream::stream::{self, Compression, DiscardPolicy, RetentionPolicy, StorageType};
use serde::Deserialize;

/// What is ours to choose of a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BucketSpec {
    /// Streams whose messages name its objects.
    pub serves: Vec<String>,
    /// How long it keeps objects: longer than any message that names one is kept.
    pub max_age_hours: u64,
    /// How much it keeps; a full bucket refuses.
    pub max_bytes: i64,
}

/// The stream behind a bucket.
pub(crate) fn stream_name(bucket: &str) -> String {
    format!("OBJ_{bucket}")
}

impl BucketSpec {
    pub(super) fn write_to(&self, config: &mut stream::Config, bucket: &str, replicas: usize) {
        config.name = stream_name(bucket);
        config.subjects = vec![format!("$O.{bucket}.C.>"), format!("$O.{bucket}.M.>")];
        config.retention = RetentionPolicy::Limits;
        config.storage = StorageType::File;
        config.discard = DiscardPolicy::New;
        config.num_replicas = replicas;
        config.max_age = Duration::from_hours(self.max_age_hours);
        config.max_bytes = self.max_bytes;
        config.allow_direct = true;
        config.allow_rollup = true;
        // What the server makes of "unset", so that the next comparison finds no difference.
        config.max_message_size = -1;
        config.max_messages_per_subject = -1;
        config.duplicate_window = Duration::from_mins(2);
        config.compression = Some(Compression::None);
    }
}
