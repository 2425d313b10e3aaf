//! Keys of events published lately. One key that the stream knows rejects a whole batch; a key found here goes alone.

use std::{
    collections::{HashSet, VecDeque},
    hash::{BuildHasher as _, RandomState},
    sync::Mutex,
};

/// Keys remembered, at most; about 1 MiB. A hint, not the truth: the stream decides what is a duplicate.
const CAPACITY: usize = 32_768;

#[derive(Debug, Default)]
pub(super) struct Recent {
    hasher: RandomState,
    keys: Mutex<Keys>,
}

#[derive(Debug, Default)]
struct Keys {
    known: HashSet<u64>,
    in_order: VecDeque<u64>,
}

impl Recent {
    /// Remembers a key; whether it was known.
    pub(super) fn is_known(&self, key: &str) -> bool {
        let hash = self.hasher.hash_one(key);
        let mut keys = self.keys.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !keys.known.insert(hash) {
            return true;
        }
        keys.in_order.push_back(hash);
        if keys.in_order.len() > CAPACITY
            && let Some(oldest) = keys.in_order.pop_front()
        {
            keys.known.remove(&oldest);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_known_until_many_others_came() {
        let recent = Recent::default();
        assert!(!recent.is_known("a"));
        assert!(recent.is_known("a"));
        for number in 0..CAPACITY {
            recent.is_known(&number.to_string());
        }
        assert!(!recent.is_known("a"));
    }
}
