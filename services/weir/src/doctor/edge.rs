//! The edge: does it answer, and what does it say of itself?

use config::Settings;
use serde_json::Value;

use crate::{
    delivery::{client, edge_url},
    doctor::finding::Findings,
};

pub(crate) async fn examine(settings: &Settings, url: Option<&str>) -> Findings {
    let mut findings = Findings::about("edge");
    let base = url.filter(|url| !url.is_empty()).map_or_else(|| edge_url(settings), str::to_owned);
    let shown = config::redact_userinfo(&base);
    let asked = async {
        let response = client()?.get(format!("{}/health", base.trim_end_matches('/'))).send().await?;
        anyhow::Ok((response.status(), response.json::<Value>().await.unwrap_or_default()))
    };
    match asked.await {
        Err(error) => {
            let reason = error.root_cause();
            findings.warning(
                format!("no answer from {shown}/health: {reason}"),
                "is the edge running there? Give its address with --edge or WEIR_EDGE_URL",
            );
        }
        Ok((status, report)) => {
            let word = report.get("status").and_then(Value::as_str).unwrap_or("unknown");
            let parts: Vec<_> = report
                .as_object()
                .into_iter()
                .flatten()
                .filter_map(|(name, value)| Some(format!("{name} {}", value.as_str()?)))
                .collect();
            let text = format!("{shown}/health answers {}: {}", status.as_u16(), parts.join(", "));
            match (status.is_success(), word) {
                (true, "healthy") => findings.ok(text),
                (true, _) => {
                    findings.warning(text, "deliveries are accepted; look at what is not as it should be");
                }
                (false, _) => {
                    findings.error(text, "deliveries are refused with 503: look at the broker's findings");
                }
            }
        }
    }
    findings
}
