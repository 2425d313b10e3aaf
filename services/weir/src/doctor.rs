//! `weir doctor`: looks at the broker, the database and the edge, and says what to do about what it finds.
//!
//! It changes nothing. What it cannot see it says.

mod broker;
mod clock;
mod database;
mod edge;
mod finding;

use std::{process::ExitCode, time::Duration};

use serde_json::json;

use crate::{
    context::Context,
    failure::{Failure, WARNINGS, WRONG},
};
use finding::{Findings, Severity};

const EXAMPLES: &str = "\
Examples:
  weir doctor
  weir doctor --monitoring http://nats.internal:8222 --edge https://hooks.example.com
  weir doctor --json | jq '.findings[] | select(.severity == \"error\")'

Exit code: 0 when nothing is wrong, 4 for warnings only, 1 for errors.";

/// Look for what is wrong with the broker, the database and the edge, and advise.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Monitoring address of the NATS server [default: `nats.monitoring_url`, else port 8222 of the server].
    #[arg(long, value_name = "URL")]
    monitoring: Option<String>,
    /// Address of the edge [default: this machine, at `edge.listen`].
    #[arg(long, value_name = "URL", env = "WEIR_EDGE_URL", hide_env_values = true)]
    edge: Option<String>,
    /// How long to wait for each of them, seconds.
    #[arg(long, default_value_t = 5, value_name = "SECONDS")]
    wait: u64,
}

pub(crate) async fn run(args: &Args, context: &Context) -> Result<ExitCode, Failure> {
    let settings = context.settings()?;
    let wait = Duration::from_secs(args.wait);
    let (broker, database, edge) = futures::join!(
        broker::examine(&settings, args.monitoring.as_deref(), wait),
        database::examine(&settings, wait),
        edge::examine(&settings, args.edge.as_deref()),
    );
    let findings: Vec<_> = [broker, database, edge].into_iter().flat_map(Findings::into_vec).collect();

    let output = context.output;
    output.table(
        ["", "AREA", "FINDING"],
        findings.iter().map(|finding| {
            let advice = finding.advice.as_ref().map(|advice| format!("\n→ {advice}")).unwrap_or_default();
            [finding.severity.word().to_owned(), finding.area.to_owned(), format!("{}{advice}", finding.text)]
        }),
    )?;
    let worst = findings.iter().map(|finding| finding.severity).max().unwrap_or(Severity::Ok);
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    output.line(match worst {
        Severity::Ok | Severity::Info => "\nnothing is wrong".to_owned(),
        Severity::Warning | Severity::Error => format!("\nerrors: {errors}, warnings: {warnings}"),
    })?;
    output.document(&json!({ "worst": worst, "findings": findings }))?;
    Ok(match worst {
        Severity::Ok | Severity::Info => ExitCode::SUCCESS,
        Severity::Warning => ExitCode::from(WARNINGS),
        Severity::Error => ExitCode::from(WRONG),
    })
}
