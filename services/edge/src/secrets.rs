//! Several live secrets, compared in constant time.

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// The secrets that a provider accepts. Digests are compared, so that neither length nor content shows in the time, and
/// every secret is compared, so that neither shows which one matched.
pub(crate) struct Secrets(Vec<[u8; 32]>);

impl Secrets {
    /// `None` without at least one secret, or with a blank one: never open by default.
    pub(crate) fn new(secrets: &[config::Secret]) -> Option<Self> {
        let usable = !secrets.is_empty() && secrets.iter().all(|secret| !secret.expose().trim().is_empty());
        usable.then(|| Self(secrets.iter().map(|secret| Sha256::digest(secret.expose()).into()).collect()))
    }

    /// Whether `candidate` is one of them. A candidate of another length is simply not one of them
    /// (`a_secret_of_another_length_is_just_wrong`).
    pub(crate) fn contain(&self, candidate: &[u8]) -> bool {
        let candidate = Sha256::digest(candidate);
        self.0
            .iter()
            .fold(Choice::from(0), |found, secret| found | secret.as_slice().ct_eq(&candidate))
            .into()
    }
}

#[cfg(test)]
mod tests {
    use config::Secret;

    use super::Secrets;

    #[test]
    fn a_secret_of_another_length_is_just_wrong() {
        let secrets =
            Secrets::new(&[Secret::from("first-secret-0001"), Secret::from("second-secret-0002")]).unwrap();
        assert!(secrets.contain(b"first-secret-0001"));
        assert!(secrets.contain(b"second-secret-0002"));
        for wrong in ["", "f", "first-secret-000", "first-secret-00011", "FIRST-SECRET-0001"] {
            assert!(!secrets.contain(wrong.as_bytes()), "{wrong}");
        }
        assert!(!secrets.contain(&vec![b'x'; 100_000]));
    }

    #[test]
    fn no_secret_and_a_blank_secret_are_not_enough() {
        assert!(Secrets::new(&[]).is_none());
        assert!(Secrets::new(&[Secret::from("good-secret-00001"), Secret::from(" ")]).is_none());
    }
}
