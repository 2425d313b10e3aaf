//! Speaking to the edge as Meta and Bright Data do.

use serde_json::{Value, json};
use simulators::{
    brightdata::{self, Authorization, Delivery},
    meta,
};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use crate::System;

/// The Instagram account that webhooks are for.
pub const ACCOUNT: &str = "17841400000000001";
const APP_SECRET: &str = "0123456789abcdef0123456789abcdef";
const TOKEN: &str = "e2e-token-0123456789abcdef";
const WEBHOOK: &str = "/api/brightdata/webhook/";

/// Environment of an edge that takes Instagram's and Bright Data's webhooks too.
pub fn social() -> Vec<(&'static str, String)> {
    vec![
        ("WEIR_EDGE__PROVIDERS__INSTAGRAM__ENABLED", "true".to_owned()),
        ("WEIR_EDGE__PROVIDERS__INSTAGRAM__SECRETS", APP_SECRET.to_owned()),
        ("WEIR_EDGE__PROVIDERS__BRIGHTDATA__ENABLED", "true".to_owned()),
        ("WEIR_EDGE__PROVIDERS__BRIGHTDATA__SECRETS", TOKEN.to_owned()),
    ]
}

/// A delivery of these items of `messaging[]`, one in each entry.
pub fn messaging(items: &[Value], sent_at: i64) -> String {
    let entry = |item: &Value| json!({ "id": ACCOUNT, "time": sent_at, "messaging": [item] });
    json!({ "object": "instagram", "entry": items.iter().map(entry).collect::<Vec<_>>() }).to_string()
}

impl System {
    /// Sends a signed body; the status, or 0 when there was no answer.
    pub async fn post_instagram(&self, body: &str) -> u16 {
        self.instagram_sender().deliver(body).await.map_or(0, |reply| reply.status)
    }

    /// Meta.
    pub fn instagram_sender(&self) -> meta::Sender {
        let endpoint = format!("{}/api/webhooks/instagram", self.edge_url());
        meta::Sender::new(&endpoint, APP_SECRET).expect("a client needs nothing")
    }

    /// The same in a trace of the sender's.
    pub async fn post_instagram_in(&self, traceparent: &str, body: String) -> u16 {
        let request = self
            .http()
            .post(format!("{}/api/webhooks/instagram", self.edge_url()))
            .header("X-Hub-Signature-256", meta::sign(APP_SECRET, body.as_bytes()))
            .header("traceparent", traceparent)
            .body(body);
        request.send().await.map_or(0, |response| response.status().as_u16())
    }

    /// Sends a delivery of Bright Data's; the status, or 0 when there was no answer.
    pub async fn deliver(&self, delivery: &Delivery) -> u16 {
        let endpoint = format!("{}{WEBHOOK}?platform=instagram", self.edge_url());
        bright_data().deliver(&endpoint, delivery).await.map_or(0, |reply| reply.status)
    }

    /// Sends the word that a job is ready.
    pub async fn notify_ready(&self, snapshot_id: &str) -> u16 {
        let endpoint = format!("{}/api/brightdata/notify/", self.edge_url());
        bright_data().notify(&endpoint, snapshot_id, "ready").await.map_or(0, |reply| reply.status)
    }

    /// Begins to send the same delivery, uncompressed, and stops after so many bytes; the connection stays open.
    pub async fn begin_delivery(&self, snapshot_id: &str, body: &[u8], bytes: usize) -> TcpStream {
        let address = self.edge_url().trim_start_matches("http://").to_owned();
        let mut wire = TcpStream::connect(&address).await.expect("the edge listens");
        let head = format!(
            "POST {WEBHOOK}?platform=instagram HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {TOKEN}\r\n\
            Content-Type: application/json\r\nSnapshot-Id: {snapshot_id}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        wire.write_all(head.as_bytes()).await.expect("the edge reads");
        wire.write_all(body.get(..bytes).unwrap_or(body)).await.expect("the edge reads");
        wire
    }
}

fn bright_data() -> brightdata::Sender {
    let authorization = Authorization::Bearer(TOKEN.to_owned());
    brightdata::Sender::new(authorization).expect("a client needs nothing")
}
