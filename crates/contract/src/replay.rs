//! What a message says of being a replay, and what a replayed event is called.

use uuid::Uuid;

use crate::{EventId, header};

/// An event that was published again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replay {
    /// The event that was published again; may be a replay itself.
    pub event: EventId,
    /// The first event of that chain. What became of it decides whether this one may have effects.
    pub root: EventId,
    /// The job that did it.
    pub job: Option<Uuid>,
    /// Effects are wanted, whatever became of the root.
    pub force_effects: bool,
}

impl From<EventId> for Replay {
    /// A replay of an original, by nobody's job.
    fn from(event: EventId) -> Self {
        Self { event, root: event, job: None, force_effects: false }
    }
}

impl Replay {
    /// Its headers.
    pub(crate) fn headers(self) -> impl Iterator<Item = (&'static str, String)> {
        let root = (self.root != self.event).then_some(self.root);
        [
            Some((header::REPLAYED_FROM, self.event.to_string())),
            root.map(|root| (header::REPLAY_ROOT, root.to_string())),
            self.job.map(|job| (header::REPLAY, job.to_string())),
            self.force_effects.then(|| (header::FORCE_EFFECTS, "true".to_owned())),
        ]
        .into_iter()
        .flatten()
    }

    /// Reads it from a message's headers.
    pub(crate) fn parse<'a>(get: impl Fn(&'static str) -> Option<&'a str>) -> Option<Self> {
        let event = get(header::REPLAYED_FROM)?.parse().ok()?;
        Some(Self {
            event,
            root: get(header::REPLAY_ROOT).and_then(|id| id.parse().ok()).unwrap_or(event),
            job: get(header::REPLAY).and_then(|id| id.parse().ok()),
            force_effects: get(header::FORCE_EFFECTS) == Some("true"),
        })
    }
}

/// The dedup key of a replay of the event with this `key`: another one for each job, the same each time that the job
/// publishes it. What is directed at one consumer is another message than what goes to all. A replay of a replay
/// (`is_replay`) is named after the original, so that keys do not grow. Proved by
/// `a_replays_key_names_its_original_and_its_job`.
pub fn dedup_key(key: &str, is_replay: bool, job: Uuid, consumer: Option<&str>) -> String {
    let key = if is_replay { original_key(key) } else { key };
    match consumer {
        None => format!("{key}#{job}"),
        Some(consumer) => format!("{key}#{job}:{consumer}"),
    }
}

/// The key without what a job added.
fn original_key(key: &str) -> &str {
    const ID_LENGTH: usize = 36;
    let is_job = |text: &str| text.get(..ID_LENGTH).is_some_and(|id| Uuid::try_parse(id).is_ok());
    key.rsplit_once('#').filter(|(_, job)| is_job(job)).map_or(key, |(original, _)| original)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn a_replays_key_names_its_original_and_its_job() {
        let (one, two) = (Uuid::now_v7(), Uuid::now_v7());
        let first = dedup_key("c2s:1:2", false, one, None);
        assert_eq!(first, format!("c2s:1:2#{one}"));
        assert_eq!(dedup_key(&first, true, two, None), format!("c2s:1:2#{two}"));
        let directed = dedup_key(&first, true, two, Some("c2s-leads"));
        assert_eq!(directed, format!("c2s:1:2#{two}:c2s-leads"));
        assert_eq!(dedup_key(&directed, true, one, None), format!("c2s:1:2#{one}"));
        assert_eq!(dedup_key("a#b", true, two, None), format!("a#b#{two}"));
    }

    #[test]
    fn a_replay_survives_its_headers() {
        let original = Replay::from(EventId::generate());
        let of_a_replay = Replay {
            event: EventId::generate(),
            root: original.root,
            job: Some(Uuid::now_v7()),
            force_effects: true,
        };
        for replay in [original, of_a_replay] {
            let headers: HashMap<_, _> = replay.headers().collect();
            let read = Replay::parse(|name| headers.get(name).map(String::as_str));
            assert_eq!(read, Some(replay));
        }
        assert_eq!(Replay::parse(|_| None), None);
    }
}
