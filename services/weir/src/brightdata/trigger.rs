//! `weir brightdata trigger`.

use std::{io::Read as _, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, anyhow};
use config::Settings;
use contract::brightdata::{Kind, Platform};
use scraping::Job;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{failed, open};
use crate::{failure::Failure, output::Output};

pub(super) const EXAMPLES: &str = "\
Examples:
  weir brightdata trigger gd_lk5ns7kz21pck8jpis https://www.instagram.com/p/DAbCdEfGhIj/
  weir brightdata trigger gd_lkaxegm826bjpoo9m5 --inputs inputs.json
  echo '[{\"url\":\"https://www.facebook.com/acme\",\"num_of_posts\":10}]' | weir brightdata trigger gd_lkaxegm826bjpoo9m5 --inputs -";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Dataset, such as `gd_lk5ns7kz21pck8jpis` (Instagram posts).
    dataset: String,
    /// What to collect.
    #[arg(value_name = "URL", required_unless_present = "inputs", conflicts_with = "inputs")]
    urls: Vec<String>,
    /// File with a JSON array of inputs, `-` for standard input.
    #[arg(long, value_name = "FILE")]
    inputs: Option<PathBuf>,
    /// Platform of the records [default: the dataset's].
    #[arg(long, value_parser = platform)]
    platform: Option<Platform>,
    /// Kind of the records [default: the dataset's].
    #[arg(long, value_parser = kind)]
    kind: Option<Kind>,
    /// Discover new inputs by this: `keyword`, `profile_url`, `location`, ...
    #[arg(long, value_name = "WORD")]
    discover_by: Option<String>,
    /// Results of one input, at most.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    limit_per_input: Option<u32>,
    /// Results altogether, at most.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
}

pub(super) async fn run(args: &Args, settings: &Settings, output: Output) -> Result<ExitCode, Failure> {
    let inputs = inputs(args)?;
    let job = Job {
        dataset_id: &args.dataset,
        inputs: &inputs,
        platform: args.platform,
        kind: args.kind,
        discover_by: args.discover_by.as_deref(),
        limit_per_input: args.limit_per_input,
        limit_multiple_results: args.limit,
    };
    let scraping = open(settings).await?;
    let triggered = scraping.trigger(&job, OffsetDateTime::now_utc()).await.map_err(failed)?;
    output.line(format!("{} runs; its data will come to {}", triggered.snapshot_id, triggered.endpoint))?;
    output.document(&triggered)?;
    Ok(ExitCode::SUCCESS)
}

fn inputs(args: &Args) -> Result<Vec<Value>, Failure> {
    let Some(file) = &args.inputs else {
        return Ok(args.urls.iter().map(|url| json!({ "url": url })).collect());
    };
    let text = if file.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text).context("cannot read standard input")
    } else {
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
    };
    let inputs: Vec<Value> = serde_json::from_str(&text.map_err(Failure::usage)?)
        .context("the inputs are not a JSON array")
        .map_err(Failure::usage)?;
    if inputs.is_empty() || !inputs.iter().all(Value::is_object) {
        return Err(Failure::usage(anyhow!(
            "expected an array of objects, such as [{{\"url\":\"https://..\"}}]"
        )));
    }
    Ok(inputs)
}

fn platform(word: &str) -> Result<Platform, String> {
    word.parse().map_err(|_| format!("expected one of {}", Platform::ALL.map(Platform::as_str).join(", ")))
}

fn kind(word: &str) -> Result<Kind, String> {
    word.parse().map_err(|_| format!("expected one of {}", Kind::ALL.map(Kind::as_str).join(", ")))
}
