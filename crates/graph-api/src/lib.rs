//! Meta's Graph API: the only place that calls Meta.
//!
//! It subscribes accounts to webhooks, says which fields they are subscribed to, and unsubscribes them. Calls are proved
//! with the app secret, and pause before Meta's rate limits are reached. A token is in no error, log or span: Meta's own
//! messages quote tokens, so they are cleaned. Proved by `metas_message_does_not_bring_the_token_back`.

mod client;
mod error;
mod field;
mod proof;
mod usage;

pub use client::{GraphApi, SetupError};
pub use error::Error;
pub use field::{Field, NotAField};
pub use proof::{appsecret_proof, appsecret_proof_at};
