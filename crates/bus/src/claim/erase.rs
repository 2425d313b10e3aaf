//! Reading which bodies are claimed, and removing one for good. For operators.

use futures::TryStreamExt as _;

use super::{BUCKET, Claims};

impl Claims {
    /// The names of all bodies that are kept.
    ///
    /// # Errors
    /// The broker did not answer.
    pub async fn names(&self) -> anyhow::Result<Vec<String>> {
        let objects: Vec<_> = self.store().await?.list().await?.try_collect().await?;
        Ok(objects.into_iter().map(|object| object.name).collect())
    }

    /// Removes a body: the server overwrites the bytes of its pieces on the disk. Says whether it was there. Proved by
    /// `a_claimed_body_is_erased_with_the_messages_that_name_it`.
    ///
    /// # Errors
    /// The broker did not answer, or refuses.
    pub async fn erase(&self, name: &str) -> anyhow::Result<bool> {
        if !self.names().await?.iter().any(|kept| kept == name) {
            return Ok(false);
        }
        let store = self.store().await?;
        let (stream, nuid) = (format!("OBJ_{BUCKET}"), store.info(name).await?.nuid);
        let mut pieces = Vec::new();
        let of_body = format!("$O.{BUCKET}.C.{nuid}");
        self.bus.scan_subject(&stream, &of_body, |stored| pieces.push(stored.sequence)).await?;
        for piece in pieces {
            self.bus.erase(&stream, piece).await?;
        }
        store.delete(name).await?;
        Ok(true)
    }
}
