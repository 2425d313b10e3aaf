//! How a sealed value is laid out: version, length of the key's id, the id, nonce, ciphertext with its tag.

use crate::Place;

/// First byte of every sealed value; another algorithm would be another number.
const VERSION: u8 = 1;
pub(crate) const NONCE_LEN: usize = 24;
const TAG_LEN: usize = 16;

/// A sealed value, taken apart.
pub(crate) struct Parts<'a> {
    pub(crate) key_id: &'a str,
    pub(crate) nonce: [u8; NONCE_LEN],
    pub(crate) ciphertext: &'a [u8],
}

pub(crate) fn join(key_id: &str, nonce: &[u8; NONCE_LEN], ciphertext: &[u8]) -> Vec<u8> {
    [&head(key_id), &nonce[..], ciphertext].concat()
}

pub(crate) fn split(sealed: &[u8]) -> Option<Parts<'_>> {
    let [VERSION, id_len, rest @ ..] = sealed else { return None };
    let (key_id, rest) = rest.split_at_checked(usize::from(*id_len))?;
    let (nonce, ciphertext) = rest.split_first_chunk()?;
    let key_id = std::str::from_utf8(key_id).ok()?;
    (ciphertext.len() >= TAG_LEN).then_some(Parts { key_id, nonce: *nonce, ciphertext })
}

/// The id of the key that a value is sealed with; `None`: it is not a sealed value.
pub fn key_id(sealed: &[u8]) -> Option<&str> {
    split(sealed).map(|parts| parts.key_id)
}

/// What the ciphertext is bound to beside its key: version, key id and place, each with its length, so that no two
/// places are spelled alike.
pub(crate) fn associated_data(key_id: &str, place: &Place<'_>) -> Vec<u8> {
    let mut data = head(key_id);
    for part in [place.table, place.column, place.row] {
        data.extend_from_slice(&(part.len() as u64).to_be_bytes());
        data.extend_from_slice(part.as_bytes());
    }
    data
}

fn head(key_id: &str) -> Vec<u8> {
    let id_len = u8::try_from(key_id.len()).expect("the id of a key is short");
    [&[VERSION, id_len], key_id.as_bytes()].concat()
}
