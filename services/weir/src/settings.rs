//! `weir config`: is it valid, what is in effect, and what there is.

use std::process::ExitCode;

use config::{Key, NOT_SETTINGS, OLD_NAMES, Origin, Role};
use serde_json::{Value, json};

use crate::{context::Context, failure::Failure, output::Output};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    /// Check the configuration: every problem at once, and which services could start with it.
    #[command(
        after_help = "Examples:\n  weir config check\n  weir config check --role edge      fail unless the edge could start"
    )]
    Check {
        /// Fail unless this service could start.
        #[arg(long)]
        role: Option<Role>,
    },
    /// Show every setting in effect, secrets hidden, and where its value comes from.
    #[command(
        after_help = "Examples:\n  weir config show\n  weir config show --changed --role edge\n  weir config show --json"
    )]
    Show {
        /// Only what differs from the defaults.
        #[arg(long)]
        changed: bool,
        /// As this service would see it: some old names mean something to one service only.
        #[arg(long, default_value_t = Role::Operator)]
        role: Role,
    },
    /// Print the JSON Schema of the configuration file.
    #[command(after_help = "Examples:\n  weir config schema > schemas/weir-config.schema.json")]
    Schema,
    /// List every setting with its environment variable, and the older systems' names.
    #[command(after_help = "Examples:\n  weir config names\n  weir config names --json")]
    Names,
    /// Print the commented defaults, to begin a weir.toml with.
    #[command(after_help = "Examples:\n  weir config default > weir.toml")]
    Default,
}

pub(crate) fn run(verb: &Verb, context: &Context) -> Result<ExitCode, Failure> {
    match verb {
        Verb::Check { role } => check(*role, context),
        Verb::Show { changed, role } => show(*changed, *role, context),
        Verb::Schema => {
            context.output.bytes(format!("{:#}\n", config::schema()).as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
        Verb::Names => names(context.output),
        Verb::Default => {
            context.output.bytes(config::DEFAULTS.as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn check(role: Option<Role>, context: &Context) -> Result<ExitCode, Failure> {
    let output = context.output;
    // What is wrong for everybody is told once; the rest is about one service each.
    let settings = context.settings()?;
    let mut services = Vec::new();
    for service in Role::ALL.into_iter().filter(|service| *service != Role::Operator) {
        let problems: Vec<_> = match context.settings_of(service) {
            Ok(_) => Vec::new(),
            Err(error) => error.problems().iter().map(ToString::to_string).collect(),
        };
        services.push((service, problems));
    }
    output.line("the configuration is valid")?;
    output.table(
        ["SERVICE", "COULD START", "WHY NOT"],
        services.iter().map(|(service, problems)| {
            let could = if problems.is_empty() { "yes" } else { "no" };
            [service.to_string(), could.to_owned(), problems.join("\n")]
        }),
    )?;
    // For machines a failure is the document, so it comes before the other one.
    role.map_or(Ok(()), |role| context.settings_of(role).map(drop))?;
    let document =
        |(service, problems): &(Role, Vec<String>)| (service.to_string(), json!({ "problems": problems }));
    output.document(&json!({
        "valid": true,
        "notices": settings.notices(),
        "services": services.iter().map(document).collect::<serde_json::Map<_, _>>(),
    }))?;
    Ok(ExitCode::SUCCESS)
}

fn show(changed: bool, role: Role, context: &Context) -> Result<ExitCode, Failure> {
    let settings = context.settings_of(role)?;
    for notice in settings.notices() {
        context.output.note(notice);
    }
    let mut entries = settings.entries();
    entries.retain(|entry| !changed || entry.origin != Origin::Default);
    context.output.table(
        ["SETTING", "VALUE", "FROM"],
        entries.iter().map(|entry| [entry.key.clone(), plain(&entry.value), entry.origin.to_string()]),
    )?;
    context.output.document(&entries)?;
    Ok(ExitCode::SUCCESS)
}

fn names(output: Output) -> Result<ExitCode, Failure> {
    let default = |key: &Key| key.default.as_ref().map_or_else(|| "-".to_owned(), plain);
    output.line("Settings. In a file: [section] and key; in the environment: the variable.\n")?;
    output.table(
        ["SETTING", "VARIABLE", "DEFAULT"],
        config::keys().iter().map(|key| {
            let or_file = if key.secret { "[_FILE]" } else { "" };
            [key.path.clone(), format!("{}{or_file}", key.variable), default(key)]
        }),
    )?;
    output.line("\nFallbacks: names of the older systems and names in common use. The names above win.\n")?;
    output.table(
        ["VARIABLE", "READ BY", "STANDS FOR", "MEANING"],
        OLD_NAMES.iter().map(|old| {
            [
                old.name.to_owned(),
                readers(old.roles),
                old.path.unwrap_or("-").to_owned(),
                old.meaning.to_owned(),
            ]
        }),
    )?;
    output.line("\nVariables that are no settings.\n")?;
    output.table(
        ["VARIABLE", "MEANING"],
        NOT_SETTINGS.iter().map(|(name, meaning)| [*name, *meaning].map(str::to_owned)),
    )?;
    let setting = |key: &Key| {
        json!({
            "key": key.path, "variable": key.variable, "secret": key.secret, "default": key.default,
            "expected": key.kind.expected(), "description": key.description,
        })
    };
    let old = |old: &config::OldName| {
        let roles: Vec<_> = old.roles.iter().map(ToString::to_string).collect();
        json!({ "name": old.name, "roles": roles, "key": old.path, "meaning": old.meaning })
    };
    output.document(&json!({
        "settings": config::keys().iter().map(setting).collect::<Vec<_>>(),
        "old_names": OLD_NAMES.iter().map(old).collect::<Vec<_>>(),
        "not_settings": NOT_SETTINGS.iter().map(|(name, meaning)| json!({ "name": name, "meaning": meaning })).collect::<Vec<_>>(),
    }))?;
    Ok(ExitCode::SUCCESS)
}

fn readers(roles: &[Role]) -> String {
    match roles.len() {
        0 => "a later service".to_owned(),
        all if all == Role::ALL.len() => "all".to_owned(),
        _ => roles.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    }
}

/// A value as one writes it in the environment.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
