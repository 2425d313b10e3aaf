//! Reading a stream from end to end, and removing messages from it. For operators: a service reads through its consumer.

use std::time::Duration;

use anyhow::Context as _;
use async_nats::jetstream::{
    ErrorCode,
    consumer::{DeliverPolicy, pull::OrderedConfig},
    context::GetStreamErrorKind,
};
use futures::StreamExt as _;

use crate::{Bus, Stored, header_pairs};

/// How long the broker may take for the next message.
const NEXT_TIMEOUT: Duration = Duration::from_secs(10);

impl Bus {
    /// Shows every message that stream holds now, oldest first, and says how many they were. What is published meanwhile
    /// is not shown; none of its consumers notices. A stream that is not there holds none.
    ///
    /// # Errors
    /// The broker did not answer.
    pub async fn scan(&self, stream: &str, visit: impl FnMut(Stored)) -> anyhow::Result<u64> {
        self.scan_subject(stream, "", visit).await
    }

    /// The same of one subject; of every one, if it is empty.
    pub(crate) async fn scan_subject(
        &self,
        stream: &str,
        subject: &str,
        mut visit: impl FnMut(Stored),
    ) -> anyhow::Result<u64> {
        let handle = match self.jetstream().get_stream(stream).await {
            Ok(handle) => handle,
            Err(error) => match error.kind() {
                GetStreamErrorKind::JetStream(problem)
                    if problem.error_code() == ErrorCode::STREAM_NOT_FOUND =>
                {
                    return Ok(0);
                }
                _ => return Err(error).with_context(|| format!("stream {stream}")),
            },
        };
        let state = &handle.cached_info().state;
        let last = state.last_sequence;
        if state.messages == 0 {
            return Ok(0);
        }
        let config = OrderedConfig {
            deliver_policy: DeliverPolicy::All,
            filter_subject: subject.to_owned(),
            ..OrderedConfig::default()
        };
        let consumer = handle.create_consumer(config).await?;
        if consumer.cached_info().num_pending == 0 {
            return Ok(0);
        }
        let mut messages = consumer.messages().await?;
        let mut seen = 0;
        loop {
            let next = tokio::time::timeout(NEXT_TIMEOUT, messages.next()).await;
            // The last ones may have been deleted since.
            let Ok(Some(message)) = next else { break };
            let message = message.with_context(|| format!("stream {stream}"))?;
            let info = message.info().map_err(|error| anyhow::anyhow!(error))?;
            let (sequence, is_last) =
                (info.stream_sequence, info.stream_sequence >= last || info.pending == 0);
            if sequence > last {
                break;
            }
            let published = info.published;
            let headers = message.headers.as_ref().map(header_pairs).unwrap_or_default();
            let (subject, payload) = (message.subject.to_string(), message.payload.clone());
            visit(Stored { stream: stream.to_owned(), sequence, subject, published, headers, payload });
            seen += 1;
            if is_last {
                break;
            }
        }
        Ok(seen)
    }

    /// Removes a message for good: the server overwrites its bytes on the disk. Says whether it was there. Proved by
    /// `a_person_is_gone_from_every_place_and_the_books_balance`.
    ///
    /// # Errors
    /// The broker did not answer, or refuses.
    pub async fn erase(&self, stream: &str, sequence: u64) -> anyhow::Result<bool> {
        let handle = self.jetstream().get_stream_no_info(stream).await?;
        let error = match handle.delete_message(sequence).await {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        // The server has one answer for "not there" and "cannot".
        if self.stored(stream, sequence).await?.is_none() {
            return Ok(false);
        }
        Err(error).with_context(|| format!("message {sequence} of stream {stream}"))
    }
}
