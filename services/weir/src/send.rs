//! `weir send`: real deliveries of a provider's shape.

mod summary;

use std::{io::Read as _, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context as _, anyhow};
use futures::{StreamExt as _, stream};
use indicatif::ProgressBar;
use time::OffsetDateTime;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::{
    c2s::{Place, Sample, Subject, Target, TargetArgs},
    context::Context,
    failure::{Failure, WRONG},
    output::{Output, printable},
};
use summary::Summary;

const EXAMPLES: &str = "\
Examples:
  weir send c2s                                     one new lead
  weir send c2s --sample batch --secret-in query
  weir send c2s --file lead.json --url https://hooks.example.com
  cat lead.json | weir send c2s -
  weir send c2s --count 10000 --rate 500            ten thousand leads, 500 a second";

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    /// Contact2Sale: leads.
    #[command(after_help = EXAMPLES)]
    C2s(Args),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A body of this shape; each has a lead of its own.
    #[arg(long, value_name = "NAME", default_value = "form-a", conflicts_with_all = ["file", "stdin"])]
    sample: Sample,
    /// The body is this file, byte for byte.
    #[arg(long, value_name = "FILE", conflicts_with = "stdin")]
    file: Option<PathBuf>,
    /// `-`: the body is standard input.
    #[arg(value_name = "-", value_parser = ["-"], hide_possible_values = true)]
    stdin: Option<String>,
    #[command(flatten)]
    target: TargetArgs,
    /// Where the secret travels.
    #[arg(long, value_name = "PLACE", default_value = "header")]
    secret_in: Place,
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

/// What the bodies are.
enum Source {
    Sample(Sample),
    Fixed(String),
}

impl Source {
    fn body(&self) -> String {
        match self {
            Self::Sample(sample) => sample.body(&Subject::new("weir-sample", OffsetDateTime::now_utc())),
            Self::Fixed(body) => body.clone(),
        }
    }
}

pub(crate) async fn run(args: &Args, context: &Context) -> Result<ExitCode, Failure> {
    let target = Target::new(&args.target, &context.settings()?)?;
    let source = source(args)?;
    if args.count == 1 {
        return one(&source, &target, args.secret_in, context.output).await;
    }
    let summary = many(args, &source, &target).await;
    if let (0, Some(error)) = (summary.answered(), &summary.last_error) {
        return Err(away(&target, anyhow!("{error}")));
    }
    summary.print(context.output, &target.endpoint())?;
    Ok(if summary.all_accepted() { ExitCode::SUCCESS } else { ExitCode::from(WRONG) })
}

fn source(args: &Args) -> Result<Source, Failure> {
    let read = match (&args.file, &args.stdin) {
        (Some(file), _) => {
            std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
        }
        (None, Some(_)) => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map(|_| text).context("cannot read standard input")
        }
        (None, None) => return Ok(Source::Sample(args.sample)),
    };
    read.map(Source::Fixed).map_err(Failure::usage)
}

async fn one(source: &Source, target: &Target, place: Place, output: Output) -> Result<ExitCode, Failure> {
    let reply = target.post(source.body(), place).await.map_err(|error| away(target, error))?;
    let millis = reply.latency.as_secs_f64() * 1000.0;
    output.line(format!("{} in {millis:.1} ms from {}", reply.status, target.endpoint()))?;
    output.line(printable(&reply.body))?;
    output.document(&serde_json::json!({
        "url": target.endpoint(), "status": reply.status, "latency_ms": millis, "answer": reply.counts(), "body": reply.body,
    }))?;
    Ok(if reply.is_success() { ExitCode::SUCCESS } else { ExitCode::from(WRONG) })
}

async fn many(args: &Args, source: &Source, target: &Target) -> Summary {
    // Hidden by itself where standard error is no terminal.
    let progress = ProgressBar::new(args.count);
    let started = Instant::now();
    let pace = args.rate.map(|rate| {
        let mut pace = interval(Duration::from_secs(1) / rate);
        // After a stall the rate is kept from then on, and nothing is caught up in a burst.
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        pace
    });
    let ticks = stream::unfold((pace, args.count), async |(mut pace, left)| {
        let left = left.checked_sub(1)?;
        if let Some(pace) = &mut pace {
            pace.tick().await;
        }
        Some(((), (pace, left)))
    });
    let replies = ticks
        .map(|()| target.post(source.body(), args.secret_in))
        .buffer_unordered(usize::from(args.concurrency));
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

fn away(target: &Target, error: anyhow::Error) -> Failure {
    Failure::away(error.context(format!("no answer from {}", target.endpoint())))
        .hint("is the edge running there? Give its address with --url or WEIR_EDGE_URL")
}
