//! Claim check: a body that is too large for a message is put into an object store, and the message carries its name.
//!
//! An object is named by its content, so that putting the same body again is the same object; and put before the message
//! that names it is published, so that whoever has the message can have the body. It is kept longer than any message.

mod erase;

use std::{error::Error, time::Duration};

use async_nats::jetstream::object_store::{GetErrorKind, ObjectStore};
use bytes::Bytes;
use futures::TryStreamExt as _;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use tokio::{io::AsyncReadExt as _, sync::OnceCell};

use crate::Bus;

/// The bucket that holds claimed bodies.
pub const BUCKET: &str = "CLAIMS";
/// An object that is older than this is put again, so that it lives as long as the next message that names it.
pub(crate) const REUSE: Duration = Duration::from_hours(24);
/// A body takes several round trips; a publish takes one.
const TIMEOUT_FACTOR: u32 = 2;

/// Why a body could not be put, or is not there.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// No object of this name: it has expired, or was never put.
    #[error("the claimed body is not there (any more)")]
    Missing,
    /// The object is larger than the caller takes.
    #[error("the claimed body of {size} bytes is above the limit of {max}")]
    TooLarge {
        /// Bytes of the object.
        size: usize,
        /// The caller's limit.
        max: usize,
    },
    /// What came is not what the name says, or a piece of it is gone.
    #[error("the claimed body is damaged")]
    Damaged,
    /// No broker, no bucket, or no answer in time.
    #[error("the object store did not answer in time")]
    Unavailable(#[source] Option<Box<dyn Error + Send + Sync>>),
}

/// Puts and gets claimed bodies. Clones share the connection.
#[derive(Debug, Clone)]
pub struct Claims {
    bus: Bus,
    timeout: Duration,
    store: std::sync::Arc<OnceCell<Store>>,
}

/// The client's own type does not print.
struct Store(ObjectStore);

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(BUCKET)
    }
}

/// The name of the object that holds `body`.
pub fn name_of(body: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(body).iter().fold(String::with_capacity(64), |mut name, byte| {
        write!(name, "{byte:02x}").expect("a String takes every write");
        name
    })
}

impl Claims {
    /// Claims over this connection, with the bounds of `config`.
    pub fn new(bus: &Bus, config: &config::Nats) -> Self {
        Self {
            bus: bus.clone(),
            timeout: config.publish_timeout() * TIMEOUT_FACTOR,
            store: std::sync::Arc::default(),
        }
    }

    /// Returns the object's name once the body is durable. Proved by `a_claimed_body_survives_a_killed_broker`.
    ///
    /// # Errors
    /// [`ClaimError::Unavailable`].
    pub async fn put(&self, body: &Bytes) -> Result<String, ClaimError> {
        self.in_time(async {
            let (store, name) = (self.store().await?, name_of(body));
            if !is_fresh(store, &name).await {
                store.put(name.as_str(), &mut body.as_ref()).await.map_err(unavailable)?;
            }
            Ok(name)
        })
        .await
    }

    /// Sees to it that the object of this name lives as long as a message of now that names it. Proved by
    /// `an_object_that_is_gone_cannot_be_renewed`.
    ///
    /// # Errors
    /// See [`ClaimError`].
    pub async fn renew(&self, name: &str, max: usize) -> Result<(), ClaimError> {
        if self.in_time(async { Ok(is_fresh(self.store().await?, name).await) }).await? {
            return Ok(());
        }
        let body = self.get(name, max).await?;
        self.put(&body).await.map(drop)
    }

    /// The body of this name, if it is at most `max` bytes.
    ///
    /// # Errors
    /// See [`ClaimError`].
    pub async fn get(&self, name: &str, max: usize) -> Result<Bytes, ClaimError> {
        let read = self.read(name, max).await;
        match read {
            // Who reads an object waits for its pieces, gone or not: nobody should wait for ever.
            Err(ClaimError::Unavailable(None)) if self.lacks_pieces(name).await => Err(ClaimError::Damaged),
            read => read,
        }
    }

    async fn read(&self, name: &str, max: usize) -> Result<Bytes, ClaimError> {
        self.in_time(async {
            let store = self.store().await?;
            let mut object = store.get(name).await.map_err(|error| match error.kind() {
                GetErrorKind::NotFound => ClaimError::Missing,
                _ => unavailable(error),
            })?;
            let size = object.info().size;
            if size > max {
                return Err(ClaimError::TooLarge { size, max });
            }
            let mut body = Vec::with_capacity(size);
            // Not read_to_end, which takes it ill that the client reads some and then finds the whole wrong.
            while object.read_buf(&mut body).await.map_err(unread)? > 0 {}
            if name_of(&body) == name { Ok(Bytes::from(body)) } else { Err(ClaimError::Damaged) }
        })
        .await
    }

    /// Whether the store has fewer pieces of the object than it says. Proved by `a_claim_with_a_piece_gone_is_damaged`.
    async fn lacks_pieces(&self, name: &str) -> bool {
        let counted = self.in_time(async {
            let info = self.store().await?.info(name).await.map_err(unavailable)?;
            let stream =
                self.bus.jetstream().get_stream(format!("OBJ_{BUCKET}")).await.map_err(unavailable)?;
            let pieces = format!("$O.{BUCKET}.C.{}", info.nuid);
            let kept = stream.info_with_subjects(pieces).await.map_err(unavailable)?;
            let kept: Vec<_> = kept.try_collect().await.map_err(unavailable)?;
            Ok(kept.into_iter().map(|(_, count)| count).sum::<usize>() < info.chunks)
        });
        counted.await.unwrap_or(false)
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T, ClaimError>>) -> Result<T, ClaimError> {
        let work = async {
            self.bus.connected().await;
            work.await
        };
        tokio::time::timeout(self.timeout, work).await.unwrap_or(Err(ClaimError::Unavailable(None)))
    }

    async fn store(&self) -> Result<&ObjectStore, ClaimError> {
        let open = async || self.bus.jetstream().get_object_store(BUCKET).await.map(Store);
        self.store.get_or_try_init(open).await.map(|store| &store.0).map_err(unavailable)
    }
}

/// Whether the object is there and young enough to outlive a message of now.
async fn is_fresh(store: &ObjectStore, name: &str) -> bool {
    // Whatever an error is, putting will meet it too.
    store.info(name).await.is_ok_and(|info| {
        !info.deleted && info.modified.is_some_and(|modified| OffsetDateTime::now_utc() - modified < REUSE)
    })
}

/// The client compares digests itself.
fn unread(error: std::io::Error) -> ClaimError {
    if error.kind() == std::io::ErrorKind::InvalidData { ClaimError::Damaged } else { unavailable(error) }
}

fn unavailable(source: impl Into<Box<dyn Error + Send + Sync>>) -> ClaimError {
    ClaimError::Unavailable(Some(source.into()))
}
