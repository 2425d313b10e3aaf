//! The batches of one stream: what waits becomes a batch, is committed, and everybody in it hears of it.

use std::{
    sync::{Arc, Weak, atomic::Ordering},
    time::Duration,
};

use contract::metric;
use opentelemetry::{KeyValue, metrics::Histogram};
use tokio::{sync::mpsc, time::Instant};

use super::{
    atomic::{self, Failed},
    group::{Group, Joined, Waiting},
};
use crate::Bus;

/// Events that a trial takes at least, half of them for each way, and at most for the single way: so many that a busy
/// processor, which may keep each of them waiting for some milliseconds, does not look like a slow disk, or hide one.
const TRIAL_MIN: usize = 24;
const TRIAL_SINGLES_MAX: usize = 64;
/// How long a trial waits at most for single publishes, those before it, and its own three times: everybody else waits
/// meanwhile.
const TRIAL_WAIT_MAX: Duration = Duration::from_millis(100);
/// How often a trial waits for the single publishes before it. Between two waits, whoever joined is committed as a
/// batch; since nobody publishes alone meanwhile, the backlog drains.
const TRIAL_ROUNDS_MAX: u32 = 10;

/// Makes the batches of one stream, one after the other.
pub(super) struct Committer {
    bus: Bus,
    group: Weak<Group>,
    batch_max: usize,
    batch_max_bytes: usize,
    timeout: Duration,
    size: Histogram<u64>,
    duration: Histogram<f64>,
    stream: &'static str,
}

impl Committer {
    pub(super) fn new(bus: &Bus, group: &Arc<Group>, config: &config::Nats) -> Self {
        let meter = telemetry::meter();
        Self {
            bus: bus.clone(),
            group: Arc::downgrade(group),
            batch_max: config.publish_batch_max,
            batch_max_bytes: config.publish_batch_max_bytes,
            timeout: config.publish_timeout() / 2,
            size: meter
                .u64_histogram(metric::PUBLISH_BATCH_SIZE)
                .with_description("Events in one batch")
                .with_boundaries(vec![2., 4., 8., 16., 32., 64., 128., 256., 512., 1024.])
                .build(),
            duration: meter
                .f64_histogram(metric::PUBLISH_BATCH_DURATION)
                .with_unit("s")
                .with_description("Time until a batch was committed")
                .build(),
            stream: group.stream,
        }
    }

    /// Runs until the last owner of the group is gone.
    pub(super) async fn run(self, mut queue: mpsc::Receiver<Waiting>) {
        let (mut taken, mut rounds) = (Vec::with_capacity(self.batch_max), 0);
        while queue.recv_many(&mut taken, self.batch_max).await > 0 {
            let Some(group) = self.group.upgrade() else { return };
            // Whoever stopped waiting published nothing yet.
            taken.retain(|event| !event.done.is_closed());
            let events = std::mem::take(&mut taken);
            if group.trial.load(Ordering::Relaxed) {
                rounds += 1;
                if self.trial(&group, &mut queue, events).await || rounds >= TRIAL_ROUNDS_MAX {
                    rounds = 0;
                    group.pace.end_trial();
                    group.trial.store(false, Ordering::Relaxed);
                }
            } else {
                self.batches(&group, events, false).await;
            }
            taken.reserve(self.batch_max);
        }
    }

    /// Publishes some events singly and some as a batch, with nothing beside them, and sees how long each way takes.
    /// Whether there was nothing beside them.
    async fn trial(
        &self,
        group: &Group,
        queue: &mut mpsc::Receiver<Waiting>,
        mut events: Vec<Waiting>,
    ) -> bool {
        let wait_max = TRIAL_WAIT_MAX.min(self.timeout / 4);
        tokio::time::timeout(wait_max, group.until_idle()).await.ok();
        while events.len() < self.batch_max
            && let Ok(event) = queue.try_recv()
        {
            events.push(event);
        }
        events.retain(|event| !event.done.is_closed());
        let idle = group.is_idle();
        if !idle || events.len() < TRIAL_MIN {
            self.batches(group, events, false).await;
            return idle;
        }
        let batch = events.split_off((events.len() / 2).min(TRIAL_SINGLES_MAX));
        // Two by themselves, of which the slower one met with something else, and the others at one time.
        let mut one = wait_max;
        for event in events.drain(..2) {
            one = one.min(singly([event], wait_max).await.0);
        }
        let count = events.len();
        let (all, is_whole) = singly(events, wait_max).await;
        // Of what was cut off it is only known that it takes longer: the way there is no matter then.
        group.pace.singles_took(if is_whole { one } else { Duration::ZERO }, all, count);
        self.batches(group, batch, true).await;
        true
    }

    async fn batches(&self, group: &Group, mut events: Vec<Waiting>, is_trial: bool) {
        while !events.is_empty() {
            let rest = events.split_off(self.fitting(&events));
            self.batch(group, events, is_trial).await;
            events = rest;
        }
    }

    /// How many of the first events one batch takes; one at least.
    fn fitting(&self, events: &[Waiting]) -> usize {
        let mut bytes = 0;
        let fitting = events.iter().take_while(|event| {
            bytes += event.size;
            bytes <= self.batch_max_bytes
        });
        fitting.count().max(1)
    }

    async fn batch(&self, group: &Group, events: Vec<Waiting>, is_trial: bool) {
        let count = events.len();
        if count < 2 || !self.bus.is_connected() {
            for Waiting { done, .. } in events {
                done.send(Joined::Alone { may_be_stored: false, look: None }).ok();
            }
            return;
        }
        let (messages, waiting): (Vec<_>, Vec<_>) =
            events.into_iter().map(|Waiting { message, done, .. }| (message, done)).unzip();
        let tells = is_trial || group.is_idle();
        let started = Instant::now();
        let committing = atomic::commit(&self.bus, self.stream, messages, self.timeout);
        let result = tokio::time::timeout(self.timeout, committing).await.unwrap_or(Err(Failed::Unanswered));
        let took = started.elapsed();
        let labels = [KeyValue::new("stream", self.stream)];
        match result {
            Ok(first) => {
                if tells {
                    group.pace.batch_took(took, count);
                }
                self.size.record(count as u64, &labels);
                self.duration.record(took.as_secs_f64(), &labels);
                for (sequence, done) in (first..).zip(waiting) {
                    done.send(Joined::Stored { sequence }).ok();
                }
            }
            Err(failed) => group.hand_back(waiting, failed),
        }
    }
}

/// Has events published alone, all at one time. How long that takes, and whether that is the whole of it: after `wait_max`
/// nobody waits for the rest.
async fn singly(events: impl IntoIterator<Item = Waiting>, wait_max: Duration) -> (Duration, bool) {
    let (look, mut looked) = mpsc::channel(1);
    let started = Instant::now();
    for event in events {
        event.done.send(Joined::Alone { may_be_stored: false, look: Some(look.clone()) }).ok();
    }
    drop(look);
    let is_whole = tokio::time::timeout(wait_max, looked.recv()).await.is_ok();
    (started.elapsed(), is_whole)
}
