//! `weir zapier health` and `weir zapier metrics`: the older client's documents.

use std::process::ExitCode;

use ::hooks::health::Health;
use serde_json::{Value, json};
use sqlx::PgPool;
use time::format_description::well_known::Rfc3339;

use super::{percent, read};
use crate::{
    failure::{Failure, WRONG},
    output::Output,
};

pub(super) const HEALTH_EXAMPLES: &str = "\
Examples:
  weir zapier health
  weir zapier health --json | jq .alerts.active_alerts";

pub(super) const METRICS_EXAMPLES: &str = "\
Examples:
  weir zapier metrics
  weir zapier metrics --json | jq '.analytics.sessions'";

pub(super) async fn health(pool: &PgPool, output: Output) -> Result<ExitCode, Failure> {
    let health = read(pool).await?;
    let counts = health.counts();
    output.line(format!("Status:        {}", health.status()))?;
    output.line(format!("Success rate:  {} (last hour)", percent(health.hour.success_rate())))?;
    output.line(format!("Active alerts: {}", counts.total))?;
    for alert in &health.alerts {
        output.line(format!("{}: {}", alert.level.as_str().to_uppercase(), alert.message))?;
    }
    let enabled = health.hooks.iter().any(|hook| hook.disabled.is_none());
    // Never more of a URL than its host: the rest is the only credential.
    let url = health.hooks.first().map(|hook| format!("{}/[redacted]", hook.host));
    output.document(&json!({
        "webhook_integration": {
            "enabled": enabled,
            "webhook_url": url,
            "endpoint_validated": health.hooks.iter().any(|hook| hook.is_validated),
        },
        "health": {
            "status": health.status(),
            "success_rate": health.total.success_rate(),
            "total_webhooks": health.total.attempts,
            "active_alerts": { "critical": counts.critical, "warning": counts.warning, "total": counts.total },
            "last_updated": health.at.format(&Rfc3339).ok(),
        },
        "metrics": numbers(&health),
        "alerts": { "active_alerts": health.alerts, "alert_counts": counts },
        "session_stats": health.sessions,
        "hooks": health.hooks,
    }))?;
    Ok(if counts.critical == 0 { ExitCode::SUCCESS } else { ExitCode::from(WRONG) })
}

pub(super) async fn metrics(pool: &PgPool, output: Output) -> Result<ExitCode, Failure> {
    let health = read(pool).await?;
    let (total, week) = (&health.total, &health.week);
    let average =
        total.avg_response_time_ms.map_or_else(|| "-".to_owned(), |millis| format!("{millis:.0} ms"));
    output.line(format!("Total webhooks:       {}", total.attempts))?;
    output.line(format!("Success rate:         {}", percent(total.success_rate())))?;
    output.line(format!("Avg response time:    {average}"))?;
    output.line(format!("Perhaps sent twice:   {} (no answer, and tried again)", total.unanswered))?;
    output.line(format!("Waiting:              {}", health.pending()))?;
    output.line(format!("Dead letters:         {}", health.dead_letters))?;
    output.line(format!("Sessions (7 days):    {}", health.sessions.total))?;
    output.line(format!("Queries (7 days):     {}", health.sessions.total_queries))?;
    output.line(format!("Webhook success rate: {} (7 days)", percent(week.success_rate())))?;
    let mut document = numbers(&health);
    if let Value::Object(members) = &mut document {
        members.insert("total_sent".to_owned(), json!(total.attempts));
        members.insert("success_rate".to_owned(), json!(total.success_rate()));
        members.insert("avg_response_time_ms".to_owned(), json!(total.avg_response_time_ms));
        members.insert("analytics".to_owned(), analytics(&health));
    }
    output.document(&document)?;
    Ok(ExitCode::SUCCESS)
}

fn numbers(health: &Health) -> Value {
    let total = &health.total;
    json!({
        "counters": {
            "attempts": total.attempts,
            "delivered": total.delivered,
            "throttled": total.throttled,
            "dead": total.dead,
            "unanswered": total.unanswered,
        },
        "gauges": { "pending": health.pending(), "dead_letters": health.dead_letters },
        "response_times": {
            "avg_5min_ms": health.five_minutes.avg_response_time_ms,
            "avg_1hour_ms": health.hour.avg_response_time_ms,
            "avg_24hour_ms": health.day.avg_response_time_ms,
        },
        "success_rate_5min": health.five_minutes.success_rate(),
        "success_rate_1hour": health.hour.success_rate(),
        "success_rate_24hour": health.day.success_rate(),
    })
}

fn analytics(health: &Health) -> Value {
    let week = &health.week;
    json!({
        "period": "last_7_days",
        "sessions": health.sessions,
        "webhooks": {
            "total_deliveries": week.delivered + week.dead,
            "successful_deliveries": week.delivered,
            "success_rate": week.success_rate(),
            "avg_retries_success": week.avg_retries_success,
            "avg_retries_failure": week.avg_retries_failure,
        },
    })
}
