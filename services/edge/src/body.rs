//! Reading a body with a cap on its size and on its time.

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, HttpBody as _},
    http::{HeaderMap, header},
};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::Refusal;

/// What is allocated on the word of a `Content-Length` alone.
const TRUST_MAX: usize = FREE_BYTES;

/// Bodies up to this size take no [`Room`]: there are at most as many as requests in flight.
const FREE_BYTES: usize = 64 * 1024;
const BLOCK_BYTES: usize = 64 * 1024;

/// Bodies up to this size are copied out of the buffer that they were read into. A larger one keeps the buffer until it is
/// published, and the connection's next request costs a new one of 8 KiB, which is more than this copy.
const COPY_MAX_BYTES: usize = 2 * 1024;

/// Memory for bodies that are held whole, over all requests. A signed body is held before anybody knows whose it is, so
/// without an end to it strangers could fill the memory
/// (`strangers_with_large_bodies_neither_fill_the_memory_nor_shut_out_small_ones`).
pub(crate) struct Room(Arc<Semaphore>);

/// A body, and the room that it takes.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) bytes: Bytes,
    _room: Option<OwnedSemaphorePermit>,
}

impl Room {
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new((max_bytes / BLOCK_BYTES).clamp(1, Semaphore::MAX_PERMITS))))
    }

    /// Makes `taken` enough for a body of `bytes`.
    fn extend(&self, taken: &mut Option<OwnedSemaphorePermit>, bytes: usize) -> Result<(), Refusal> {
        let blocks = bytes.saturating_sub(FREE_BYTES).div_ceil(BLOCK_BYTES);
        let missing = blocks.saturating_sub(taken.as_ref().map_or(0, OwnedSemaphorePermit::num_permits));
        if missing > 0 {
            let missing = u32::try_from(missing).unwrap_or(u32::MAX);
            let more = self.0.clone().try_acquire_many_owned(missing).map_err(|_| Refusal::Overloaded)?;
            match taken {
                Some(taken) => taken.merge(more),
                None => *taken = Some(more),
            }
        }
        Ok(())
    }
}

/// The whole body, at most `limit` bytes of it, within `timeout`. What says that it is longer is refused unread.
pub(crate) async fn read(
    headers: &HeaderMap,
    body: Body,
    limit: usize,
    timeout: Duration,
    room: &Room,
) -> Result<Held, Refusal> {
    let declared = declared_length(headers, limit)?;
    let collecting = collect(body, declared, limit, room);
    tokio::time::timeout(timeout, collecting).await.unwrap_or(Err(Refusal::BodyTimeout))
}

/// What the body says of its length, if that is allowed.
pub(crate) fn declared_length(headers: &HeaderMap, limit: usize) -> Result<Option<u64>, Refusal> {
    let declared =
        headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > limit as u64) {
        return Err(Refusal::TooLarge { limit_bytes: limit });
    }
    Ok(declared)
}

async fn collect(mut body: Body, declared: Option<u64>, limit: usize, room: &Room) -> Result<Held, Refusal> {
    let mut taken = None;
    let Some(first) = next(&mut body, limit).await? else {
        return Ok(Held { bytes: Bytes::new(), _room: None });
    };
    room.extend(&mut taken, first.len())?;
    if body.is_end_stream() {
        // Nearly every webhook.
        let bytes = if first.len() <= COPY_MAX_BYTES { Bytes::copy_from_slice(&first) } else { first };
        return Ok(Held { bytes, _room: taken });
    }
    let declared = declared.and_then(|length| usize::try_from(length).ok()).unwrap_or_default();
    let mut whole = BytesMut::with_capacity(declared.min(TRUST_MAX).max(first.len()));
    whole.extend_from_slice(&first);
    while let Some(data) = next(&mut body, limit - whole.len()).await.map_err(|refusal| match refusal {
        Refusal::TooLarge { .. } => Refusal::TooLarge { limit_bytes: limit },
        other => other,
    })? {
        room.extend(&mut taken, whole.len() + data.len())?;
        whole.extend_from_slice(&data);
    }
    Ok(Held { bytes: whole.freeze(), _room: taken })
}

