//! `weir zapier hooks`.

mod args;
mod list;

use std::process::ExitCode;

use ::hooks::{Catalogue, Change, Kind};
use config::{Secret, Settings};
use serde_json::json;
use sqlx::PgPool;
use time::{Duration, format_description::well_known::Rfc3339};

use self::args::{KindWord, MannerArgs, read_secret};
use super::{catalogue, failed};
use crate::{failure::Failure, output::Output};

const ADD_EXAMPLES: &str = "\
Examples:
  weir zapier hooks add sheets --url-file -        reads the URL from standard input
  weir zapier hooks add crm --kind webhook --url-file url.txt --rate 50/1s --burst 10
  weir zapier hooks add sheets --url-file url.txt --filter 'usage.*' --form nested

It gets what comes from now on. What is done already it gets by a replay that forces effects, as
every other hook does again: `weir replay start ID.. --consumer zapier-dispatcher --force-effects`.";

const UPDATE_EXAMPLES: &str = "\
Examples:
  weir zapier hooks update sheets --rate 1000/1h --burst 20
  weir zapier hooks update sheets --url-file new-url.txt";

const NAME_EXAMPLES: &str = "\
Examples:
  weir zapier hooks enable sheets       what has waited is sent, too
  weir zapier hooks disable sheets      what waits goes on waiting; what comes is not for this hook";

const ROTATE_EXAMPLES: &str = "\
Examples:
  weir zapier hooks rotate crm                      a new secret, shown once; the old one signs too for a day
  weir zapier hooks rotate crm --keep-hours 0       the old one is known to others: end it now

Meanwhile `webhook-signature` holds a signature of each. The older header has room for one: the new secret's.";

