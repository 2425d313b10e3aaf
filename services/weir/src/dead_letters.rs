//! `weir dead-letters`: what was given up.

mod discard;
mod export;
mod filter;
mod groups;
mod list;
mod show;

use std::{process::ExitCode, time::Duration};

use anyhow::anyhow;
use sqlx::PgConnection;
use store::replays;
use uuid::Uuid;

use crate::{
    context::{Context, database},
    failure::Failure,
    replay::letters,
};

const WAIT: Duration = Duration::from_secs(5);

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    /// List dead letters, newest first.
    #[command(after_help = list::EXAMPLES)]
    List(list::Args),
    /// Show one dead letter with its body and headers.
    #[command(after_help = show::EXAMPLES)]
    Show(show::Args),
    /// Count failures that are the same but for ids and numbers.
    #[command(after_help = groups::EXAMPLES)]
    Groups(groups::Args),
    /// Publish dead letters again, each for the consumer that gave it up.
    #[command(after_help = letters::EXAMPLES)]
    Replay(letters::Args),
    /// Decide that dead letters are not needed. They are kept until retention removes them.
    #[command(after_help = discard::EXAMPLES)]
    Discard(discard::Args),
    /// Write dead letters to standard output, one JSON document a line, oldest first.
    #[command(after_help = export::EXAMPLES)]
    Export(export::Args),
}

pub(crate) async fn run(verb: &Verb, context: &Context) -> Result<ExitCode, Failure> {
    if let Verb::Replay(args) = verb {
        return letters::run(args, context).await;
    }
    let pool = database(&context.settings()?, WAIT).await?;
    let mut connection = pool.acquire().await.map_err(unreadable)?;
    match verb {
        Verb::List(args) => list::run(args, &mut connection, context.output).await,
        Verb::Show(args) => show::run(args, &mut connection, context.output).await,
        Verb::Groups(args) => groups::run(args, &mut connection, context.output).await,
        Verb::Discard(args) => discard::run(args, &mut connection, context.output).await,
        Verb::Export(args) => export::run(args, &mut connection, context.output).await,
        Verb::Replay(_) => Ok(ExitCode::SUCCESS),
    }
}

/// The dead letters with these ids: their own, or their events'.
async fn named(ids: &[Uuid], connection: &mut PgConnection) -> Result<Vec<Uuid>, Failure> {
    let named = replays::letters_named(connection, ids).await.map_err(unreadable)?;
    if let Some(id) = ids.iter().find(|id| named.iter().all(|(name, _)| name != *id)) {
        let failure = Failure::from(anyhow!("there is no dead letter {id}, and none of an event of that id"));
        return Err(failure.hint("`weir dead-letters list` shows the ids"));
    }
    Ok(named.into_iter().map(|(_, id)| id).collect())
}

fn unreadable(error: sqlx::Error) -> Failure {
    const UNDEFINED_TABLE: &str = "42P01";
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    let undefined = code.is_some_and(|code| code == UNDEFINED_TABLE);
    let failure = Failure::from(anyhow::Error::from(error).context("cannot read the dead letters"));
    if undefined { failure.hint("run `weir migrate`") } else { failure }
}
