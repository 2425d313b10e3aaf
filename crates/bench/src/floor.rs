//! What the edge is compared with: the least that a server could do. Processes of their own, so that their CPU time and
//! memory are told apart.

use std::net::SocketAddr;

use anyhow::Context as _;
use async_nats::jetstream::{self, message::PublishMessage};
use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, StatusCode},
    routing::{get, post},
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::traffic::SECRET;

/// What a floor does with a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Work {
    /// Reads it.
    Read,
    /// Reads it and checks its signature.
    Hmac,
    /// Reads it, checks its signature, publishes it and waits for the acknowledgement.
    Publish,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(long)]
    listen: SocketAddr,
    #[arg(long)]
    work: Work,
    #[arg(long)]
    nats: Option<String>,
}

#[derive(Clone)]
struct Floor {
    work: Work,
    jetstream: Option<jetstream::Context>,
}

pub(crate) async fn serve(args: &Args) -> anyhow::Result<()> {
    let jetstream = match &args.nats {
        Some(url) => Some(jetstream::new(async_nats::connect(url).await?)),
        None => None,
    };
    let router = Router::new()
        .route("/readyz", get(|| async { StatusCode::OK }))
        .route("/api/webhooks/instagram", post(accept))
        .layer(DefaultBodyLimit::max(16 << 20))
        .with_state(Floor { work: args.work, jetstream });
    let listener = tokio::net::TcpListener::bind(args.listen).await.context("cannot listen")?;
    axum::serve(listener, router).await.context("cannot serve")
}

async fn accept(State(floor): State<Floor>, headers: HeaderMap, body: Bytes) -> StatusCode {
    if floor.work != Work::Read && !is_signed(&headers, &body) {
        return StatusCode::UNAUTHORIZED;
    }
    let (Work::Publish, Some(jetstream)) = (floor.work, floor.jetstream) else {
        return StatusCode::OK;
    };
    // What tells one body from another without reading it; as long as one of ours.
    let id = headers.get("x-hub-signature-256").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let message = PublishMessage::build().payload(body).message_id(id);
    let Ok(published) = jetstream.send_publish("ingest.instagram.comments", message).await else {
        return StatusCode::SERVICE_UNAVAILABLE;
    };
    if published.await.is_ok() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

fn is_signed(headers: &HeaderMap, body: &[u8]) -> bool {
    let header = headers.get("x-hub-signature-256").and_then(|value| value.to_str().ok());
    let digest =
        header.and_then(|value| value.strip_prefix("sha256=")).and_then(|text| hex::decode(text).ok());
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("a key of any length will do");
    mac.update(body);
    digest.is_some_and(|digest| mac.verify_slice(&digest).is_ok())
}
