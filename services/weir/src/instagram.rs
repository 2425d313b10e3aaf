//! `weir instagram`: which accounts' webhooks we are subscribed to.

mod check;
mod list;

use std::{io::Read as _, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context as _;
use config::{Secret, Settings};
use graph_api::{Field, GraphApi};
use seal::Keyring;
use serde_json::json;
use subscriptions::{Error, Subscriptions};
use time::OffsetDateTime;

use crate::{
    context::{Context, database},
    failure::Failure,
};

const WAIT: Duration = Duration::from_secs(5);

const SUBSCRIBE_EXAMPLES: &str = "\
Examples:
  weir instagram subscribe 17841400000000001 --fields comments,messages --token-file token.txt
  pass show instagram/acme | weir instagram subscribe 17841400000000001 --fields comments --token-file -
  weir instagram subscribe 17841400000000001 --fields comments,messages,message_reactions     change the fields";

const UNSUBSCRIBE_EXAMPLES: &str = "\
Examples:
  weir instagram unsubscribe 17841400000000001
  weir instagram unsubscribe 17841400000000001 --forget     its token is dead, so Meta cannot be told";

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    /// Subscribe an account to webhook fields, or change its fields or its token.
    #[command(after_help = SUBSCRIBE_EXAMPLES)]
    Subscribe(SubscribeArgs),
    /// List the accounts.
    #[command(after_help = list::EXAMPLES)]
    List,
    /// Unsubscribe an account and forget its token.
    #[command(after_help = UNSUBSCRIBE_EXAMPLES)]
    Unsubscribe(UnsubscribeArgs),
    /// Check every account, subscribe those again that have been silent, and seal tokens with the newest key.
    #[command(after_help = check::EXAMPLES)]
    Check(check::Args),
}

#[derive(Debug, clap::Args)]
pub(crate) struct SubscribeArgs {
    /// Id of the professional account, as webhooks carry it.
    account: String,
    /// All fields that it shall be subscribed to, in Meta's names or the older ones.
    #[arg(long, required = true, value_delimiter = ',', value_name = "FIELD,..")]
    fields: Vec<Field>,
    /// File with the account's access token, `-` for standard input. Not needed when the token is already kept.
    // No option takes the token itself: it would stand in the process list and in the shell's history.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct UnsubscribeArgs {
    /// Id of the professional account.
    account: String,
    /// Forget it even if Meta cannot be told.
    #[arg(long)]
    forget: bool,
}

pub(crate) async fn run(verb: &Verb, context: &Context) -> Result<ExitCode, Failure> {
    let settings = context.settings()?;
    match verb {
        Verb::Subscribe(args) => subscribe(args, &settings, context).await,
        Verb::List => list::run(&settings, context).await,
        Verb::Unsubscribe(args) => unsubscribe(args, &settings, context).await,
        Verb::Check(args) => check::run(args, &settings, context).await,
    }
}

async fn subscribe(
    args: &SubscribeArgs,
    settings: &Settings,
    context: &Context,
) -> Result<ExitCode, Failure> {
    let token = args.token_file.as_ref().map(token).transpose()?;
    let subscriptions = open(settings).await?;
    let now = OffsetDateTime::now_utc();
    subscriptions.subscribe(&args.account, &args.fields, token.as_ref(), now).await.map_err(failed)?;
    let fields: Vec<_> = args.fields.iter().map(Field::as_str).collect();
    context.output.line(format!("{} is subscribed to {}", args.account, fields.join(", ")))?;
    context.output.document(&json!({ "account_id": args.account, "fields": fields, "status": "active" }))?;
    Ok(ExitCode::SUCCESS)
}

async fn unsubscribe(
    args: &UnsubscribeArgs,
    settings: &Settings,
    context: &Context,
) -> Result<ExitCode, Failure> {
    let subscriptions = open(settings).await?;
    let now = OffsetDateTime::now_utc();
    subscriptions.unsubscribe(&args.account, args.forget, now).await.map_err(|error| {
        let is_dead = matches!(error, Error::Graph(graph_api::Error::TokenDead { .. }) | Error::Token(_));
        let failure = failed(error);
        if is_dead {
            failure.hint("with --forget it is forgotten here, without telling Meta")
        } else {
            failure
        }
    })?;
    context.output.line(format!("{} is unsubscribed, and its token forgotten", args.account))?;
    context.output.document(&json!({ "account_id": args.account, "removed": true }))?;
    Ok(ExitCode::SUCCESS)
}

/// Reads a token from a file, or from standard input.
fn token(file: &PathBuf) -> Result<Secret, Failure> {
    let text = if file.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text).context("cannot read standard input")
    } else {
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
    };
    let text = text.map_err(Failure::usage)?;
    let token = text.trim();
    if token.is_empty() || token.contains(char::is_whitespace) {
        return Err(Failure::usage(anyhow::anyhow!("expected one access token, without spaces")));
    }
    Ok(Secret::from(token))
}

async fn open(settings: &Settings) -> Result<Subscriptions, Failure> {
    let graph = GraphApi::new(&settings.instagram.graph, &settings.outbound).map_err(Failure::usage)?;
    let keys = Keyring::new(&settings.seal).map_err(Failure::usage)?;
    Ok(Subscriptions::new(graph, keys, database(settings, WAIT).await?))
}

fn failed(error: Error) -> Failure {
    match &error {
        Error::NoToken => Failure::usage(error).hint("give it with --token-file, `-` for standard input"),
        Error::Graph(graph_api::Error::Account) => Failure::usage(error),
        Error::Graph(graph) if graph.may_pass() => Failure::away(error),
        Error::Graph(graph_api::Error::TokenDead { .. }) => Failure::from(anyhow::Error::from(error))
            .hint("get a new token and subscribe the account with it"),
        Error::Unknown => {
            Failure::from(anyhow::Error::from(error)).hint("`weir instagram list` shows the accounts")
        }
        Error::Token(_) => Failure::from(anyhow::Error::from(error))
            .hint("put the key that it was sealed with back into seal.keys, behind the newer one"),
        Error::Busy | Error::Graph(_) | Error::Database(_) => Failure::from(anyhow::Error::from(error)),
    }
}
