//! Events that may have killed the process: a few at a time, on record before they are tried. Whoever is on record when
//! the process dies again is tried in a smaller group next time, until the one that kills it is alone.

use anyhow::anyhow;
use tracing::warn;

use super::{InHand, Probe, Work};
use crate::{Batch, Failure, Journal, Message, OnRecord};

/// Events in a group, by how often its events were at work when the process died: never, once, more often.
const GROUPS: [usize; 3] = [32, 6, 1];

impl<H: Batch + Journal> Work<H> {
    pub(super) async fn apart<'t>(&self, items: Vec<(InHand<'t>, OnRecord)>) -> Vec<Probe<'t>> {
        let mut probes = Vec::new();
        for group in groups(items) {
            probes.extend(self.group(group).await);
        }
        probes
    }

    /// One group at a time in the whole process: who is on record was at work.
    async fn group<'t>(&self, mut items: Vec<InHand<'t>>) -> Vec<Probe<'t>> {
        let _lone = self.lone.lock().await;
        let messages: Vec<&Message> = items.iter().map(|item| &item.message).collect();
        match self.patience.until_there(|| self.begin(&messages)).await {
            Ok(()) => {}
            // The process stops.
            Err(Failure::Unavailable { source }) => {
                let text = format!("{source:#}");
                for item in &mut items {
                    item.verdict = Err(Failure::Unavailable { source: anyhow!(text.clone()) });
                }
            }
            Err(Failure::Wait { after, code }) => {
                for item in &mut items {
                    item.verdict = Err(Failure::Wait { after, code });
                }
            }
            // The record protects their neighbours; that it cannot be kept is no reason not to handle them.
            Err(failure @ (Failure::Retry { .. } | Failure::Dead { .. })) => {
                warn!(events = items.len(), error = failure.text(), "handled without a record of it");
            }
        }
        self.together(items).await
    }
}

/// Groups in the order of `items`, which begins with the least suspected.
fn groups<'t>(items: Vec<(InHand<'t>, OnRecord)>) -> Vec<Vec<InHand<'t>>> {
    let mut groups: Vec<(usize, Vec<InHand<'t>>)> = Vec::new();
    for (item, record) in items {
        let size = record.group_max(&item.message);
        match groups.last_mut().filter(|(max, group)| *max == size && group.len() < size) {
            Some((_, group)) => group.push(item),
            None => groups.push((size, vec![item])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

impl OnRecord {
    /// How many events it may be tried with.
    fn group_max(self, message: &Message) -> usize {
        let [many, few, alone] = GROUPS;
        match (self.unfinished, self.attempts) {
            (_, attempts) if attempts >= message.attempts_max => alone,
            (false, _) | (true, 0) => many,
            (true, 1) => few,
            (true, _) => alone,
        }
    }
}
