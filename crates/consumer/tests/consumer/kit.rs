//! A service whose handling of an event is written in the event's body.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::anyhow;
use bus::{Bus, Event, Publisher, Topology};
use consumer::{Account, Batch, Failure, Journal, Message, OnRecord, Outcome, Received, Source};
use contract::{Code, Envelope, EventId, code};
use lifecycle::Shutdown;
use testkit::{Broker, eventually};
use time::OffsetDateTime;

const STREAM: &str = "C2S";
const CONSUMER: &str = "c2s-leads";
pub(crate) const ACK_WAIT: Duration = Duration::from_secs(1);
const ATTEMPTS_MAX: u64 = 4;
const DELIVERIES_MAX: i64 = 9;
pub(crate) const DEAD_LETTERS_MAX: u64 = 20;
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// What the service saw and said.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Bodies whose effects were applied, with the attempt that did it.
    pub(crate) done: Mutex<Vec<(String, u64)>>,
    /// Every call for a body, batches included.
    pub(crate) calls: Mutex<HashMap<String, u64>>,
    /// Attempts on record, and whether the last one has no end.
    pub(crate) attempts: Mutex<HashMap<String, (u64, bool)>>,
    /// Recorded failures and deaths: body, code, error.
    pub(crate) failed: Mutex<Vec<(String, Code)>>,
    pub(crate) dead: Mutex<Vec<(String, Code, String)>>,
    /// While set, everything is [`Failure::Unavailable`].
    pub(crate) away: AtomicBool,
    /// How long it takes to find out that it is away, milliseconds.
    pub(crate) away_after_ms: AtomicU64,
    /// How long recording takes, milliseconds.
    pub(crate) record_ms: AtomicU64,
    /// While set, nothing can be recorded, for a reason that is not [`Failure::Unavailable`].
    pub(crate) journal_fails: AtomicBool,
    /// Whether a body `freezes` had its effect.
    pub(crate) frozen: AtomicBool,
    /// While set, bodies `limited` are told to wait this long, milliseconds.
    pub(crate) limited_ms: AtomicU64,
    /// While set, bodies `poison` are as good as others.
    pub(crate) cured: AtomicBool,
    /// While set, bodies `kills` and `slow` never end, and say so in `at_work`: the test kills the process then.
    pub(crate) deadly: AtomicBool,
    pub(crate) at_work: AtomicBool,
    /// While set, bodies `slow` wait.
    pub(crate) held: AtomicBool,
}

#[derive(Debug, Clone)]
struct Service(Arc<Seen>);

