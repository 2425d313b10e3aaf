//! `weir dead-letters show`.

use std::process::ExitCode;

use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sqlx::PgConnection;
use store::dead_letters::{self, Stored};
use uuid::Uuid;

use super::{named, unreadable};
use crate::{
    failure::Failure,
    output::{Output, printable, size},
};

pub(super) const EXAMPLES: &str = "\
Examples:
  weir dead-letters show 0199a1c2-7b7e-7c3a-9e6e-0b1f6a3c9d10
  weir dead-letters show 0199a1c2-7b7e-7c3a-9e6e-0b1f6a3c9d10 --raw > body.json";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The dead letter's id, or its event's (ce-id).
    id: Uuid,
    /// Print the exact bytes of the body and nothing else.
    #[arg(long)]
    raw: bool,
}

pub(super) async fn run(
    args: &Args,
    connection: &mut PgConnection,
    output: Output,
) -> Result<ExitCode, Failure> {
    let mut found = Vec::new();
    for id in named(&[args.id], connection).await? {
        found.extend(dead_letters::find(connection, id).await.map_err(unreadable)?);
    }
    if args.raw {
        let body = found.iter().find_map(|stored| stored.body.as_deref()).context("its body is gone")?;
        output.bytes(body)?;
        return Ok(ExitCode::SUCCESS);
    }
    for (number, stored) in found.iter().enumerate() {
        if number > 0 {
            output.line("")?;
        }
        show(stored, output)?;
    }
    // An event that two consumers gave up has two.
    let documents = found.iter().map(document).collect::<Result<Vec<_>, _>>()?;
    match documents.as_slice() {
        [one] => output.document(one)?,
        several => output.document(&several)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn show(stored: &Stored, output: Output) -> Result<(), Failure> {
    let fields = serde_json::to_value(&stored.letter).context("a dead letter is plain data")?;
    for (name, value) in fields.as_object().into_iter().flatten() {
        let shown = match value {
            Value::Null => continue,
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        output.line(format!("{name:<16} {}", printable(&shown)))?;
    }
    output.line("\nheaders:")?;
    for (name, value) in stored.headers.iter().flatten() {
        output.line(format!("  {}: {}", printable(name), printable(value)))?;
    }
    match &stored.body {
        None => output.line("\nthe body was gone before it could be kept")?,
        Some(body) => {
            let pretty = serde_json::from_slice::<Value>(body).ok().map(|value| format!("{value:#}"));
            let text = pretty.unwrap_or_else(|| String::from_utf8_lossy(body).into_owned());
            output.line(format!("\nbody, {}:\n{}", size(body.len() as u64), printable(&text)))?;
        }
    }
    Ok(())
}

/// The dead letter as one document. The body is exact: text, or base64 where it is none.
pub(super) fn document(stored: &Stored) -> Result<Value, Failure> {
    let (text, base64) = match stored.body.as_deref().map(std::str::from_utf8) {
        None => (None, None),
        Some(Ok(text)) => (Some(text), None),
        Some(Err(_)) => (None, stored.body.as_deref().map(|body| STANDARD.encode(body))),
    };
    let mut document = serde_json::to_value(&stored.letter).context("a dead letter is plain data")?;
    if let Value::Object(members) = &mut document {
        members.insert("headers".to_owned(), json!(stored.headers));
        members.insert("body".to_owned(), json!(text));
        members.insert("body_base64".to_owned(), json!(base64));
    }
    Ok(document)
}
