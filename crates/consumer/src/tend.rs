//! What the server is asked and told beside the pulling: how many events wait, and whether the consumer is paused.

use std::{sync::Arc, time::Duration};

use async_nats::jetstream::consumer::PullConsumer;
use bus::Bus;
use lifecycle::{Check, Shutdown};
use time::OffsetDateTime;
use tokio::{sync::watch, time::Instant};
use tracing::{debug, warn};

use crate::{
    Account, Source,
    breaker::{Breaker, Phase},
};

/// How often the server is asked.
const INTERVAL: Duration = Duration::from_secs(10);
/// The same while the consumer is paused, so that a resumption is seen soon.
const INTERVAL_PAUSED: Duration = Duration::from_secs(1);
/// How much longer than our own the server's pause lasts: it is renewed or lifted in time, and lapses when we are gone.
const MARGIN: Duration = Duration::from_secs(30);

/// The breaker's hand on the server, where a pause stops every replica.
pub(crate) struct Tender {
    pub(crate) bus: Bus,
    pub(crate) source: Source,
    pub(crate) consumer: PullConsumer,
    pub(crate) account: Arc<Account>,
    pub(crate) breaker: Arc<Breaker>,
    pub(crate) shutdown: Shutdown,
}

/// A pause that the server granted us.
struct Granted {
    /// For which phase of ours.
    phase: Phase,
    until: OffsetDateTime,
}

impl Tender {
    /// Until the process drains. A pause is left to lapse then: a successor must not begin where we stopped for a reason.
    pub(crate) async fn run(self) {
        let mut phases = self.breaker.subscribe();
        tokio::select! {
            () = self.tend(&mut phases) => {}
            () = self.shutdown.draining() => {}
        }
    }

    async fn tend(&self, phases: &mut watch::Receiver<Phase>) {
        let mut granted: Option<Granted> = None;
        loop {
            let phase = *phases.borrow_and_update();
            match phase {
                Phase::Paused { until, .. }
                    if granted.as_ref().is_none_or(|granted| granted.phase != phase) =>
                {
                    granted = self.pause(phase, until).await.or(granted);
                }
                Phase::Paused { .. } => {}
                Phase::Flowing => self.lift(granted.take()).await,
            }
            let paused_on_server = self.look(phase, granted.is_some()).await;
            if self.breaker.is_unattended() {
                self.breaker.resume("the pause is over");
            }
            let interval =
                if paused_on_server || phase != Phase::Flowing { INTERVAL_PAUSED } else { INTERVAL };
            tokio::select! {
                () = tokio::time::sleep(interval) => {}
                changed = phases.changed() => drop(changed),
            }
        }
    }

    /// Asks how it stands, and says so. Whether the server pauses the consumer.
    async fn look(&self, phase: Phase, granted: bool) -> bool {
        let info = match self.consumer.get_info().await {
            Ok(info) => info,
            Err(error) => {
                debug!(%error, "server did not say how many events wait");
                return false;
            }
        };
        self.account.pending(info.num_pending);
        if granted && !info.paused && phase != Phase::Flowing && !self.breaker.remaining().is_zero() {
            self.breaker.resume("somebody resumed it");
            self.say(false, false);
        } else {
            self.say(phase != Phase::Flowing, info.paused);
        }
        info.paused
    }

    fn say(&self, by_us: bool, on_server: bool) {
        self.account.paused(by_us, on_server && !by_us);
        let (ok, state) = match (by_us, on_server) {
            (true, _) => (false, "paused: too many dead letters"),
            (false, true) => (false, "paused: on the server"),
            (false, false) => (true, "consuming"),
        };
        self.shutdown.tell(self.source.consumer, Check { ok, state });
    }

    /// Has the server pause the consumer for all replicas. Where it does not, only this process pauses.
    async fn pause(&self, phase: Phase, until: Instant) -> Option<Granted> {
        self.say(true, false);
        let remaining = until.saturating_duration_since(Instant::now());
        let until = OffsetDateTime::now_utc() + remaining + MARGIN;
        match self.bus.pause_consumer(self.source.stream, self.source.consumer, until).await {
            Ok(until) => Some(Granted { phase, until }),
            Err(error) => {
                warn!(
                    consumer = self.source.consumer,
                    error = %format!("{error:#}"),
                    "the server did not pause the consumer; only this process pauses"
                );
                None
            }
        }
    }

    /// Lifts our pause, unless somebody else has made it theirs.
    async fn lift(&self, granted: Option<Granted>) {
        let Some(granted) = granted else { return };
        let lifting = async {
            let ours = self.consumer.get_info().await.ok()?.config.pause_until?;
            if (ours - granted.until).abs() > Duration::from_secs(1) {
                return None;
            }
            self.bus.resume_consumer(self.source.stream, self.source.consumer).await.ok()
        };
        if lifting.await.is_none() {
            debug!(
                consumer = self.source.consumer,
                "pause not lifted; it lapses by itself, or is somebody else's"
            );
        }
    }
}
