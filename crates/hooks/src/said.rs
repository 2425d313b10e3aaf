//! Errors as sentences.

use std::error::Error;

/// An error, and the end of the chain of its causes, which says what is wrong: no such name, a certificate, a refusal.
/// What is between them says how our libraries are built.
pub(crate) fn in_full(error: &dyn Error) -> String {
    const CAUSES_MAX: usize = 2;
    let mut causes = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        causes.push(error.to_string());
        cause = error.source();
    }
    causes.drain(..causes.len().saturating_sub(CAUSES_MAX));
    // Libraries repeat themselves.
    causes.dedup();
    causes.insert(0, error.to_string());
    causes.join(": ")
}
