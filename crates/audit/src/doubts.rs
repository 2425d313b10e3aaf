//! Losses that are not believed yet: a consumer that held a message when it was purged may commit it a moment later.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use store::{stream_accounts::StreamAccount, webhook_events::Gap};
use time::OffsetDateTime;

use crate::look::age;

/// A stream, and when it was made.
type Place = (String, OffsetDateTime);
/// Positions, and since when they seem lost.
type Seen = (Gap, OffsetDateTime);

/// Since when each position seems lost, by stream; those that the books have passed are forgotten. Kept in memory: who
/// starts anew believes later.
#[derive(Debug, Clone, Default)]
pub(crate) struct Doubts(Arc<Mutex<BTreeMap<Place, Vec<Seen>>>>);

impl Doubts {
    /// Notes what seems lost now, and gives the first position of it that has not seemed so for `grace`: the books must
    /// end before it. Proved by `a_loss_is_believed_when_it_has_been_one_for_a_while`.
    pub(crate) fn first_young(
        &self,
        account: &StreamAccount,
        lost: &[Gap],
        grace: Duration,
        now: OffsetDateTime,
    ) -> Option<i64> {
        if lost.is_empty() || grace.is_zero() {
            return None;
        }
        let mut doubts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = doubts.entry((account.stream.clone(), account.incarnation)).or_default();
        seen.retain(|(gap, _)| gap.last > account.settled_sequence);
        let mut young = None;
        for gap in lost {
            let new: Vec<_> = unseen(*gap, seen).into_iter().map(|part| (part, now)).collect();
            seen.extend(new);
            let of_gap = seen.iter().filter(|(part, since)| {
                part.first <= gap.last && part.last >= gap.first && age(*since, now) < grace
            });
            young = young.into_iter().chain(of_gap.map(|(part, _)| part.first.max(gap.first))).min();
        }
        seen.sort_unstable_by_key(|(part, _)| part.first);
        young
    }
}

/// The parts of a gap that none of `seen` has, which do not overlap and are in order.
fn unseen(gap: Gap, seen: &[Seen]) -> Vec<Gap> {
    let mut parts = Vec::new();
    let mut next = gap.first;
    let mut overlapping: Vec<_> = seen
        .iter()
        .map(|(part, _)| *part)
        .filter(|part| part.first <= gap.last && part.last >= gap.first)
        .collect();
    overlapping.sort_unstable_by_key(|part| part.first);
    for part in overlapping {
        parts.push(Gap { first: next, last: part.first - 1 });
        next = next.max(part.last + 1);
    }
    parts.push(Gap { first: next, last: gap.last });
    parts.retain(|part| !part.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_is_believed_when_it_has_been_one_for_a_while() {
        let doubts = Doubts::default();
        let at = |seconds| OffsetDateTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let account = StreamAccount::new("C2S", "c2s", OffsetDateTime::UNIX_EPOCH);
        let grace = Duration::from_mins(1);
        let young = |lost: &[(i64, i64)], seconds| {
            let lost: Vec<_> = lost.iter().map(|(first, last)| Gap { first: *first, last: *last }).collect();
            doubts.first_young(&account, &lost, grace, at(seconds))
        };
        assert_eq!(young(&[], 0), None);
        assert_eq!(young(&[(5, 9)], 0), Some(5));
        assert_eq!(young(&[(5, 12), (20, 20)], 30), Some(5), "it grew");
        assert_eq!(young(&[(5, 12), (20, 20)], 60), Some(10), "the first part is old enough");
        assert_eq!(young(&[(5, 7), (9, 12)], 89), Some(10), "what the ledger has got meanwhile is none");
        assert_eq!(young(&[(3, 12), (20, 20)], 90), Some(3));
        assert_eq!(young(&[(3, 12), (20, 20)], 150), None);
        let passed = StreamAccount { settled_sequence: 20, ..account.clone() };
        let again = [Gap { first: 20, last: 20 }];
        assert_eq!(doubts.first_young(&passed, &again, grace, at(200)), Some(20), "forgotten");
        assert_eq!(doubts.first_young(&account, &again, Duration::ZERO, at(0)), None);
    }
}
