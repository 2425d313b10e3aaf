//! One key.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305};
use zeroize::Zeroizing;

/// Longest id of a key; it stands in every value that the key seals.
const ID_MAX_LEN: usize = 32;

/// A key, and the name by which sealed values refer to it.
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) cipher: XChaCha20Poly1305,
}

/// Why the keys of the settings cannot be used. No key is quoted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Nothing can be sealed without one.
    #[error("seal.keys is missing: expected <id>:<key>; make a key with `openssl rand -base64 32`")]
    Missing,
    /// One is not of the form.
    #[error(
        "seal.keys number {position} is not <id>:<base64 of 32 bytes>, the id of at most 32 letters, digits, - and _"
    )]
    Invalid {
        /// Counted from 1.
        position: usize,
    },
    /// Values name their key by its id, so it must be the only one.
    #[error("seal.keys holds the id `{id}` twice")]
    Repeated {
        /// The id.
        id: String,
    },
}

impl Key {
    /// Reads `<id>:<base64 of 32 bytes>`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (id, key) = text.trim().split_once(':')?;
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if id.is_empty() || id.len() > ID_MAX_LEN || !id.bytes().all(is_word) {
            return None;
        }
        let key = Zeroizing::new(STANDARD.decode(key.trim()).ok()?);
        let cipher = XChaCha20Poly1305::new_from_slice(&key).ok()?;
        Some(Self { id: id.to_owned(), cipher })
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("id", &self.id).finish_non_exhaustive()
    }
}
