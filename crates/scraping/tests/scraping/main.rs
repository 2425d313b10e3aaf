//! Jobs with a real database and broker, against Bright Data's API of our own.
#![cfg(test)]

mod fetching;
mod losing;
mod triggering;

use brightdata_api::SnapshotId;
use bus::{Bus, Topology};
use config::{Secret, Settings};
use scraping::{Channel, Job, Scraping, Triggered};
use serde_json::{Value, json};
use simulators::{Script, Server, brightdata, stranger};
use store::scrape_requests::{self, ScrapeRequest};
use testkit::{Broker, Database};
use time::{OffsetDateTime, macros::datetime};

const KEY: &str = "key-of-the-test-0123456789";
const TOKEN: &str = "token-of-the-webhook-0123";
const POSTS: &str = "gd_lk5ns7kz21pck8jpis";
const NOW: OffsetDateTime = datetime!(2026-01-20 10:00 UTC);

/// Bright Data, a database, a stand-in for the edge, and us between them.
struct Given {
    database: Database,
    bright: brightdata::BrightDataApi,
    /// What came to the edge.
    edge: Script,
    scraping: Scraping,
    _servers: [Server; 2],
}

impl Given {
    async fn new(change: impl FnOnce(&mut brightdata::BrightDataApi)) -> Self {
        let database = Database::create().await;
        let (mut bright, edge) = (brightdata::BrightDataApi::new(KEY), Script::default());
        change(&mut bright);
        let servers = [bright.start().await.unwrap(), stranger(&edge).await.unwrap()];
        let mut settings = Settings::for_tests();
        settings.brightdata.api.base_url = servers[0].url();
        settings.brightdata.api.public_url = Some(format!("{}/", servers[1].url()));
        settings.brightdata.api.key = Some(Secret::from(KEY));
        let provider = settings.edge.providers.get_mut("brightdata").unwrap();
        provider.secrets = config::List(vec![Secret::from(TOKEN)]);
        settings.outbound.allowed_networks = config::List(vec!["127.0.0.1".parse().unwrap()]);
        settings.outbound.retry_base_ms = 5;
        settings.outbound.timeout_ms = 500;
        let scraping = Scraping::new(&settings, database.pool().clone()).unwrap();
        Self { database, bright, edge, scraping, _servers: servers }
    }

    async fn triggered(&self) -> Triggered {
        let inputs = [json!({ "url": "https://www.instagram.com/p/DAbCdEfGhIj/" })];
        self.scraping.trigger(&job(&inputs), NOW).await.unwrap()
    }

    async fn rows(&self) -> Vec<ScrapeRequest> {
        scrape_requests::list(&mut self.database.pool().acquire().await.unwrap(), 10).await.unwrap()
    }
}

fn job(inputs: &[Value]) -> Job<'_> {
    Job {
        dataset_id: POSTS,
        inputs,
        platform: None,
        kind: None,
        discover_by: None,
        limit_per_input: None,
        limit_multiple_results: None,
    }
}

/// A broker with the streams, and the way to it.
struct Stream {
    bus: Bus,
    channel: Channel,
    _broker: Broker,
}

impl Stream {
    async fn new() -> Self {
        let broker = Broker::start().await;
        let bus = bus::connect(&broker.config(), "test").await.unwrap();
        Topology::embedded().apply(&bus, 1).await.unwrap();
        Self { channel: Channel::new(&bus, &broker.config()), bus, _broker: broker }
    }

    /// The message at this position.
    async fn message(&self, sequence: u64) -> async_nats::jetstream::message::StreamMessage {
        let stream = self.bus.jetstream().get_stream("BRIGHTDATA").await.unwrap();
        stream.get_raw_message(sequence).await.unwrap()
    }
}

fn id(triggered: &Triggered) -> &SnapshotId {
    &triggered.snapshot_id
}
