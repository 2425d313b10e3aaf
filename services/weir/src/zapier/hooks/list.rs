//! `weir zapier hooks list`.

use ::hooks::{Catalogue, Hook};
use seal::key_id;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use super::super::failed;
use crate::{failure::Failure, output::Output};

pub(super) const EXAMPLES: &str = "\
Examples:
  weir zapier hooks list
  weir zapier hooks list --json | jq '.[] | select(.enabled | not)'";

pub(super) async fn run(catalogue: &Catalogue, output: Output) -> Result<(), Failure> {
    let hooks = catalogue.list().await.map_err(failed)?;
    output.table(
        ["NAME", "KIND", "HOST", "STATE", "WANTS", "FORM", "RATE", "ATTEMPTS", "SIGNED", "KEY"],
        hooks.iter().map(row),
    )?;
    if hooks.is_empty() {
        output.line("there are no hooks: `weir zapier hooks add`, or zapier.hook in the settings")?;
    }
    output.document(&hooks.iter().map(document).collect::<Vec<_>>())?;
    Ok(())
}

fn row(hook: &Hook) -> [String; 10] {
    let manner = &hook.manner;
    let signed = match (&hook.secret_sealed, &hook.older_secret_sealed) {
        (None, _) => "no",
        (Some(_), None) => "yes",
        (Some(_), Some(_)) => "with two secrets",
    };
    [
        hook.name.clone(),
        hook.kind.to_string(),
        hook.host.clone(),
        hook.disabled.map_or_else(|| "enabled".to_owned(), |reason| format!("disabled: {reason}")),
        manner.event_filter.join(", "),
        manner.body_form.clone(),
        format!(
            "{} in {} s, {} at once",
            manner.rate_count,
            manner.rate_window_ms / 1_000,
            manner.rate_burst
        ),
        manner.attempts_max.to_string(),
        signed.to_owned(),
        key_id(&hook.url_sealed).unwrap_or("-").to_owned(),
    ]
}

/// Everything but the URL and the secrets.
fn document(hook: &Hook) -> Value {
    let at =
        |instant: Option<time::OffsetDateTime>| instant.and_then(|instant| instant.format(&Rfc3339).ok());
    json!({
        "id": hook.id,
        "name": hook.name,
        "kind": hook.kind,
        "host": hook.host,
        "enabled": hook.disabled.is_none(),
        "disabled_reason": hook.disabled,
        "disabled_at": at(hook.disabled_at),
        "manner": hook.manner,
        "signed": hook.secret_sealed.is_some(),
        "older_secret_until": at(hook.older_secret_until),
        "key_id": key_id(&hook.url_sealed),
        "validated_at": at(hook.validated_at),
        "made_by_settings": hook.is_seeded,
        "created_at": at(Some(hook.created_at)),
        "updated_at": at(Some(hook.updated_at)),
    })
}
