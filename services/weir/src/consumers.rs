//! `weir consumers`: how each one keeps up, and the server's own pause.

use std::{process::ExitCode, time::Duration};

use anyhow::anyhow;
use bus::{Bus, ConsumerState, Topology, age};
use serde_json::json;
use time::OffsetDateTime;

use crate::{
    context::{Context, broker},
    failure::Failure,
    output::{minutes, span},
    since::ago,
};

const WAIT: Duration = Duration::from_secs(5);

const LIST_EXAMPLES: &str = "\
Examples:
  weir consumers list
  weir consumers list --json";

const PAUSE_EXAMPLES: &str = "\
Examples:
  weir consumers pause c2s-leads                until it is resumed, a year at most
  weir consumers pause c2s-leads --for 10m      for a short work on the database";

const RESUME_EXAMPLES: &str = "\
Examples:
  weir consumers resume c2s-leads";

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    /// List every consumer: what waits, what is in hand, how old the oldest is, whether it is paused.
    #[command(after_help = LIST_EXAMPLES)]
    List,
    /// Have the server give a consumer nothing, on every replica. What is in hand is finished.
    #[command(after_help = PAUSE_EXAMPLES)]
    Pause(PauseArgs),
    /// Have the server give a consumer events again, also one that paused itself because too many events died.
    #[command(after_help = RESUME_EXAMPLES)]
    Resume(ResumeArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct PauseArgs {
    /// The consumer, such as c2s-leads.
    name: String,
    /// For how long: 30s, 10m, 2h, 7d; a year at most.
    #[arg(long = "for", value_name = "TIME", default_value = "365d", value_parser = time_span)]
    time: Duration,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ResumeArgs {
    /// The consumer, such as c2s-leads.
    name: String,
}

pub(crate) async fn run(verb: &Verb, context: &Context) -> Result<ExitCode, Failure> {
    let topology = Topology::embedded();
    // What cannot be right is said before the broker is asked.
    let named = match verb {
        Verb::List => None,
        Verb::Pause(PauseArgs { name, .. }) | Verb::Resume(ResumeArgs { name }) => {
            Some((name, stream_of(&topology, name)?))
        }
    };
    let settings = context.settings()?;
    let bus = broker(&settings, WAIT).await?;
    let result = match (verb, named) {
        (Verb::Pause(args), Some((name, stream))) => pause(&bus, stream, name, args.time, context).await,
        (_, Some((name, stream))) => resume(&bus, stream, name, context).await,
        (_, None) => list(&bus, &topology, context).await,
    };
    bus.close().await;
    result
}

async fn list(bus: &Bus, topology: &Topology, context: &Context) -> Result<ExitCode, Failure> {
    let mut found = Vec::new();
    for name in topology.consumers.keys() {
        match topology.consumer_state(bus, name).await.map_err(Failure::away)? {
            Some(state) => found.push(state),
            None => context.output.note(&format!("consumer {name} does not exist: run `weir provision`")),
        }
    }
    let now = OffsetDateTime::now_utc();
    context.output.table(
        [
            "CONSUMER",
            "STREAM",
            "LAG",
            "IN FLIGHT",
            "REDELIVERED",
            "OLDEST",
            "PULLS",
            "DELIVERIES",
            "PAUSED UNTIL",
        ],
        found.iter().map(|state| row(state, now)),
    )?;
    context.output.document(&json!({ "consumers": found }))?;
    Ok(ExitCode::SUCCESS)
}

fn row(state: &ConsumerState, now: OffsetDateTime) -> [String; 9] {
    [
        state.name.clone(),
        state.stream.clone(),
        state.lag.to_string(),
        state.in_flight.to_string(),
        state.redelivered.to_string(),
        state.oldest_at.map_or_else(|| "-".to_owned(), |at| span(age(at, now))),
        state.pulls_waiting.to_string(),
        state.deliveries_max.to_string(),
        state.paused_until.map_or_else(|| "-".to_owned(), minutes),
    ]
}

async fn pause(
    bus: &Bus,
    stream: &str,
    name: &str,
    time: Duration,
    context: &Context,
) -> Result<ExitCode, Failure> {
    let until = bus.pause_consumer(stream, name, OffsetDateTime::now_utc() + time).await?;
    context.output.line(format!("{name} is paused until {}; what is in hand is finished", minutes(until)))?;
    context.output.document(&json!({ "consumer": name, "paused_until": rfc3339(until) }))?;
    Ok(ExitCode::SUCCESS)
}

async fn resume(bus: &Bus, stream: &str, name: &str, context: &Context) -> Result<ExitCode, Failure> {
    bus.resume_consumer(stream, name).await?;
    context.output.line(format!("{name} is given events again"))?;
    context.output.document(&json!({ "consumer": name, "paused_until": null }))?;
    Ok(ExitCode::SUCCESS)
}

fn stream_of<'a>(topology: &'a Topology, name: &str) -> Result<&'a str, Failure> {
    if let Some(spec) = topology.consumers.get(name) {
        return Ok(&spec.stream);
    }
    let unknown = Failure::usage(anyhow!("there is no consumer {name}"));
    Err(match nearest(name, topology.consumers.keys()) {
        Some(near) => unknown.hint(format!("did you mean {near}?")),
        None => unknown.hint("`weir consumers list` shows them all"),
    })
}

/// The name that somebody who wrote `name` may have meant.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a String>) -> Option<&'a str> {
    const SIMILAR: f64 = 0.4;
    known
        .map(|known| {
            (strsim::normalized_damerau_levenshtein(&known.to_lowercase(), &name.to_lowercase()), known)
        })
        .filter(|(likeness, _)| *likeness >= SIMILAR)
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .map(|(_, known)| known.as_str())
}

fn time_span(text: &str) -> Result<Duration, &'static str> {
    let span = ago(text).and_then(|span| Duration::try_from(span).ok());
    let possible = |span: &Duration| !span.is_zero() && *span <= Duration::from_hours(24 * 366);
    span.filter(possible).ok_or("expected 30s, 10m, 2h or 7d, a year at most")
}

fn rfc3339(instant: OffsetDateTime) -> Option<String> {
    instant.format(&time::format_description::well_known::Rfc3339).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_to_pause_is_positive_and_bounded() {
        assert_eq!(time_span("10m"), Ok(Duration::from_mins(10)));
        for text in ["0s", "10", "-1m", "400d", "m"] {
            assert!(time_span(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_name_that_is_nearly_right_is_suggested() {
        let known = ["c2s-leads".to_owned(), "instagram-handler".to_owned()];
        assert_eq!(nearest("c2s-lead", known.iter()), Some("c2s-leads"));
        assert_eq!(nearest("Instagram", known.iter()), Some("instagram-handler"));
        assert_eq!(nearest("zzzz", known.iter()), None);
    }
}
