//! Meta: the sender of Instagram's webhooks, and the Graph API.

mod events;
mod graph;
mod sender;

pub use events::{Sample, catalogue, many, regrouped, test_button};
pub use graph::GraphApi;
pub use sender::{Sender, Signature, sign};
