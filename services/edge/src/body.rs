//! Reading a body with a cap on its size and on its time.

use std::time::Duration;

use axum::{
    body::{Body, HttpBody as _},
    http::{HeaderMap, header},
};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;

use crate::error::Refusal;

/// What is allocated on the word of a `Content-Length` alone.
const TRUST_MAX: usize = 1 << 20;

/// The whole body, at most `limit` bytes of it, within `timeout`. What says that it is longer is refused unread.
pub(crate) async fn read(
    headers: &HeaderMap,
    body: Body,
    limit: usize,
    timeout: Duration,
) -> Result<Bytes, Refusal> {
    let declared = declared_length(headers, limit)?;
    tokio::time::timeout(timeout, collect(body, declared, limit)).await.unwrap_or(Err(Refusal::BodyTimeout))
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

async fn collect(mut body: Body, declared: Option<u64>, limit: usize) -> Result<Bytes, Refusal> {
    let Some(first) = next(&mut body, limit).await? else { return Ok(Bytes::new()) };
    if body.is_end_stream() {
        // Nearly every webhook: the bytes are those that came off the socket, not a copy.
        return Ok(first);
    }
    let declared = declared.and_then(|length| usize::try_from(length).ok()).unwrap_or_default();
    let mut whole = BytesMut::with_capacity(declared.min(TRUST_MAX).max(first.len()));
    whole.extend_from_slice(&first);
    while let Some(data) = next(&mut body, limit - whole.len()).await.map_err(|refusal| match refusal {
        Refusal::TooLarge { .. } => Refusal::TooLarge { limit_bytes: limit },
        other => other,
    })? {
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
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
    async fn a_body_in_one_piece_is_not_copied() {
        let sent = Bytes::from_static(b"{\"id\":1}");
        let read = read(&HeaderMap::new(), Body::from(sent.clone()), 8, MINUTE).await.unwrap();
        assert_eq!(read.as_ptr(), sent.as_ptr());
    }

    #[tokio::test]
    async fn pieces_are_joined_up_to_the_limit_and_not_beyond() {
        let body = || chunks(&["ab", "", "cd", "e"]);
        assert_eq!(read(&HeaderMap::new(), body(), 5, MINUTE).await.unwrap(), "abcde");
        for limit in [0, 1, 2, 3, 4] {
            let refusal = read(&HeaderMap::new(), body(), limit, MINUTE).await.unwrap_err();
            assert!(
                matches!(refusal, Refusal::TooLarge { limit_bytes } if limit_bytes == limit),
                "{limit}: {refusal:?}"
            );
        }
        assert_eq!(read(&HeaderMap::new(), Body::empty(), 0, MINUTE).await.unwrap(), "");
    }

    #[tokio::test]
    async fn a_length_above_the_limit_is_refused_unread() {
        let headers = HeaderMap::from_iter([(header::CONTENT_LENGTH, "6".parse().unwrap())]);
        let never = Body::from_stream(stream::pending::<Result<Bytes, Infallible>>());
        let refusal = read(&headers, never, 5, MINUTE).await.unwrap_err();
        assert!(matches!(refusal, Refusal::TooLarge { limit_bytes: 5 }));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_comes_is_cut_off() {
        let never = Body::from_stream(stream::pending::<Result<Bytes, Infallible>>());
        let refusal = read(&HeaderMap::new(), never, 5, MINUTE).await.unwrap_err();
        assert!(matches!(refusal, Refusal::BodyTimeout));
    }
}
