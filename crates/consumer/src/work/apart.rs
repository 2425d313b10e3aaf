//! Events that may have killed the process: a few at a time, on record before they are tried. Whoever is on record when
//! the process dies again is tried in a smaller group next time, until the one that kills it is alone.

use std::collections::VecDeque;

use anyhow::anyhow;
use tracing::warn;

use super::{Failed, Item, Probe, Work};
use crate::{Batch, Failure, Journal, Message, OnRecord};

/// Events in a group, by how often its events were at work when the process died: never, once, more often.
const GROUPS: [usize; 3] = [32, 6, 1];

impl<H: Batch + Journal> Work<H> {
    pub(super) async fn apart(&self, items: Vec<(Item, OnRecord)>) -> Vec<Probe> {
        let mut groups = groups(items);
        let mut probes = Vec::new();
        while let Some(group) = groups.pop_front() {
            let rest: Vec<_> = groups.iter().flatten().map(|item| &item.ticket).collect();
            probes.extend(self.keeping_alive(&rest, self.group(group)).await);
        }
        probes
    }

    /// One group at a time in the whole process: who is on record was at work.
    async fn group(&self, items: Vec<Item>) -> Vec<Probe> {
        let tickets: Vec<_> = items.iter().map(|item| &item.ticket).collect();
        let messages: Vec<&Message> = items.iter().map(|item| &item.message).collect();
        let beginning = async {
            let lone = self.lone.lock().await;
            let begun = self.patience.until_there(|| self.begin(&messages)).await;
            (lone, begun)
        };
        let (_lone, begun) = self.keeping_alive(&tickets, beginning).await;
        match begun {
            Ok(()) => self.together(items).await,
            // The process stops.
            Err(Failure::Unavailable { source }) => {
                let text = format!("{source:#}");
                self.give_up(items, || Failure::Unavailable { source: anyhow!(text.clone()) }).await
            }
            Err(Failure::Wait { after, code }) => self.give_up(items, || Failure::Wait { after, code }).await,
            // The record protects their neighbours; that it cannot be kept is no reason not to handle them.
            Err(failure @ (Failure::Retry { .. } | Failure::Dead { .. })) => {
                warn!(events = items.len(), error = failure.text(), "handled without a record of it");
                self.together(items).await
            }
        }
    }

    async fn give_up(&self, items: Vec<Item>, failure: impl Fn() -> Failure) -> Vec<Probe> {
        let mut items: VecDeque<_> = items.into();
        let mut probes = Vec::new();
        while let Some(Item { message, ticket, .. }) = items.pop_front() {
            let rest: Vec<_> = items.iter().map(|item| &item.ticket).collect();
            probes.extend(self.settle(Failed { message, ticket, failure: failure() }, &rest).await);
        }
        probes
    }
}

/// Groups in the order of `items`, which begins with the least suspected.
fn groups(items: Vec<(Item, OnRecord)>) -> VecDeque<Vec<Item>> {
    let mut groups: VecDeque<(usize, Vec<Item>)> = VecDeque::new();
    for (item, record) in items {
        let size = record.group_max(&item.message);
        match groups.back_mut().filter(|(max, group)| *max == size && group.len() < size) {
            Some((_, group)) => group.push(item),
            None => groups.push_back((size, vec![item])),
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
