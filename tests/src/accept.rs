//! Speaking to the edge as Contact2Sale does.

use serde_json::{Value, json};

use crate::{SECRET, System};

/// A lead event to send.
#[derive(Debug, Clone)]
pub struct Lead {
    /// C2S's id.
    pub id: String,
    /// Instant of the change, as text.
    pub updated_at: String,
}

/// What the edge answered; status 0 when there was no answer at all.
#[derive(Debug, Clone)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// `Retry-After`, if it was there.
    pub retry_after: Option<String>,
    /// The body, `null` when it was no JSON.
    pub body: Value,
}

impl Lead {
    /// Lead `id`, changed at a fixed instant.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), updated_at: "2026-01-20T10:00:00Z".to_owned() }
    }

    /// The same lead, changed at another instant.
    #[must_use]
    pub fn at(&self, updated_at: &str) -> Self {
        Self { id: self.id.clone(), updated_at: updated_at.to_owned() }
    }

    /// Form A of the webhook's body.
    pub fn json(&self) -> Value {
        json!({"id": self.id, "hook_action": "lead.created", "attributes": {
            "updated_at": self.updated_at,
            "customer": {"name": "Joao Exemplo", "email": "joao@example.com", "phone": "+5511987654321"},
            "lead_status": {"alias": "new", "name": "Novo Lead"}}})
    }
}

impl System {
    /// Sends `body` with the right token.
    pub async fn post(&self, body: &Value) -> Reply {
        self.post_bytes(body.to_string().into_bytes(), &[]).await
    }

    /// Sends bytes with the right token and more headers.
    pub async fn post_bytes(&self, body: impl Into<reqwest::Body>, headers: &[(&str, &str)]) -> Reply {
        let mut request = self
            .http()
            .post(format!("{}/api/v1/webhooks/c2s", self.edge_url()))
            .header("X-Webhook-Token", SECRET)
            .header("Content-Type", "application/json")
            .body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        match request.send().await {
            Ok(response) => Reply {
                status: response.status().as_u16(),
                retry_after: response
                    .headers()
                    .get("retry-after")
                    .and_then(|value| value.to_str().ok())
                    .map(str::to_owned),
                body: response.json().await.unwrap_or_default(),
            },
            Err(_) => Reply { status: 0, retry_after: None, body: Value::Null },
        }
    }
}
