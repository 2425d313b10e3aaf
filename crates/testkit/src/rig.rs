//! What a service under test runs on, and how a test speaks to it.

use std::{sync::Arc, time::Duration};

use async_nats::HeaderMap;
use bus::{Bus, Event, Publisher, Receipt, Topology};
use consumer::Account;
use lifecycle::Shutdown;
use sqlx::PgPool;

use crate::{Broker, eventually};

/// A service with one consumer, on a broker with all streams.
#[derive(Debug)]
pub struct Rig {
    /// Its broker.
    pub broker: Broker,
    /// The test's connection to it, which the service shares.
    pub bus: Bus,
    /// The database.
    pub pool: PgPool,
    /// Stops the service.
    pub shutdown: Shutdown,
    /// What its consumer received and settled.
    pub account: Arc<Account>,
    /// Publishes as the edge does.
    pub publisher: Publisher,
}

impl Rig {
    /// How long anything that must happen may take on a busy machine.
    pub const DEADLINE: Duration = Duration::from_secs(30);

    /// Starts a broker, makes the streams, and starts the service as `start` does.
    pub async fn start(
        pool: PgPool,
        start: impl AsyncFnOnce(&Broker, &Bus, &PgPool, &Shutdown) -> Arc<Account>,
    ) -> Self {
        let broker = Broker::start().await;
        let bus = bus::connect(&broker.config(), "test").await.expect("the broker can be reached");
        Topology::embedded().apply(&bus, 1).await.expect("the streams can be made");
        let publisher = Publisher::new(&bus, &broker.config());
        let shutdown = Shutdown::default();
        let account = start(&broker, &bus, &pool, &shutdown).await;
        Self { broker, bus, pool, shutdown, account, publisher }
    }

    /// Publishes an event.
    pub async fn publish(&self, event: Event) -> Receipt {
        self.publisher.publish(event).await.expect("the stream takes it")
    }

    /// Publishes a message that need not be one of ours.
    pub async fn publish_raw(&self, subject: &'static str, headers: HeaderMap, body: Vec<u8>) {
        let published = self.bus.jetstream().publish_with_headers(subject, headers, body.into()).await;
        published.expect("the broker is there").await.expect("the stream takes it");
    }

    /// Waits until this many messages are settled, and checks that the account is right.
    pub async fn settled(&self, count: u64) {
        eventually("every event is settled", Self::DEADLINE, async || {
            (self.account.settled() >= count && self.account.in_flight() == 0).then_some(())
        })
        .await;
        assert_eq!(self.account.received(), self.account.settled());
    }

    /// How many rows a query counts.
    pub async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.pool).await.expect("the query counts")
    }

    /// One text out of one row.
    pub async fn text(&self, sql: &'static str) -> String {
        sqlx::query_scalar(sql).fetch_one(&self.pool).await.expect("the query gives a text")
    }

    /// Drains the service.
    pub async fn stop(&self) {
        self.shutdown.drain();
        self.shutdown.finished(Self::DEADLINE).await;
        assert_eq!(self.account.in_flight(), 0);
    }
}
