//! `weir-simulators serve`.

use std::{io::Write as _, net::SocketAddr, time::Duration};

use anyhow::Context as _;
use serde_json::json;
use simulators::{brightdata::BrightDataApi, meta::GraphApi};

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
    let addresses = json!({ "graph_url": graph.url(), "brightdata_url": brightdata.url() });
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{addresses}")?;
    stdout.flush()?;
    graph.forever().await;
    Ok(())
}
