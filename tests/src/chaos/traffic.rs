//! Providers: they send until they are answered 200, as real ones do.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use simulators::meta::sign;

use super::event::{Delivery, Event, Provider};
use crate::SECRET;

/// The app secret that signs Instagram's bodies.
pub(crate) const APP_SECRET: &str = "0123456789abcdef0123456789abcdef";
/// How long a sender waits for an answer: shorter than real ones do, so that it sends again while things are down.
const ANSWER: Duration = Duration::from_secs(5);
/// Between two attempts, and between two deliveries.
const PAUSE: Duration = Duration::from_millis(15);

/// What was sent.
pub(crate) struct Traffic {
    seed: u64,
    base: String,
    http: reqwest::Client,
    next: AtomicU64,
    stopping: AtomicBool,
    sent: Mutex<BTreeMap<u64, Sent>>,
    posts: AtomicU64,
}

/// A delivery and what its sender was told at last.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) provider: Provider,
    pub(crate) events: Vec<Event>,
    /// 200, or what refused it for good.
    pub(crate) status: u16,
    /// How often it was posted.
    pub(crate) posts: u64,
}

impl Sent {
    pub(crate) const fn is_accepted(&self) -> bool {
        self.status == 200
    }
}

impl Traffic {
    pub(crate) fn new(seed: u64, edge_port: u16) -> Self {
        // reqwest wants one although nothing here is encrypted; another test of the process may have been first.
        rustls::crypto::ring::default_provider().install_default().ok();
        let http = reqwest::Client::builder().timeout(ANSWER).build().expect("a client needs nothing");
        Self {
            seed,
            base: format!("http://127.0.0.1:{edge_port}"),
            http,
            next: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            sent: Mutex::new(BTreeMap::new()),
            posts: AtomicU64::new(0),
        }
    }

    /// Sends one delivery after the other. What is under way when it is stopped is sent to its end.
    pub(crate) async fn send(self: Arc<Self>) {
        while !self.stopping.load(Ordering::SeqCst) {
            let number = self.next.fetch_add(1, Ordering::SeqCst);
            let delivery = Delivery::of_run(self.seed, number);
            let (status, posts) = self.deliver(&delivery).await;
            let Delivery { provider, events } = delivery;
            let sent = Sent { provider, events, status, posts };
            self.sent.lock().unwrap_or_else(PoisonError::into_inner).insert(number, sent);
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// No more after those under way.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    async fn deliver(&self, delivery: &Delivery) -> (u16, u64) {
        let body = delivery.body();
        for posts in 1.. {
            self.posts.fetch_add(1, Ordering::Relaxed);
            match self.post(delivery.provider, body.clone()).await {
                Some(status) if status < 500 && status != 429 => return (status, posts),
                _ => tokio::time::sleep(PAUSE * 4).await,
            }
        }
        unreachable!("nobody posts that often")
    }

    async fn post(&self, provider: Provider, body: Vec<u8>) -> Option<u16> {
        let request = match provider {
            Provider::C2s => {
                self.http.post(format!("{}/api/v1/webhooks/c2s", self.base)).header("X-Webhook-Token", SECRET)
            }
            Provider::Instagram => self
                .http
                .post(format!("{}/api/webhooks/instagram", self.base))
                .header("X-Hub-Signature-256", sign(APP_SECRET, &body)),
        };
        let answer = request.header("Content-Type", "application/json").body(body).send().await.ok()?;
        Some(answer.status().as_u16())
    }
}
