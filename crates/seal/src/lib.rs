//! Secrets at rest: what a database, a dump or a backup of it must not tell.
//!
//! A secret is sealed (XChaCha20-Poly1305) for the one place where it lies: moved to another row, column or table it does
//! not open. Every sealed value names its key, so keys change without an outage: put the new one first, seal again what
//! is not [`Keyring::is_current`], then remove the old one. Proved by `a_value_survives_a_change_of_keys`.
//!
//! Never here: keys made from passwords, and a value that opens without its place.

mod key;
mod sealed;

use chacha20poly1305::aead::{Aead as _, Payload};
use config::Secret;
use rand::RngCore as _;
use zeroize::Zeroizing;

pub use key::KeyError;
pub use sealed::key_id;

use key::Key;
use sealed::{NONCE_LEN, Parts};

/// Keys by their ids. The first one seals, all of them open.
#[derive(Debug)]
pub struct Keyring {
    first: Key,
    others: Vec<Key>,
}

/// Where a sealed value lies. It opens there and nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// Table.
    pub table: &'a str,
    /// Column.
    pub column: &'a str,
    /// Primary key of the row, as text.
    pub row: &'a str,
}

/// Why a sealed value does not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It was never sealed by this program.
    #[error("the value is not a sealed one")]
    Malformed,
    /// The key was removed too early.
    #[error("the value is sealed with key `{0}`, which seal.keys lacks")]
    UnknownKey(String),
    /// It was changed, lies in another place than it was sealed for, or the key of this id is another one.
    #[error("the value was not sealed for this place by this key")]
    Forged,
}

impl Keyring {
    /// The keys of the settings.
    ///
    /// # Errors
    /// There is none, or one is not `<id>:<base64 of 32 bytes>`, or two share an id.
    pub fn new(config: &config::Seal) -> Result<Self, KeyError> {
        let mut keys = Vec::new();
        for (text, position) in config.keys.iter().zip(1..) {
            let key = Key::parse(text.expose()).ok_or(KeyError::Invalid { position })?;
            if keys.iter().any(|other: &Key| other.id == key.id) {
                return Err(KeyError::Repeated { id: key.id });
            }
            keys.push(key);
        }
        let mut keys = keys.into_iter();
        let first = keys.next().ok_or(KeyError::Missing)?;
        Ok(Self { first, others: keys.collect() })
    }

    /// Seals a value for its place, with the first key.
    pub fn seal(&self, value: &[u8], place: &Place<'_>) -> Vec<u8> {
        let mut nonce = [0; NONCE_LEN];
        rand::rng().fill_bytes(&mut nonce);
        let bound = sealed::associated_data(&self.first.id, place);
        let payload = Payload { msg: value, aad: &bound };
        let ciphertext = self.first.cipher.encrypt(&nonce.into(), payload);
        let ciphertext = ciphertext.expect("only a value of 256 GiB cannot be sealed");
        sealed::join(&self.first.id, &nonce, &ciphertext)
    }

    /// Opens what was sealed for this place.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(&self, sealed: &[u8], place: &Place<'_>) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let Parts { key_id, nonce, ciphertext } = sealed::split(sealed).ok_or(OpenError::Malformed)?;
        let key = self.keys().find(|key| key.id == key_id);
        let key = key.ok_or_else(|| OpenError::UnknownKey(key_id.to_owned()))?;
        let bound = sealed::associated_data(key_id, place);
        let payload = Payload { msg: ciphertext, aad: &bound };
        key.cipher.decrypt(&nonce.into(), payload).map(Zeroizing::new).map_err(|_| OpenError::Forged)
    }

    /// Opens a text, such as a token.
    ///
    /// # Errors
    /// See [`OpenError`]; what is no text is [`OpenError::Malformed`].
    pub fn open_text(&self, sealed: &[u8], place: &Place<'_>) -> Result<Secret, OpenError> {
        let value = self.open(sealed, place)?;
        std::str::from_utf8(&value).map(Secret::from).map_err(|_| OpenError::Malformed)
    }

    /// Whether the value is sealed with the first key, and so needs no sealing again before the others are removed.
    pub fn is_current(&self, sealed: &[u8]) -> bool {
        key_id(sealed) == Some(&self.first.id)
    }

    fn keys(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

#[cfg(test)]
mod tests;
