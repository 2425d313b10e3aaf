//! A service whose handling of an event is written in the event's body.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::anyhow;
use bus::{Bus, Event, Publisher, Topology};
use consumer::{Account, Batch, Failure, Journal, Message, Outcome, Received, Source};
use contract::{Code, Envelope, EventId, code};
use lifecycle::Shutdown;
use testkit::{Broker, eventually};
use time::OffsetDateTime;

const STREAM: &str = "C2S";
const CONSUMER: &str = "c2s-leads";
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// What the service saw and said.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Bodies whose effects were applied, with the attempt that did it.
    pub(crate) done: Mutex<Vec<(String, u64)>>,
    /// Every call for a body, batches included.
    pub(crate) calls: Mutex<HashMap<String, u64>>,
    /// Recorded failures and deaths: body, code, error.
    pub(crate) failed: Mutex<Vec<(String, Code)>>,
    pub(crate) dead: Mutex<Vec<(String, Code, String)>>,
    /// While set, everything is [`Failure::Unavailable`].
    pub(crate) away: AtomicBool,
    /// While set, bodies `slow` wait.
    pub(crate) held: AtomicBool,
}

#[derive(Debug, Clone)]
struct Service(Arc<Seen>);

impl Batch for Service {
    type Event = String;

    fn decode(&self, message: &Message) -> Result<String, Failure> {
        match message.envelope.rejected {
            Some(code) => Err(Failure::Dead { code, source: anyhow!("rejected at the edge") }),
            None => Ok(body(message)),
        }
    }

    async fn apply(&self, events: &[Received<String>]) -> Result<(), Failure> {
        for Received { event, .. } in events {
            *self.0.calls.lock().unwrap().entry(event.clone()).or_default() += 1;
        }
        if self.0.away.load(Ordering::SeqCst) {
            return Err(Failure::Unavailable { source: anyhow!("away") });
        }
        for Received { message, event } in events {
            match event.split(':').next().unwrap_or_default() {
                "poison" => {
                    return Err(Failure::Dead { code: code::NOT_STORABLE, source: anyhow!("no") });
                }
                "fails" => return Err(retry()),
                "flaky" if message.attempt < 3 => return Err(retry()),
                "panics" => panic!("on purpose"),
                "slow" => {
                    while self.0.held.load(Ordering::SeqCst) {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                }
                _ => {}
            }
        }
        let done = events.iter().map(|Received { message, event }| (event.clone(), message.attempt));
        self.0.done.lock().unwrap().extend(done);
        Ok(())
    }
}

impl Journal for Service {
    async fn record(&self, message: &Message, outcome: Outcome<'_>) -> Result<(), Failure> {
        if self.0.away.load(Ordering::SeqCst) {
            return Err(Failure::Unavailable { source: anyhow!("away") });
        }
        match outcome {
            Outcome::Failed { code, .. } => self.0.failed.lock().unwrap().push((body(message), code)),
            Outcome::Dead { code, error } => {
                self.0.dead.lock().unwrap().push((body(message), code, error.to_owned()));
            }
        }
        Ok(())
    }
}

fn retry() -> Failure {
    Failure::Retry { code: code::INTERNAL, after: None, source: anyhow!("not now") }
}

fn body(message: &Message) -> String {
    String::from_utf8_lossy(&message.payload).into_owned()
}

/// A broker, a consumer with short waits, and the service on it.
pub(crate) struct Kit {
    pub(crate) broker: Broker,
    pub(crate) bus: Bus,
    pub(crate) seen: Arc<Seen>,
    pub(crate) shutdown: Shutdown,
    pub(crate) account: Arc<Account>,
    publisher: Publisher,
}

impl Kit {
    /// Publishes `bodies`, then starts the service, so that they come as one batch.
    pub(crate) async fn start(bodies: &[&str]) -> Self {
        let broker = Broker::start().await;
        let bus = bus::connect(&broker.config(), "test").await.unwrap();
        let mut topology = Topology::embedded();
        let spec = topology.consumers.get_mut(CONSUMER).unwrap();
        spec.ack_wait_seconds = 1;
        spec.max_deliver = 4;
        topology.apply(&bus, 1).await.unwrap();
        let publisher = Publisher::new(&bus, &broker.config());
        publish_all(&publisher, bodies).await;
        let (seen, shutdown) = (Arc::new(Seen::default()), Shutdown::default());
        let account = start(&bus, &seen, &shutdown).await;
        Self { broker, bus, seen, shutdown, account, publisher }
    }

    pub(crate) async fn publish(&self, bodies: &[&str]) {
        publish_all(&self.publisher, bodies).await;
    }

    /// Waits until `count` events are done.
    pub(crate) async fn until_done(&self, count: usize) {
        eventually("events are done", DEADLINE, async || {
            (self.seen.done.lock().unwrap().len() >= count).then_some(())
        })
        .await;
    }

    /// Waits until the broker has nothing more to say, checks the books, and returns the done bodies in order.
    pub(crate) async fn finish(self) -> Vec<String> {
        eventually("the consumer is idle", DEADLINE, async || {
            let info =
                self.bus.jetstream().get_consumer_from_stream::<Pull, _, _>(CONSUMER, STREAM).await.ok()?;
            let info = info.cached_info();
            (info.num_pending == 0 && info.num_ack_pending == 0 && self.account.in_flight() == 0)
                .then_some(())
        })
        .await;
        self.shutdown.drain();
        self.shutdown.finished(Duration::from_secs(5)).await;
        assert_eq!(self.account.received(), self.account.settled());
        let mut done: Vec<_> = self.seen.done.lock().unwrap().iter().map(|(body, _)| body.clone()).collect();
        done.sort_unstable();
        done
    }
}

type Pull = async_nats::jetstream::consumer::pull::Config;

pub(crate) async fn start(bus: &Bus, seen: &Arc<Seen>, shutdown: &Shutdown) -> Arc<Account> {
    let settings = config::Consumer {
        batch_max: 50,
        concurrency: 2,
        retry_base_ms: 50,
        retry_max_ms: 200,
        handle_timeout_ms: 10_000,
    };
    let source = Source { stream: STREAM, consumer: CONSUMER };
    consumer::start(bus, source, &settings, Service(Arc::clone(seen)), shutdown).await.unwrap()
}

async fn publish_all(publisher: &Publisher, bodies: &[&str]) {
    for body in bodies {
        publisher.publish(event(body)).await.unwrap();
    }
}

fn event(body: &str) -> Event {
    let id = EventId::generate();
    Event {
        stream: STREAM,
        subject: contract::stream::ingest_subject("c2s", "created"),
        envelope: Envelope {
            id,
            source: "/test".to_owned(),
            event_type: "c2s.lead.created".to_owned(),
            subject: None,
            time: OffsetDateTime::now_utc(),
            content_type: "text/plain".to_owned(),
            dedup_key: id.to_string(),
            delivery_id: None,
            action: None,
            rejected: body.starts_with("rejected").then_some(code::MISSING_UPDATED_AT),
            replayed_from: None,
        },
        payload: body.to_owned().into(),
    }
}
