//! An application that reports what it asks a language model.

use serde_json::{Value, json};

use crate::{Reply, sender::client};

/// The application, as far as it calls us.
#[derive(Debug, Clone)]
pub struct Sender {
    endpoint: String,
    token: String,
    http: reqwest::Client,
}

impl Sender {
    /// Posts to this endpoint, such as `http://127.0.0.1:8000/api/webhook/usage`.
    ///
    /// # Errors
    /// The machine's trust store cannot be read.
    pub fn new(endpoint: &str, token: &str) -> anyhow::Result<Self> {
        Ok(Self { endpoint: endpoint.to_owned(), token: token.to_owned(), http: client()? })
    }

    /// Posts a body, named or not.
    ///
    /// # Errors
    /// No answer.
    pub async fn deliver(&self, body: &Value, idempotency_key: Option<&str>) -> anyhow::Result<Reply> {
        let mut request = self.http.post(&self.endpoint).bearer_auth(&self.token).json(body);
        if let Some(key) = idempotency_key {
            request = request.header("Idempotency-Key", key);
        }
        Reply::to(request).await
    }
}

/// A report of a session, flat: the older client's call.
pub fn report(session_id: &str, query: &str) -> Value {
    json!({
        "session_id": session_id, "query": query, "model_name": "gpt-4o-mini", "response_time_ms": 1000,
        "estimated_tokens": 100, "success": true,
    })
}

/// The same, nested: what the older client posted.
pub fn nested_report(session_id: &str, summary: &str, timestamp: &str) -> Value {
    json!({
        "timestamp": timestamp, "session_id": session_id,
        "query": { "summary": summary, "category": "general", "estimated_complexity": 1 },
        "response": { "model_used": "gpt-4", "response_time_ms": 1000, "estimated_tokens": 100, "success": true },
        "user_agent": "GPT-Bridge-Production",
    })
}

/// Reports of every category, two sessions, one failure; `prefix` makes their ids.
pub fn catalogue(prefix: &str) -> Vec<Value> {
    let sessions = [format!("{prefix}_a"), format!("{prefix}_b")];
    let queries = [
        "Please review this pull request and say what could break",
        "There is an error in the login, how do I fix it?",
        "Which architecture suits a system of many small services?",
        "What is the capital of Minas Gerais?",
    ];
    let reports = queries.iter().zip(sessions.iter().cycle()).zip(0..).map(|((query, session), number)| {
        json!({
            "session_id": session, "event_id": format!("{prefix}_{number}"), "query": query,
            "model_name": "gpt-4o-mini", "response_time_ms": 800 + 900 * number, "estimated_tokens": 100,
            "success": number < 3,
        })
    });
    reports.collect()
}
