//! How many deliveries, how fast, and what is said of their answers.

use std::{process::ExitCode, time::Duration};

use anyhow::anyhow;
use futures::{StreamExt as _, stream};
use indicatif::ProgressBar;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::summary::Summary;
use crate::{
    delivery::Reply,
    failure::{Failure, WRONG},
    output::{Output, printable},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Load {
    /// How many deliveries. A file is sent as often: all but the first are duplicates.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    count: u64,
    /// Deliveries begun per second, at most [default: as fast as they are answered].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: Option<u32>,
    /// Deliveries in flight at one time.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=4096))]
    concurrency: u16,
}

impl Load {
    /// Makes the deliveries, and says what became of them. `endpoint` holds no secret.
    pub(crate) async fn run<F>(
        &self,
        endpoint: &str,
        output: Output,
        mut post: impl FnMut() -> F,
    ) -> Result<ExitCode, Failure>
    where
        F: Future<Output = anyhow::Result<Reply>>,
    {
        if self.count == 1 {
            let reply = post().await.map_err(|error| away(endpoint, error))?;
            return one(&reply, endpoint, output);
        }
        let summary = self.many(post).await;
        if let (0, Some(error)) = (summary.answered(), &summary.last_error) {
            return Err(away(endpoint, anyhow!("{error}")));
        }
        summary.print(output, endpoint)?;
        Ok(if summary.all_accepted() { ExitCode::SUCCESS } else { ExitCode::from(WRONG) })
    }

    async fn many<F>(&self, mut post: impl FnMut() -> F) -> Summary
    where
        F: Future<Output = anyhow::Result<Reply>>,
    {
        // Hidden by itself where standard error is no terminal.
        let progress = ProgressBar::new(self.count);
        let started = Instant::now();
        let pace = self.rate.map(|rate| {
            let mut pace = interval(Duration::from_secs(1) / rate);
            // After a stall the rate is kept from then on, and nothing is caught up in a burst.
            pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
            pace
        });
        let ticks = stream::unfold((pace, self.count), async |(mut pace, left)| {
            let left = left.checked_sub(1)?;
            if let Some(pace) = &mut pace {
                pace.tick().await;
            }
            Some(((), (pace, left)))
        });
        let replies = ticks.map(|()| post()).buffer_unordered(usize::from(self.concurrency));
        let mut replies = std::pin::pin!(replies);
        let mut summary = Summary::default();
        while let Some(reply) = replies.next().await {
            summary.add(reply);
            progress.inc(1);
        }
        progress.finish_and_clear();
        summary.finish(started.elapsed());
        summary
    }
}

fn one(reply: &Reply, endpoint: &str, output: Output) -> Result<ExitCode, Failure> {
    let millis = reply.latency.as_secs_f64() * 1000.0;
    output.line(format!("{} in {millis:.1} ms from {endpoint}", reply.status))?;
    output.line(printable(&reply.body))?;
    output.document(&serde_json::json!({
        "url": endpoint, "status": reply.status, "latency_ms": millis, "answer": reply.counts(), "body": reply.body,
    }))?;
    Ok(if reply.is_success() { ExitCode::SUCCESS } else { ExitCode::from(WRONG) })
}

fn away(endpoint: &str, error: anyhow::Error) -> Failure {
    Failure::away(error.context(format!("no answer from {endpoint}")))
        .hint("is the edge running there? Give its address with --url or WEIR_EDGE_URL")
}
