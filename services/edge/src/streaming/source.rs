//! Where the bytes of a delivery come from: the wire, or the disk after its signature was checked.

use std::{path::Path, time::Duration};

use axum::body::Body;
use bus::PublishError;
use bytes::{Bytes, BytesMut};
use tokio::{
    fs::File,
    io::{AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _},
    time::Instant,
};

use super::{Check, was_us};
use crate::{body, error::Refusal};

/// Bytes read from the disk at one time.
const READ_BYTES: usize = 64 * 1024;

pub(super) struct Source {
    from: From,
    began: Instant,
    deadline: Instant,
    limit: usize,
    taken: usize,
}

enum From {
    Wire(Body),
    Spool(File),
}

impl Source {
    pub(super) fn wire(body: Body, limit: usize, deadline: Instant) -> Self {
        Self { from: From::Wire(body), began: Instant::now(), deadline, limit, taken: 0 }
    }

    /// Bytes of the body so far.
    pub(super) fn taken(&self) -> usize {
        self.taken
    }

    /// The next piece; `None` at the end of the body.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Refusal> {
        match &mut self.from {
            From::Wire(body) => {
                let room = self.limit - self.taken;
                let piece = tokio::time::timeout_at(self.deadline, body::next(body, room)).await;
                let piece = piece.map_err(|_| Refusal::BodyTimeout)?.map_err(|refusal| match refusal {
                    Refusal::TooLarge { .. } => Refusal::TooLarge { limit_bytes: self.limit },
                    other => other,
                })?;
                self.taken += piece.as_ref().map_or(0, Bytes::len);
                Ok(piece)
            }
            From::Spool(file) => {
                let mut piece = BytesMut::with_capacity(READ_BYTES);
                file.read_buf(&mut piece).await.map_err(Refusal::Spool)?;
                Ok((!piece.is_empty()).then(|| piece.freeze()))
            }
        }
    }

    /// Reads all of it to the disk, and gives it from there if the check passes: what is published cannot be taken back.
    /// The file has no name, so it is gone with the process.
    pub(super) async fn checked(
        mut self,
        mut check: Box<dyn Check>,
        dir: Option<&Path>,
    ) -> Result<Self, Refusal> {
        let file = dir.map_or_else(tempfile::tempfile, tempfile::tempfile_in).map_err(Refusal::Spool)?;
        let mut file = File::from_std(file);
        while let Some(piece) = self.next().await? {
            check.update(&piece);
            file.write_all(&piece).await.map_err(Refusal::Spool)?;
        }
        if !check.passes() {
            return Err(Refusal::Unauthorized);
        }
        file.rewind().await.map_err(Refusal::Spool)?;
        Ok(Self { from: From::Spool(file), ..self })
    }

    /// Ends a delivery that takes longer than its sender waits. `waited`: for the stream.
    pub(super) fn check_deadline(&self, waited: Duration) -> Result<(), Refusal> {
        let now = Instant::now();
        if now < self.deadline {
            Ok(())
        } else if was_us(waited, now - self.began) {
            Err(Refusal::NotDurable(PublishError::Unavailable(None)))
        } else {
            Err(Refusal::BodyTimeout)
        }
    }
}
