//! JetStream without HTTP: what the client can publish singly, and what our publisher makes of it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Instant,
};

use async_nats::jetstream::message::PublishMessage;
use bus::{Bus, Publisher};
use bytes::Bytes;
use contract::{Envelope, EventId};
use hdrhistogram::Histogram;
use tokio::task::JoinSet;

use crate::{
    cases::Plan,
    load::histogram,
    machine::{Fsync, Machine},
    report::{Report, Row},
};

/// Bytes of each message.
const SIZE: usize = 1_024;

pub(super) async fn run(plan: &Plan, machine: &Machine, report: &mut Report) -> anyhow::Result<()> {
    let in_flight: &[usize] = if plan.quick { &[64, 256] } else { &[1, 64, 256, 1_024] };
    let modes: &[Fsync] =
        if plan.quick { &[Fsync::Always] } else { &[Fsync::Lazy, Fsync::Always, Fsync::ThreeNodes] };
    for &fsync in modes {
        let broker = machine.broker(fsync).await?;
        for &in_flight in in_flight {
            let bus = broker.bus.clone();
            let publish = Arc::new(move |key: String| single(bus.clone(), key));
            measure(plan, report, "async-nats, singly", fsync, in_flight, publish).await?;
        }
        let publisher = Publisher::new(&broker.bus, &broker.config);
        for &in_flight in in_flight {
            let publisher = publisher.clone();
            let publish = Arc::new(move |key: String| grouped(publisher.clone(), key));
            measure(plan, report, "weir's publisher", fsync, in_flight, publish).await?;
        }
    }
    Ok(())
}

async fn single(bus: Bus, key: String) -> bool {
    let message = PublishMessage::build().payload(Bytes::from_static(&[b'x'; SIZE])).message_id(key);
    match bus.jetstream().send_publish("ingest.c2s.created", message).await {
        Ok(published) => published.await.is_ok(),
        Err(_) => false,
    }
}

async fn grouped(publisher: Publisher, key: String) -> bool {
    let envelope = Envelope {
        id: EventId::generate(),
        source: "/bench".to_owned(),
        event_type: "c2s.lead.created".to_owned(),
        subject: None,
        time: time::OffsetDateTime::now_utc(),
        content_type: "application/octet-stream".to_owned(),
        dedup_key: key,
        delivery_id: None,
        action: None,
        rejected: None,
        replayed_from: None,
        extensions: std::collections::BTreeMap::new(),
    };
    let subject = "ingest.c2s.created".to_owned();
    let payload = Bytes::from_static(&[b'x'; SIZE]);
    publisher.publish(bus::Event { stream: "C2S", subject, envelope, payload }).await.is_ok()
}

async fn measure<F>(
    plan: &Plan,
    report: &mut Report,
    name: &'static str,
    fsync: Fsync,
    in_flight: usize,
    publish: Arc<impl Fn(String) -> F + Send + Sync + 'static>,
) -> anyhow::Result<()>
where
    F: Future<Output = bool> + Send,
{
    let (over, next) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let run = report.next_run();
    let started = Instant::now();
    let mut workers = JoinSet::new();
    for _ in 0..in_flight {
        let (over, next, publish) = (over.clone(), next.clone(), publish.clone());
        workers.spawn(async move {
            let (mut latency, mut failed) = (histogram(), 0_u64);
            while !over.load(Ordering::Relaxed) {
                let begun = Instant::now();
                let key = format!("bench:{run}:{}", next.fetch_add(1, Ordering::Relaxed));
                if publish(key).await {
                    latency.saturating_record(u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX));
                } else {
                    failed += 1;
                }
            }
            (latency, failed)
        });
    }
    tokio::time::sleep(plan.period).await;
    over.store(true, Ordering::Relaxed);
    let (mut latency, mut failed): (Histogram<u64>, u64) = (histogram(), 0);
    while let Some(worker) = workers.join_next().await {
        let (part, refused) = worker?;
        latency.add(&part)?;
        failed += refused;
    }
    let mut row = Row::new("jetstream", name).connections(in_flight).size(1);
    row.fsync = Some(fsync.as_str());
    row.per_second = latency.len() as f64 / started.elapsed().as_secs_f64();
    row.failed = failed;
    row.latency = Some(latency);
    report.add(row)
}
