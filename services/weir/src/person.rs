//! `weir person`: what is kept of somebody, and removing it.

use std::{
    io::{Read as _, Write as _},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context as _, anyhow};
use bus::claim::Claims;
use erasure::{Erasure, Report};
use people::{BlindIndex, Cpf};
use seal::Keyring;
use serde_json::json;
use time::OffsetDateTime;

use crate::{
    context::{Context, broker, database},
    failure::Failure,
};

const WAIT: Duration = Duration::from_secs(5);

const ERASE_EXAMPLES: &str = "\
Examples:
  weir person erase --cpf-file - --dry-run            type the CPF, then Ctrl-D: it stays out of the shell's history
  pass show requests/1234 | weir person erase --cpf-file - --yes
  weir person erase --cpf 529.982.247-25 --dry-run    the shell keeps this line";

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    /// Remove a person from tables, dead letters, streams and the object store.
    #[command(after_help = ERASE_EXAMPLES)]
    Erase(EraseArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct EraseArgs {
    /// The CPF. The shell's history and `ps` see it: prefer `--cpf-file`.
    #[arg(long, value_name = "CPF", conflicts_with = "cpf_file", required_unless_present = "cpf_file")]
    cpf: Option<String>,
    /// File with the CPF, `-` for standard input.
    #[arg(long, value_name = "FILE")]
    cpf_file: Option<PathBuf>,
    /// Only say what would be removed.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
}

pub(crate) async fn run(verb: &Verb, context: &Context) -> Result<ExitCode, Failure> {
    let Verb::Erase(args) = verb;
    let settings = context.settings()?;
    let index = BlindIndex::new(&settings.people.index_keys).map_err(Failure::usage)?;
    let cpf = cpf(args)?;
    let pool = database(&settings, WAIT).await?;
    let bus = broker(&settings, WAIT).await?;
    let claims = Claims::new(&bus, &settings.nats);
    // Without keys there are no look-ups either.
    let keys = (!settings.seal.keys.is_empty()).then(|| Keyring::new(&settings.seal)).transpose();
    let keys = keys.map_err(Failure::usage)?;
    let erasure = Erasure { bus, claims, pool, index, keys };
    let traces = erasure.find(&cpf).await.map_err(Failure::away)?;
    let answer = |report: &Report, done: bool| -> Result<ExitCode, Failure> {
        context.output.document(&json!({
            "person": cpf.to_string(), "erased": done, "places": report, "elsewhere": report.elsewhere(),
        }))?;
        Ok(ExitCode::SUCCESS)
    };
    if traces.report.is_empty() {
        context.output.line(format!("nothing is kept of {cpf}"))?;
        if args.dry_run {
            return answer(&traces.report, false);
        }
    } else {
        show(&format!("kept of {cpf}"), &traces.report, context)?;
        if args.dry_run {
            return answer(&traces.report, false);
        }
        if !args.yes && !confirmed()? {
            context.output.line("nothing was removed")?;
            return answer(&traces.report, false);
        }
    }
    let report = erasure.erase(&cpf, OffsetDateTime::now_utc()).await.map_err(|error| {
        Failure::away(error).hint("run it again: what was removed is, and the rest is found again")
    })?;
    show("removed", &report, context)?;
    for left in left(&report).into_iter().chain(report.elsewhere()) {
        context.output.note(&left);
    }
    answer(&report, true)
}

fn show(title: &str, report: &Report, context: &Context) -> anyhow::Result<()> {
    context.output.line(title)?;
    let rows = report.rows().into_iter().filter(|(_, count)| *count > 0);
    context.output.table(["PLACE", "COUNT"], rows.map(|(place, count)| [place, count.to_string()]))
}

/// What stays although it is ours, and why.
fn left(report: &Report) -> Vec<String> {
    let mut left: Vec<String> = report
        .kept
        .iter()
        .map(|(column, rows)| {
            format!("{rows} rows keep it in {column}: without it they would be equal to others")
        })
        .collect();
    for (count, what) in [
        (
            report.waiting_messages,
            "messages hold a phone or an address alone, and are not handled yet: run it again when they are",
        ),
        (report.shared_contacts, "phones or addresses stay: leads of other people name them, too"),
        (
            report.unreadable_look_ups,
            "look-ups could not be opened with seal.keys: contacts in them are not known",
        ),
    ] {
        if count > 0 {
            left.push(format!("{count} {what}"));
        }
    }
    left
}

/// The CPF, from where it was given. No error quotes it.
fn cpf(args: &EraseArgs) -> Result<Cpf, Failure> {
    let text = match (&args.cpf, &args.cpf_file) {
        (Some(text), _) => text.clone(),
        (None, Some(file)) if file.as_os_str() == "-" => {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .context("cannot read standard input")
                .map_err(Failure::usage)?;
            text
        }
        (None, Some(file)) => std::fs::read_to_string(file)
            .with_context(|| format!("cannot read {}", file.display()))
            .map_err(Failure::usage)?,
        (None, None) => return Err(Failure::usage(anyhow!("there is no CPF: give --cpf-file"))),
    };
    text.trim()
        .parse()
        .map_err(|error| Failure::usage(anyhow::Error::from(error).context("the CPF cannot be used")))
}

/// Asks on the terminal. Where there is none, nobody can answer.
fn confirmed() -> Result<bool, Failure> {
    let mut terminal = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/tty")
        .ok()
        .filter(std::io::IsTerminal::is_terminal)
        .ok_or_else(|| Failure::usage(anyhow!("nobody can be asked")).hint("give --yes, or --dry-run"))?;
    terminal.write_all(b"remove all of it? type yes: ").map_err(|error| Failure::usage(anyhow!(error)))?;
    let mut answer = String::new();
    let mut reader = std::io::BufReader::new(terminal);
    std::io::BufRead::read_line(&mut reader, &mut answer).map_err(|error| Failure::usage(anyhow!(error)))?;
    Ok(answer.trim() == "yes")
}
