//! `weir-simulators traffic`.

use anyhow::{Context as _, ensure};
use simulators::{
    Reply,
    brightdata::{self, Authorization, DATASETS, Delivery, Form},
    meta, usage,
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// The account that the events are about.
const ACCOUNT: &str = "17841400000000001";
/// Records of each dataset.
const RECORDS: usize = 5;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The edge, such as `http://127.0.0.1:8000`.
    #[arg(long, value_name = "URL")]
    edge: String,
    /// App secret that signs Instagram's events; absent: none are sent.
    #[arg(long, env = "SIMULATED_APP_SECRET", hide_env_values = true)]
    app_secret: Option<String>,
    /// Token that Bright Data's deliveries carry; absent: none are sent.
    #[arg(long, env = "SIMULATED_BRIGHTDATA_TOKEN", hide_env_values = true)]
    brightdata_token: Option<String>,
    /// Token that usage reports carry; absent: none are sent.
    #[arg(long, env = "SIMULATED_USAGE_TOKEN", hide_env_values = true)]
    usage_token: Option<String>,
    /// Contact2Sale's simulated API, where leads are made that can be enriched; absent: none are made.
    #[arg(long, value_name = "URL", requires = "token")]
    c2s: Option<String>,
    /// Its token.
    #[arg(long, env = "SIMULATED_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

pub(crate) async fn run(args: &Args) -> anyhow::Result<()> {
    let edge = args.edge.trim_end_matches('/');
    let now = OffsetDateTime::now_utc();
    if let Some(secret) = &args.app_secret {
        instagram(edge, secret, now).await?;
    }
    if let Some(token) = &args.brightdata_token {
        brightdata(edge, token, now).await?;
    }
    if let Some(token) = &args.usage_token {
        usage(edge, token, now).await?;
    }
    if let (Some(api), Some(token)) = (&args.c2s, &args.token) {
        leads(api.trim_end_matches('/'), token).await?;
    }
    Ok(())
}

/// One lead whose phone is known, and one whose is not; Contact2Sale tells the edge of them.
async fn leads(api: &str, token: &str) -> anyhow::Result<()> {
    for (name, phone) in [("João Exemplo", "+55 11 98765-4321"), ("Ninguém Exemplo", "+55 11 90000-0000")] {
        let reply = simulators::c2s::make_lead(api, token, name, phone).await?;
        accepted("lead", &reply)?;
    }
    Ok(())
}

async fn usage(edge: &str, token: &str, now: OffsetDateTime) -> anyhow::Result<()> {
    let sender = usage::Sender::new(&format!("{edge}/api/webhook/usage"), token)?;
    for report in usage::catalogue(&format!("sim{}", now.unix_timestamp())) {
        accepted("usage", &sender.deliver(&report, None).await?)?;
    }
    Ok(())
}

async fn instagram(edge: &str, secret: &str, now: OffsetDateTime) -> anyhow::Result<()> {
    let sender = meta::Sender::new(&format!("{edge}/api/webhooks/instagram"), secret)?;
    let prefix = format!("sim{}", now.unix_timestamp());
    for sample in meta::catalogue(ACCOUNT, &prefix, now) {
        accepted(sample.name, &sender.deliver(&sample.body).await?)?;
    }
    Ok(())
}

async fn brightdata(edge: &str, token: &str, now: OffsetDateTime) -> anyhow::Result<()> {
    let sender = brightdata::Sender::new(Authorization::Bearer(token.to_owned()))?;
    let timestamp = now.format(&Rfc3339).context("the time of now has a form")?;
    for (dataset, number) in DATASETS.iter().zip(0..) {
        let (platform, kind) = (dataset.platform, dataset.kind);
        let snapshot_id = format!("s_sim{}x{number}", now.unix_timestamp());
        let mut records = brightdata::records(dataset, RECORDS, &timestamp);
        records.push(brightdata::error_record("https://example.com/gone", &timestamp));
        let mut delivery = Delivery::new(&snapshot_id, records);
        delivery.form = if number % 2 == 0 { Form::Array } else { Form::Ndjson };
        delivery.gzip = number % 3 != 0;
        let endpoint = format!("{edge}/api/brightdata/webhook/?platform={platform}&kind={kind}");
        accepted(dataset.id, &sender.deliver(&endpoint, &delivery).await?)?;
        let endpoint = format!("{edge}/api/brightdata/notify/");
        accepted(dataset.id, &sender.notify(&endpoint, &snapshot_id, "ready").await?)?;
    }
    Ok(())
}

fn accepted(what: &str, reply: &Reply) -> anyhow::Result<()> {
    ensure!(reply.is_success(), "{what}: {} {}", reply.status, reply.body);
    Ok(())
}
