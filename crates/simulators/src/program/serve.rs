//! `weir-simulators serve`.

use std::{io::Write as _, net::SocketAddr, time::Duration};

use anyhow::Context as _;
use serde_json::json;
use simulators::{
    brightdata::BrightDataApi, c2s::C2sApi, diretrix::Diretrix, meta::GraphApi, work::WorkApi,
    zapier::CatchHook,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Address of the Graph API.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    graph_listen: SocketAddr,
    /// Address of Bright Data's API.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    brightdata_listen: SocketAddr,
    /// App secret that calls to the Graph API must be proved with.
    #[arg(long, env = "SIMULATED_APP_SECRET", hide_env_values = true)]
    app_secret: Option<String>,
    /// API key that Bright Data's API accepts.
    #[arg(long, env = "SIMULATED_BRIGHTDATA_KEY", hide_env_values = true, default_value = "simulated-key")]
    brightdata_key: String,
    /// Address of Contact2Sale's API.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    c2s_listen: SocketAddr,
    /// Address of the Work API.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    work_listen: SocketAddr,
    /// Address of Diretrix.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    diretrix_listen: SocketAddr,
    /// Token that Contact2Sale's API and the Work API accept, and password of the user `weir` at Diretrix.
    #[arg(long, env = "SIMULATED_TOKEN", hide_env_values = true, default_value = "simulated-token")]
    token: String,
    /// URL that Contact2Sale sends its webhooks to, secret included; without it none are sent until somebody
    /// subscribes. A lead is made with `POST /integration/leads` and `{"name", "phone", "email"}`.
    #[arg(long, env = "SIMULATED_C2S_HOOK", hide_env_values = true, value_name = "URL")]
    c2s_hook: Option<String>,
    /// Calls a minute that Contact2Sale's API answers; above it 429.
    #[arg(long, default_value_t = 10)]
    c2s_rate_per_minute: usize,
    /// Address of Zapier's Catch Hook.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    zapier_listen: SocketAddr,
    /// Seconds after which a job is ready and delivered.
    #[arg(long, default_value_t = 3)]
    job_seconds: u64,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let graph = GraphApi::default();
    if let Some(secret) = &args.app_secret {
        graph.require_proof(secret);
    }
    let mut brightdata = BrightDataApi::new(&args.brightdata_key);
    brightdata.finish_after = Some(Duration::from_secs(args.job_seconds));
    // Jobs are ready when their time has come, however often they are asked for.
    brightdata.polls = u32::MAX;
    let graph = graph.start_on(args.graph_listen).await.context("cannot serve the Graph API")?;
    let brightdata =
        brightdata.start_on(args.brightdata_listen).await.context("cannot serve Bright Data's API")?;
    let c2s = C2sApi::new(&args.token);
    c2s.limit(args.c2s_rate_per_minute, Duration::from_mins(1), true);
    if let Some(url) = &args.c2s_hook {
        c2s.send_webhooks_to(url);
    }
    let c2s = c2s.start_on(args.c2s_listen).await.context("cannot serve Contact2Sale's API")?;
    let work = WorkApi::new(&args.token).start_on(args.work_listen).await;
    let work = work.context("cannot serve the Work API")?;
    let diretrix = Diretrix::new("weir", &args.token).start_on(args.diretrix_listen).await;
    let diretrix = diretrix.context("cannot serve Diretrix")?;
    let zapier = CatchHook::default().start_on(args.zapier_listen).await;
    let zapier = zapier.context("cannot serve Zapier's Catch Hook")?;
    let addresses = json!({
        "graph_url": graph.url(),
        "brightdata_url": brightdata.url(),
        "c2s_url": format!("{}/integration", c2s.url()),
        "work_url": format!("{}/api", work.url()),
        "diretrix_url": diretrix.url(),
        "zapier_url": CatchHook::url(&zapier),
    });
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{addresses}")?;
    stdout.flush()?;
    graph.forever().await;
    Ok(())
}