/// The next piece of data that is not empty, at most `room` bytes.
pub(crate) async fn next(body: &mut Body, room: usize) -> Result<Option<Bytes>, Refusal> {
    while let Some(frame) = body.frame().await {
        match frame.map_err(|_| Refusal::BodyCutOff)?.into_data() {
            Ok(data) if data.len() > room => return Err(Refusal::TooLarge { limit_bytes: room }),
            Ok(data) if !data.is_empty() => return Ok(Some(data)),
            Ok(_) | Err(_) => {}
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures::stream;

    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn room() -> Room {
        Room::new(1)
    }

    fn chunks(chunks: &'static [&'static str]) -> Body {
        Body::from_stream(stream::iter(chunks).map_ok_bytes())
    }

    trait MapOkBytes: Sized {
        fn map_ok_bytes(self) -> impl futures::Stream<Item = Result<Bytes, Infallible>> + Send + 'static;
    }

    impl MapOkBytes for stream::Iter<std::slice::Iter<'static, &'static str>> {
        fn map_ok_bytes(self) -> impl futures::Stream<Item = Result<Bytes, Infallible>> + Send + 'static {
            futures::StreamExt::map(self, |chunk: &&str| Ok(Bytes::from_static(chunk.as_bytes())))
        }
    }

    #[tokio::test]
    async fn a_body_in_one_piece_is_copied_only_when_it_is_small() {
        for (size, is_copied) in [(8, true), (COPY_MAX_BYTES, true), (COPY_MAX_BYTES + 1, false)] {
            let sent = Bytes::from(vec![b'x'; size]);
            let read =
                read(&HeaderMap::new(), Body::from(sent.clone()), size, MINUTE, &room()).await.unwrap();
            assert_eq!(read.bytes, sent);
            assert_eq!(read.bytes.as_ptr() != sent.as_ptr(), is_copied, "{size}");
        }
    }

    #[tokio::test]
    async fn pieces_are_joined_up_to_the_limit_and_not_beyond() {
        let body = || chunks(&["ab", "", "cd", "e"]);
        assert_eq!(read(&HeaderMap::new(), body(), 5, MINUTE, &room()).await.unwrap().bytes, "abcde");
        for limit in [0, 1, 2, 3, 4] {
            let refusal = read(&HeaderMap::new(), body(), limit, MINUTE, &room()).await.unwrap_err();
            assert!(
                matches!(refusal, Refusal::TooLarge { limit_bytes } if limit_bytes == limit),
                "{limit}: {refusal:?}"
            );
        }
        assert_eq!(read(&HeaderMap::new(), Body::empty(), 0, MINUTE, &room()).await.unwrap().bytes, "");
    }

    #[tokio::test]
    async fn a_length_above_the_limit_is_refused_unread() {
        let headers = HeaderMap::from_iter([(header::CONTENT_LENGTH, "6".parse().unwrap())]);
        let never = Body::from_stream(stream::pending::<Result<Bytes, Infallible>>());
        let refusal = read(&headers, never, 5, MINUTE, &room()).await.unwrap_err();
        assert!(matches!(refusal, Refusal::TooLarge { limit_bytes: 5 }));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_comes_is_cut_off() {
        let never = Body::from_stream(stream::pending::<Result<Bytes, Infallible>>());
        let refusal = read(&HeaderMap::new(), never, 5, MINUTE, &room()).await.unwrap_err();
        assert!(matches!(refusal, Refusal::BodyTimeout));
    }

    #[tokio::test]
    async fn large_bodies_share_their_room_and_give_it_back() {
        let room = Room::new(3 * BLOCK_BYTES);
        let held = async |pieces: usize| {
            let piece = Ok::<_, Infallible>(Bytes::from(vec![b'x'; BLOCK_BYTES]));
            let body = Body::from_stream(stream::iter(vec![piece; pieces]));
            read(&HeaderMap::new(), body, usize::MAX, MINUTE, &room).await
        };
        let small = [held(1).await.unwrap(), held(1).await.unwrap()];
        let large = held(3).await.unwrap();
        assert_eq!(large.bytes.len(), 3 * BLOCK_BYTES);
        assert!(matches!(held(3).await, Err(Refusal::Overloaded)));
        assert_eq!(held(2).await.unwrap().bytes.len(), 2 * BLOCK_BYTES, "what was refused holds nothing");
        drop((small, large));
        held(4).await.unwrap();
    }
}
