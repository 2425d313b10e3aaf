//! Counting positions, and moving the books on.

use store::{
    stream_accounts::StreamAccount,
    webhook_events::{Gap, Tally},
};

/// What became of some positions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) completed: i64,
    pub(crate) dead: i64,
    pub(crate) duplicates: i64,
    pub(crate) directed: i64,
    pub(crate) lost: i64,
    /// In the ledger, neither completed nor dead.
    pub(crate) open: i64,
    /// On the stream, and not in the ledger.
    pub(crate) unknown: i64,
}

impl Sums {
    /// Those that the books have.
    pub(crate) const fn of_account(account: &StreamAccount) -> Self {
        Self {
            completed: account.completed,
            dead: account.dead,
            duplicates: account.duplicates,
            directed: account.directed,
            lost: account.lost,
            open: 0,
            unknown: 0,
        }
    }

    pub(crate) const fn of_tally(tally: Tally) -> Self {
        Self {
            completed: tally.completed,
            dead: tally.dead,
            duplicates: tally.duplicates,
            directed: 0,
            lost: 0,
            open: tally.open,
            unknown: 0,
        }
    }
}

impl std::ops::AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        self.completed += other.completed;
        self.dead += other.dead;
        self.duplicates += other.duplicates;
        self.directed += other.directed;
        self.lost += other.lost;
        self.open += other.open;
        self.unknown += other.unknown;
    }
}

/// The books moved on over positions up to `until`, all of which are accounted for.
pub(crate) fn moved_on(account: &StreamAccount, passed: Sums, until: i64) -> StreamAccount {
    StreamAccount {
        settled_sequence: until,
        completed: account.completed + passed.completed,
        dead: account.dead + passed.dead,
        duplicates: account.duplicates + passed.duplicates,
        directed: account.directed + passed.directed,
        lost: account.lost + passed.lost,
        ..account.clone()
    }
}

/// Positions in order, as few gaps as possible.
pub(crate) fn push(gaps: &mut Vec<Gap>, sequence: i64) {
    match gaps.last_mut() {
        Some(gap) if gap.last + 1 == sequence => gap.last = sequence,
        _ => gaps.push(Gap { first: sequence, last: sequence }),
    }
}

/// The part of the gaps up to `until`.
pub(crate) fn up_to(gaps: &[Gap], until: i64) -> impl Iterator<Item = Gap> {
    gaps.iter()
        .filter(move |gap| gap.first <= until)
        .map(move |gap| Gap { first: gap.first, last: gap.last.min(until) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_one_gap_and_a_gap_can_be_cut() {
        let mut gaps = Vec::new();
        for sequence in [1, 2, 3, 7, 9, 10] {
            push(&mut gaps, sequence);
        }
        let ends = |gaps: &[Gap]| gaps.iter().map(|gap| (gap.first, gap.last)).collect::<Vec<_>>();
        assert_eq!(ends(&gaps), [(1, 3), (7, 7), (9, 10)]);
        assert_eq!(ends(&up_to(&gaps, 9).collect::<Vec<_>>()), [(1, 3), (7, 7), (9, 9)]);
        assert_eq!(ends(&up_to(&gaps, 2).collect::<Vec<_>>()), [(1, 2)]);
        assert!(up_to(&gaps, 0).next().is_none());
    }
}
