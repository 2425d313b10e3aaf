//! The bus against a real broker.
#![cfg(test)]

mod batches;
mod claims;
mod provisioning;
mod publishing;
mod stored;

use bus::{Bus, Event};
use bytes::Bytes;
use contract::{Envelope, EventId};
use testkit::Broker;
use time::OffsetDateTime;

/// A connection to `broker`, with the whole topology.
async fn provisioned(broker: &Broker) -> Bus {
    let bus = bus::connect(&broker.config(), "test").await.unwrap();
    bus::Topology::embedded().apply(&bus, 1).await.unwrap();
    bus
}

fn event(key: &str, payload: impl Into<Bytes>) -> Event {
    Event {
        stream: contract::stream::c2s::STREAM,
        subject: contract::stream::ingest_subject("c2s", "created"),
        envelope: Envelope {
            id: EventId::generate(),
            source: "/api/v1/webhooks/c2s".to_owned(),
            event_type: "c2s.lead.created".to_owned(),
            subject: Some("lead-1".to_owned()),
            time: OffsetDateTime::now_utc(),
            content_type: "application/json".to_owned(),
            dedup_key: key.to_owned(),
            delivery_id: None,
            action: None,
            rejected: None,
            replayed_from: None,
            extensions: std::collections::BTreeMap::new(),
        },
        payload: payload.into(),
    }
}
