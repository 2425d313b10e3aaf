//! Keys by which a person is found, and which tell nothing to whoever has the table but not the setting.

use std::fmt;

use config::Secret;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::Cpf;

/// Shorter keys can be guessed, and with the key all CPFs: there are only a thousand million.
const KEY_MIN_LEN: usize = 32;
/// Bytes of an index.
const LEN: usize = 32;

/// HMAC-SHA256 under keys of our own. The first key makes what is written; all of them find what is there.
pub struct BlindIndex {
    first: Secret,
    others: Vec<Secret>,
}

/// Why the keys of the settings cannot be used. No key is quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IndexKeyError {
    /// Nobody can be found without one.
    #[error("people.index_keys is missing: make a key with `openssl rand -hex 32`")]
    Missing,
    /// One can be guessed.
    #[error("people.index_keys number {position} is too short: expected at least 32 characters")]
    Short {
        /// Counted from 1.
        position: usize,
    },
}

impl BlindIndex {
    /// The index under these keys.
    ///
    /// # Errors
    /// There is none, or one is too short.
    pub fn new(keys: &[Secret]) -> Result<Self, IndexKeyError> {
        for (key, position) in keys.iter().zip(1..) {
            if key.expose().trim().len() < KEY_MIN_LEN {
                return Err(IndexKeyError::Short { position });
            }
        }
        let [first, others @ ..] = keys else { return Err(IndexKeyError::Missing) };
        Ok(Self { first: first.clone(), others: others.to_vec() })
    }

    /// What a CPF is found by, as it is written.
    pub fn of_cpf(&self, cpf: &Cpf) -> Vec<u8> {
        mac(&self.first, "cpf", &[cpf.expose()])
    }

    /// What a CPF may have been written as: one for each key.
    pub fn all_of_cpf(&self, cpf: &Cpf) -> Vec<Vec<u8>> {
        self.all("cpf", &[cpf.expose()])
    }

    /// A fingerprint of these values in this order, for comparing. `purpose` keeps fingerprints of different things
    /// apart.
    pub fn of(&self, purpose: &str, values: &[&str]) -> Vec<u8> {
        mac(&self.first, purpose, values)
    }

    /// What the same values may have been written as: one for each key.
    pub fn all(&self, purpose: &str, values: &[&str]) -> Vec<Vec<u8>> {
        std::iter::once(&self.first).chain(&self.others).map(|key| mac(key, purpose, values)).collect()
    }
}

/// Each value with its length, so that no two lists are spelled alike.
fn mac(key: &Secret, purpose: &str, values: &[&str]) -> Vec<u8> {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(key.expose().trim().as_bytes()).expect("a key of any length will do");
    for value in std::iter::once(&purpose).chain(values) {
        mac.update(&(value.len() as u64).to_be_bytes());
        mac.update(value.as_bytes());
    }
    let bytes = mac.finalize().into_bytes().to_vec();
    debug_assert_eq!(bytes.len(), LEN, "SHA-256 has 32 bytes");
    bytes
}

impl fmt::Debug for BlindIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlindIndex").field("keys", &(self.others.len() + 1)).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(keys: &[&str]) -> Vec<Secret> {
        keys.iter().map(|key| Secret::from(key.repeat(32).as_str())).collect()
    }

    #[test]
    fn what_an_older_key_wrote_is_found_by_the_newer_ones() {
        let cpf: Cpf = "52998224725".parse().unwrap();
        let older = BlindIndex::new(&keys(&["a"])).unwrap();
        let both = BlindIndex::new(&keys(&["b", "a"])).unwrap();
        assert_ne!(older.of_cpf(&cpf), both.of_cpf(&cpf));
        assert!(both.all_of_cpf(&cpf).contains(&older.of_cpf(&cpf)));
        assert!(!format!("{both:?}").contains("bbbb"));
    }

    #[test]
    fn lists_that_read_alike_have_different_fingerprints() {
        let index = BlindIndex::new(&keys(&["a"])).unwrap();
        assert_ne!(index.of("lead", &["ab", "c"]), index.of("lead", &["a", "bc"]));
        assert_ne!(index.of("lead", &["a"]), index.of("message", &["a"]));
        assert_eq!(index.of("lead", &["a"]), index.of("lead", &["a"]));
    }

    #[test]
    fn keys_that_can_be_guessed_are_refused() {
        assert_eq!(BlindIndex::new(&[]).unwrap_err(), IndexKeyError::Missing);
        let short = [keys(&["a"]), vec![Secret::from("short")]].concat();
        assert_eq!(BlindIndex::new(&short).unwrap_err(), IndexKeyError::Short { position: 2 });
    }
}
