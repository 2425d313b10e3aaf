//! Posting deliveries and notifications as Bright Data does, and as somebody else would.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};

use crate::{Reply, sender::client};

/// What the `Authorization` header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authorization {
    /// `Bearer <token>`.
    Bearer(String),
    /// The token without a scheme, or whatever was asked for, verbatim.
    Verbatim(String),
    /// None.
    Absent,
}

/// How records are laid out in the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A JSON array.
    Array,
    /// One record a line.
    Ndjson,
    /// `{"snapshot_id", "platform", "data": [..]}`, as the seed's own test sends it.
    Wrapper,
}

/// One POST of data.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Job; `None`: no header names one.
    pub snapshot_id: Option<String>,
    /// What is in it.
    pub records: Vec<Value>,
    /// How.
    pub form: Form,
    /// Compressed, as Bright Data does unless asked not to.
    pub gzip: bool,
}

/// Bright Data, as far as it calls us.
#[derive(Debug, Clone)]
pub struct Sender {
    authorization: Authorization,
    http: reqwest::Client,
}

/// These bytes, compressed.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.expect("a Vec takes every write")
}

impl Delivery {
    /// A compressed array, as most deliveries are.
    pub fn new(snapshot_id: &str, records: Vec<Value>) -> Self {
        Self { snapshot_id: Some(snapshot_id.to_owned()), records, form: Form::Array, gzip: true }
    }

    /// The body before compression.
    pub fn body(&self) -> Vec<u8> {
        match self.form {
            Form::Array => Value::Array(self.records.clone()).to_string().into_bytes(),
            Form::Ndjson => {
                self.records.iter().flat_map(|record| format!("{record}\n").into_bytes()).collect()
            }
            Form::Wrapper => {
                json!({ "snapshot_id": self.snapshot_id, "platform": "instagram", "data": self.records })
                    .to_string()
                    .into_bytes()
            }
        }
    }
}

impl Sender {
    /// Sends with this header.
    ///
    /// # Errors
    /// The machine's trust store cannot be read.
    pub fn new(authorization: Authorization) -> anyhow::Result<Self> {
        Ok(Self { authorization, http: client()? })
    }

    /// Posts data to this address, such as
    /// `http://127.0.0.1:8000/api/brightdata/webhook/?platform=instagram&kind=posts`.
    ///
    /// # Errors
    /// No answer.
    pub async fn deliver(&self, endpoint: &str, delivery: &Delivery) -> anyhow::Result<Reply> {
        let extension = if delivery.form == Form::Ndjson { "ndjson" } else { "json" };
        let mut request = self.post(endpoint).header("Dca-Dataset", "true");
        if let Some(id) = &delivery.snapshot_id {
            let suffix = if delivery.gzip { ".gz" } else { "" };
            request = request
                .header("Snapshot-Id", id)
                .header("Dca-Collection-Id", id)
                .header("Dca-Filename", format!("{id}.{extension}{suffix}"));
        }
        let body = delivery.body();
        request = if delivery.gzip {
            let request =
                request.header("Content-Type", "application/gzip").header("Content-Encoding", "gzip");
            request.body(gzip(&body))
        } else {
            request.header("Content-Type", "application/json").body(body)
        };
        Reply::to(request).await
    }

    /// Posts a body as it is.
    ///
    /// # Errors
    /// No answer.
    pub async fn post_raw(&self, endpoint: &str, content_type: &str, body: Vec<u8>) -> anyhow::Result<Reply> {
        Reply::to(self.post(endpoint).header("Content-Type", content_type).body(body)).await
    }

    /// Posts the notification that a job has come to this status.
    ///
    /// # Errors
    /// No answer.
    pub async fn notify(&self, endpoint: &str, snapshot_id: &str, status: &str) -> anyhow::Result<Reply> {
        let body = json!({ "snapshot_id": snapshot_id, "status": status }).to_string();
        self.post_raw(endpoint, "application/json", body.into_bytes()).await
    }

    fn post(&self, endpoint: &str) -> reqwest::RequestBuilder {
        let request = self
            .http
            .post(endpoint)
            .header("User-Agent", "BRD dca-ds-delivery-worker/1.473.306")
            .header("Connection", "close");
        match &self.authorization {
            Authorization::Bearer(token) => request.header("Authorization", format!("Bearer {token}")),
            Authorization::Verbatim(value) => request.header("Authorization", value),
            Authorization::Absent => request,
        }
    }
}