impl Seen {
    async fn is_there(&self) -> Result<(), Failure> {
        if self.away.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(self.away_after_ms.load(Ordering::SeqCst))).await;
            return Err(Failure::Unavailable { source: anyhow!("away") });
        }
        Ok(())
    }
}

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
        self.0.is_there().await?;
        for Received { message, event } in events {
            match event.split(':').next().unwrap_or_default() {
                "poison" if !self.0.cured.load(Ordering::SeqCst) => {
                    return Err(Failure::Dead { code: code::NOT_STORABLE, source: anyhow!("no") });
                }
                "fails" => return Err(retry()),
                "flaky" if message.attempt < 3 => return Err(retry()),
                "limited" => {
                    let after = Duration::from_millis(self.0.limited_ms.load(Ordering::SeqCst));
                    if !after.is_zero() {
                        return Err(Failure::Wait { after, code: code::RATE_LIMITED });
                    }
                }
                "kills" | "slow" if self.0.deadly.load(Ordering::SeqCst) => {
                    self.0.at_work.store(true, Ordering::SeqCst);
                    std::future::pending::<()>().await;
                }
                "panics" => panic!("on purpose"),
                // As a statement does on a server that froze: it never ends, and everything after it fails.
                "freezes" if message.attempt == 1 && !self.0.frozen.swap(true, Ordering::SeqCst) => {
                    self.0.away.store(true, Ordering::SeqCst);
                    std::future::pending::<()>().await;
                }
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
    async fn is_ready(&self) -> bool {
        self.0.is_there().await.is_ok()
    }

    async fn on_record(&self, messages: &[&Message]) -> Result<Vec<OnRecord>, Failure> {
        self.0.is_there().await?;
        let attempts = self.0.attempts.lock().unwrap();
        let on_record = |message: &&Message| {
            let (attempts, unfinished) = attempts.get(&body(message)).copied().unwrap_or_default();
            OnRecord { attempts, unfinished }
        };
        Ok(messages.iter().map(on_record).collect())
    }

    async fn begin(&self, messages: &[&Message]) -> Result<(), Failure> {
        self.0.is_there().await?;
        let begun = messages.iter().map(|message| (body(message), (message.attempt, true)));
        self.0.attempts.lock().unwrap().extend(begun);
        Ok(())
    }

    async fn record(&self, message: &Message, outcome: Outcome<'_>) -> Result<(), Failure> {
        self.0.is_there().await?;
        tokio::time::sleep(Duration::from_millis(self.0.record_ms.load(Ordering::SeqCst))).await;
        if self.0.journal_fails.load(Ordering::SeqCst) {
            return Err(retry());
        }
        self.0.attempts.lock().unwrap().insert(body(message), (message.attempt, false));
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

/// A process of the service: on a runtime of its own, so that it can die without a word.
pub(crate) struct Incarnation {
    runtime: Option<tokio::runtime::Runtime>,
}

impl Drop for Incarnation {
    /// As SIGKILL does: nothing is finished, nothing is said.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Incarnation {
    pub(crate) async fn start(kit: &Kit) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (settings, seen) = (kit.broker.config(), Arc::clone(&kit.seen));
        let starting = async move {
            let bus = bus::connect(&settings, "incarnation").await.unwrap();
            start(&bus, &seen, &Shutdown::default()).await;
        };
        runtime.spawn(starting).await.unwrap();
        Self { runtime: Some(runtime) }
    }

    pub(crate) fn kill(self) {
        drop(self);
    }
}

impl Kit {
    /// Publishes `bodies`; the service that runs is none: see [`Incarnation`].
    pub(crate) async fn without_service(bodies: &[&str]) -> Self {
        let kit = Self::start(&[]).await;
        kit.shutdown.drain();
        kit.shutdown.finished(DEADLINE).await;
        kit.publish(bodies).await;
        kit
    }

    /// Publishes `bodies`, then starts the service, so that they come as one batch.
    pub(crate) async fn start(bodies: &[&str]) -> Self {
        let broker = Broker::start().await;
        let bus = bus::connect(&broker.config(), "test").await.unwrap();
        provision(&bus).await;
        let publisher = Publisher::new(&bus, &broker.config());
        publish_all(&publisher, bodies).await;
        let (seen, shutdown) = (Arc::new(Seen::default()), Shutdown::default());
        let account = start(&bus, &seen, &shutdown).await;
        Self { broker, bus, seen, shutdown, account, publisher }
    }

    /// Starts the service, lets it do one event (which counts as received and completed), and takes away what it needs,
    /// which it finds out `after` some time.
    pub(crate) async fn start_then_away(after: Duration) -> Self {
        let kit = Self::start(&["first"]).await;
        kit.until_done(1).await;
        kit.seen.done.lock().unwrap().clear();
        kit.seen.away_after_ms.store(u64::try_from(after.as_millis()).unwrap(), Ordering::SeqCst);
        kit.seen.away.store(true, Ordering::SeqCst);
        kit
    }

    /// Makes the stream and the consumer anew, if they are gone.
    pub(crate) async fn provision(&self) {
        provision(&self.bus).await;
    }

    /// Stops the service and starts its successor.
    pub(crate) async fn restart(&mut self) {
        self.shutdown.drain();
        self.shutdown.finished(DEADLINE).await;
        assert_eq!(self.account.in_flight(), 0);
        self.shutdown = Shutdown::default();
        self.account = start(&self.bus, &self.seen, &self.shutdown).await;
    }

    /// Waits for what must not happen.
    pub(crate) async fn let_pass(&self, time: Duration) {
        let began = Instant::now();
        eventually("time has passed", time * 2, async || (began.elapsed() > time).then_some(())).await;
    }

    /// What the server says of the consumer.
    pub(crate) async fn info(&self) -> Option<async_nats::jetstream::consumer::Info> {
        let consumer =
            self.bus.jetstream().get_consumer_from_stream::<Pull, _, _>(CONSUMER, STREAM).await.ok()?;
        Some(consumer.cached_info().clone())
    }

    /// As an operator pauses the consumer.
    pub(crate) async fn pause(&self, time: Duration) {
        let stream = self.bus.jetstream().get_stream_no_info(STREAM).await.unwrap();
        stream.pause_consumer(CONSUMER, OffsetDateTime::now_utc() + time).await.unwrap();
    }

    /// As an operator resumes it.
    pub(crate) async fn resume(&self) {
        let stream = self.bus.jetstream().get_stream_no_info(STREAM).await.unwrap();
        stream.resume_consumer(CONSUMER).await.unwrap();
    }

    /// Starts one more consumer of the process.
    pub(crate) async fn start_with(
        &self,
        settings: &config::Consumer,
        source: Source,
    ) -> anyhow::Result<Arc<Account>> {
        let service = Service(Arc::clone(&self.seen));
        consumer::start(&self.bus, source, settings, service, &self.shutdown).await
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
            let info = self.info().await?;
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
    let source = Source { stream: STREAM, consumer: CONSUMER };
    consumer::start(bus, source, &settings(), Service(Arc::clone(seen)), shutdown).await.unwrap()
}

pub(crate) fn settings() -> config::Consumer {
    config::Consumer {
        batch_max: 50,
        concurrency: 2,
        retry_base_ms: 50,
        retry_max_ms: 200,
        handle_timeout_ms: 4_000,
        attempts_max: ATTEMPTS_MAX,
        breaker: config::Breaker {
            dead_letters_max: DEAD_LETTERS_MAX,
            share_percent: 20,
            window_seconds: 60,
            pause_seconds: 2,
            pause_max_seconds: 4,
        },
    }
}

async fn provision(bus: &Bus) {
    let mut topology = Topology::embedded();
    let spec = topology.consumers.get_mut(CONSUMER).unwrap();
    spec.ack_wait_seconds = ACK_WAIT.as_secs();
    spec.max_deliver = DELIVERIES_MAX;
    topology.apply(bus, 1).await.unwrap();
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
            extensions: std::collections::BTreeMap::new(),
        },
        payload: body.to_owned().into(),
    }
}
