//! What became of many deliveries.

use std::{collections::BTreeMap, time::Duration};

use serde_json::json;

use crate::{
    delivery::{Counts, Reply},
    output::Output,
};

#[derive(Debug, Default)]
pub(crate) struct Summary {
    by_status: BTreeMap<u16, u64>,
    unanswered: u64,
    pub(crate) last_error: Option<String>,
    counts: Counts,
    latencies: Vec<Duration>,
    elapsed: Duration,
}

impl Summary {
    pub(crate) fn add(&mut self, reply: anyhow::Result<Reply>) {
        match reply {
            Ok(reply) => {
                *self.by_status.entry(reply.status).or_default() += 1;
                self.latencies.push(reply.latency);
                let counts = reply.counts().unwrap_or_default();
                self.counts.received += counts.received;
                self.counts.processed += counts.processed;
                self.counts.duplicates += counts.duplicates;
                self.counts.rejected += counts.rejected;
            }
            Err(error) => {
                self.unanswered += 1;
                self.last_error = Some(format!("{error:#}"));
            }
        }
    }

    pub(crate) fn finish(&mut self, elapsed: Duration) {
        self.elapsed = elapsed;
        self.latencies.sort_unstable();
    }

    pub(crate) fn answered(&self) -> u64 {
        self.by_status.values().sum()
    }

    pub(crate) fn all_accepted(&self) -> bool {
        self.unanswered == 0 && self.by_status.keys().all(|status| (200..300).contains(status))
    }

    pub(crate) fn print(&self, output: Output, endpoint: &str) -> anyhow::Result<()> {
        let sent = self.answered() + self.unanswered;
        #[expect(clippy::cast_precision_loss, reason = "no decimals are shown")]
        let rate = sent as f64 / self.elapsed.as_secs_f64().max(f64::EPSILON);
        let seconds = self.elapsed.as_secs_f64();
        output.line(format!("{sent} deliveries to {endpoint} in {seconds:.2} s, {rate:.0} a second"))?;
        for (status, count) in &self.by_status {
            output.line(format!("  {status:<11} {count}"))?;
        }
        if self.unanswered > 0 {
            let reason = self.last_error.as_deref().unwrap_or_default();
            output.line(format!("  no answer   {} (last: {reason})", self.unanswered))?;
        }
        let Counts { received, processed, duplicates, rejected } = self.counts;
        output.line(format!(
            "events: {received} received, {processed} processed, {duplicates} duplicates, {rejected} rejected"
        ))?;
        let marks = [("p50", 50), ("p95", 95), ("p99", 99), ("max", 100)];
        let millis = |percent| self.percentile(percent).as_secs_f64() * 1000.0;
        let shown: Vec<_> =
            marks.iter().map(|(name, percent)| format!("{name} {:.1}", millis(*percent))).collect();
        output.line(format!("latency, ms: {}", shown.join(", ")))?;
        output.document(&json!({
            "url": endpoint,
            "sent": sent,
            "by_status": self.by_status,
            "unanswered": self.unanswered,
            "last_error": self.last_error,
            "events": self.counts,
            "seconds": seconds,
            "per_second": rate,
            "latency_ms": marks.iter().map(|(name, percent)| (*name, millis(*percent))).collect::<BTreeMap<_, _>>(),
        }))
    }

    /// The smallest latency that so many percent of the answers do not exceed.
    fn percentile(&self, percent: usize) -> Duration {
        let rank = (self.latencies.len() * percent).div_ceil(100).saturating_sub(1);
        self.latencies.get(rank).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_ranks() {
        let mut summary = Summary::default();
        assert_eq!(summary.percentile(50), Duration::ZERO, "no answers, no latency");
        summary.latencies = (1..=200).map(Duration::from_millis).collect();
        for (percent, millis) in [(50, 100), (95, 190), (99, 198), (100, 200)] {
            assert_eq!(summary.percentile(percent), Duration::from_millis(millis));
        }
    }

    #[test]
    fn one_refusal_or_silence_is_not_success() {
        let reply = |status| Ok(Reply { status, body: String::new(), latency: Duration::ZERO });
        let mut summary = Summary::default();
        summary.add(reply(200));
        assert!(summary.all_accepted());
        summary.add(reply(429));
        assert!(!summary.all_accepted());
        let mut summary = Summary::default();
        summary.add(Err(anyhow::anyhow!("refused")));
        assert!(!summary.all_accepted());
    }
}
