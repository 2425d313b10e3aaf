//! Contact2Sale: its API, and the webhooks that it sends of what happens to a lead, our own messages included.

mod api;
mod lead;
mod limit;

pub use api::C2sApi;
pub use lead::Lead;
use serde_json::json;

use crate::{Reply, sender};

/// Makes a lead through the API at `base`, as a form on somebody's site does. The webhook of it follows.
///
/// # Errors
/// No answer.
pub async fn make_lead(base: &str, token: &str, name: &str, phone: &str) -> anyhow::Result<Reply> {
    let body = json!({ "name": name, "phone": phone });
    Reply::to(sender::client()?.post(format!("{base}/leads")).bearer_auth(token).json(&body)).await
}