const REMOVE_EXAMPLES: &str = "\
Examples:
  weir zapier hooks remove crm          what waits for it is not sent";

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    /// List the hooks.
    #[command(after_help = list::EXAMPLES)]
    List,
    /// Make a hook.
    #[command(after_help = ADD_EXAMPLES)]
    Add(AddArgs),
    /// Change a hook.
    #[command(after_help = UPDATE_EXAMPLES)]
    Update(UpdateArgs),
    /// Send to a hook again.
    #[command(after_help = NAME_EXAMPLES)]
    Enable(NameArgs),
    /// Send nothing more to a hook.
    #[command(after_help = NAME_EXAMPLES)]
    Disable(NameArgs),
    /// Give a hook a new secret.
    #[command(after_help = ROTATE_EXAMPLES)]
    Rotate(RotateArgs),
    /// Forget a hook.
    #[command(after_help = REMOVE_EXAMPLES)]
    Remove(NameArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct AddArgs {
    /// Its name: letters, digits, - and _.
    name: String,
    /// File with its URL, `-` for standard input.
    // No option takes the URL itself: it is a secret, and would stand in the process list.
    #[arg(long, value_name = "FILE")]
    url_file: std::path::PathBuf,
    /// What is behind it: Zapier's limits hold for the one.
    #[arg(long, value_name = "KIND", default_value = "zapier")]
    kind: KindWord,
    /// File with the secret that signs, `-` for standard input [default: one is made, and shown once].
    #[arg(long, value_name = "FILE")]
    secret_file: Option<std::path::PathBuf>,
    #[command(flatten)]
    manner: MannerArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct UpdateArgs {
    /// Its name.
    name: String,
    /// File with another URL, `-` for standard input.
    #[arg(long, value_name = "FILE")]
    url_file: Option<std::path::PathBuf>,
    /// What is behind it.
    #[arg(long, value_name = "KIND")]
    kind: Option<KindWord>,
    #[command(flatten)]
    manner: MannerArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct NameArgs {
    /// Its name.
    name: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RotateArgs {
    /// Its name.
    name: String,
    /// File with the new secret, `-` for standard input [default: one is made, and shown once].
    #[arg(long, value_name = "FILE")]
    secret_file: Option<std::path::PathBuf>,
    /// Hours for which the old secret signs beside it.
    #[arg(long, value_name = "HOURS", default_value_t = 24, value_parser = clap::value_parser!(u16).range(0..=8760))]
    keep_hours: u16,
}

pub(super) async fn run(
    verb: &Verb,
    settings: &Settings,
    pool: PgPool,
    output: Output,
) -> Result<ExitCode, Failure> {
    let catalogue = catalogue(settings, pool)?;
    match verb {
        Verb::List => list::run(&catalogue, output).await?,
        Verb::Add(args) => add(args, settings, &catalogue, output).await?,
        Verb::Update(args) => update(args, &catalogue, output).await?,
        Verb::Enable(NameArgs { name }) => {
            let changed = catalogue.enable(name).await.map_err(failed)?;
            output.line(if changed {
                format!("{name} is enabled")
            } else {
                format!("{name} was enabled already")
            })?;
            output.document(&json!({ "name": name, "enabled": true, "changed": changed }))?;
        }
        Verb::Disable(NameArgs { name }) => {
            let changed = catalogue.disable(name).await.map_err(failed)?;
            output.line(if changed {
                format!("{name} is disabled")
            } else {
                format!("{name} was disabled already")
            })?;
            output.document(&json!({ "name": name, "enabled": false, "changed": changed }))?;
        }
        Verb::Rotate(args) => rotate(args, &catalogue, output).await?,
        Verb::Remove(NameArgs { name }) => {
            let skipped = catalogue.remove(name).await.map_err(failed)?;
            output.line(format!("{name} is forgotten; {skipped} events that waited for it are not sent"))?;
            output.document(&json!({ "name": name, "removed": true, "skipped": skipped }))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn add(
    args: &AddArgs,
    settings: &Settings,
    catalogue: &Catalogue,
    output: Output,
) -> Result<(), Failure> {
    let url = read_secret(&args.url_file)?;
    let secret = args.secret_file.as_deref().map(read_secret).transpose()?;
    let kind = Kind::from(args.kind);
    let manner = args.manner.over(Catalogue::manner(&settings.zapier.hook, kind))?;
    let made = catalogue.add(&args.name, kind, &url, secret.as_ref(), &manner).await.map_err(failed)?;
    output.line(format!("{} is made and enabled", args.name))?;
    let shown = show(output, made.secret.as_ref())?;
    output.document(&json!({ "id": made.id, "name": args.name, "secret": shown }))?;
    Ok(())
}

async fn update(args: &UpdateArgs, catalogue: &Catalogue, output: Output) -> Result<(), Failure> {
    let hook = catalogue.find(&args.name).await.map_err(failed)?;
    let change = Change {
        url: args.url_file.as_deref().map(read_secret).transpose()?,
        kind: args.kind.map(Kind::from),
        manner: Some(args.manner.over(hook.manner)?),
    };
    catalogue.update(&args.name, &change).await.map_err(failed)?;
    output.line(format!("{} is changed", args.name))?;
    output.document(&json!({ "name": args.name, "changed": true }))?;
    Ok(())
}

async fn rotate(args: &RotateArgs, catalogue: &Catalogue, output: Output) -> Result<(), Failure> {
    let secret = args.secret_file.as_deref().map(read_secret).transpose()?;
    let keep = Duration::hours(args.keep_hours.into());
    let rotated = catalogue.rotate(&args.name, secret.as_ref(), keep).await.map_err(failed)?;
    let until = rotated.older_until.and_then(|until| until.format(&Rfc3339).ok());
    output.line(match &until {
        Some(until) => format!("{} has a new secret; the old one signs too until {until}", args.name),
        None => format!("{} has a new secret, and signs with nothing else", args.name),
    })?;
    let shown = show(output, rotated.secret.as_ref())?;
    output.document(&json!({ "name": args.name, "secret": shown, "older_until": until }))?;
    Ok(())
}

/// The one time that a secret is shown.
fn show(output: Output, secret: Option<&Secret>) -> anyhow::Result<Option<String>> {
    if let Some(secret) = secret {
        output.line(format!("its secret, which is not shown again: {}", secret.expose()))?;
    }
    Ok(secret.map(|secret| secret.expose().to_owned()))
}
