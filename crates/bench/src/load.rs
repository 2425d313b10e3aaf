//! The load: so many connections as fast as they are answered (closed loop), or so many deliveries a second whatever
//! happens to the earlier ones (open loop). In the open loop a delivery's time begins when it was due, so that a server
//! that stalls is charged for everybody who had to wait (no coordinated omission).

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context as _;
use bytes::Bytes;
use hdrhistogram::Histogram;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, sync::Semaphore, task::JoinSet};

use crate::traffic::{Sender, first_of};

/// Latencies above this are counted as this.
const LATENCY_MAX_US: u64 = 60_000_000;

/// What is sent, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) address: SocketAddr,
    pub(crate) sender: Sender,
    /// Tells the ids of one run from those of another.
    pub(crate) run: u64,
    pub(crate) size: usize,
    pub(crate) connections: usize,
    /// Deliveries a second; `None`: as fast as they are answered.
    pub(crate) rate: Option<u64>,
    pub(crate) period: Duration,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) accepted: u64,
    pub(crate) failed: u64,
    pub(crate) elapsed: Duration,
    /// Microseconds.
    pub(crate) latency: Histogram<u64>,
    /// Numbers of the accepted deliveries, and when each was due, microseconds since the epoch.
    pub(crate) sent: Vec<(u64, i64)>,
}

struct Shared {
    load: Load,
    next: AtomicU64,
    over: AtomicBool,
    /// Deliveries that are due; the open loop's clock.
    due: Semaphore,
    start: Instant,
    start_micros: i64,
}

#[derive(Debug)]
struct Part {
    failed: u64,
    latency: Histogram<u64>,
    sent: Vec<(u64, i64)>,
}

impl Load {
    pub(crate) async fn run(self) -> anyhow::Result<Outcome> {
        let now = time::OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000;
        let shared = Arc::new(Shared {
            load: self,
            next: AtomicU64::new(0),
            over: AtomicBool::new(false),
            due: Semaphore::new(0),
            start: Instant::now(),
            start_micros: i64::try_from(now)?,
        });
        let mut connections = JoinSet::new();
        for _ in 0..self.connections {
            connections.spawn(connection(shared.clone()));
        }
        if let Some(rate) = self.rate {
            let shared = shared.clone();
            tokio::task::spawn_blocking(move || clock(&shared, rate)).await?;
        } else {
            tokio::time::sleep(self.period).await;
        }
        shared.over.store(true, Ordering::Relaxed);
        shared.due.close();
        let mut outcome = Outcome {
            accepted: 0,
            failed: 0,
            elapsed: Duration::ZERO,
            latency: histogram(),
            sent: Vec::new(),
        };
        while let Some(part) = connections.join_next().await {
            let part = part?.context("a connection of the load")?;
            outcome.failed += part.failed;
            outcome.latency.add(&part.latency)?;
            outcome.sent.extend(part.sent);
        }
        outcome.accepted = outcome.sent.len() as u64;
        outcome.elapsed = shared.start.elapsed();
        Ok(outcome)
    }
}

/// Says when each delivery is due. A thread, because the runtime's timer is a millisecond coarse.
fn clock(shared: &Shared, rate: u64) {
    let total = rate * shared.load.period.as_millis() as u64 / 1_000;
    let mut said = 0;
    while said < total {
        let due = (shared.start.elapsed().as_micros() as u64 * rate / 1_000_000).min(total);
        shared.due.add_permits(usize::try_from(due - said).unwrap_or(0));
        said = due;
        std::thread::sleep(Duration::from_micros(200));
    }
    // Those that are due are sent before the loop ends.
    let deadline = Instant::now() + Duration::from_secs(20);
    while shared.due.available_permits() > 0 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(1));
    }
}

async fn connection(shared: Arc<Shared>) -> anyhow::Result<Part> {
    let mut part = Part { failed: 0, latency: histogram(), sent: Vec::new() };
    let mut client = connect(shared.load.address).await?;
    loop {
        if shared.load.rate.is_some() {
            let Ok(permit) = shared.due.acquire().await else { return Ok(part) };
            permit.forget();
        } else if shared.over.load(Ordering::Relaxed) {
            return Ok(part);
        }
        let number = shared.next.fetch_add(1, Ordering::Relaxed);
        let id = first_of(shared.load.run) + number;
        let delivery = shared.load.sender.delivery(id, shared.load.size);
        let begun = match shared.load.rate {
            Some(rate) => shared.start + Duration::from_micros(number * 1_000_000 / rate),
            None => Instant::now(),
        };
        let request = Request::post(delivery.path)
            .header(header::HOST, "bench")
            .header(header::CONTENT_TYPE, "application/json")
            .header(delivery.header.0, delivery.header.1)
            .body(Full::new(delivery.body))?;
        let accepted = match client.send_request(request).await {
            Ok(answer) => {
                let accepted = answer.status().is_success();
                answer.into_body().collect().await.is_ok() && accepted
            }
            Err(_) => false,
        };
        let took = begun.elapsed().as_micros().min(u128::from(LATENCY_MAX_US));
        part.latency.record(u64::try_from(took)?)?;
        if accepted {
            let begun = begun.duration_since(shared.start).as_micros();
            part.sent.push((id, shared.start_micros + i64::try_from(begun)?));
        } else {
            part.failed += 1;
        }
        if client.is_closed() {
            client = connect(shared.load.address).await?;
        }
    }
}

async fn connect(address: SocketAddr) -> anyhow::Result<http1::SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await.context("cannot connect")?;
    stream.set_nodelay(true)?;
    let (client, connection) = http1::handshake(TokioIo::new(stream)).await?;
    #[expect(clippy::disallowed_methods, reason = "it ends with its connection")]
    tokio::spawn(connection);
    Ok(client)
}

pub(crate) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_MAX_US, 3).expect("the bounds are right")
}
