//! `weir send brightdata`: deliveries and notifications as Bright Data makes them.

mod sample;

use std::{io::Write as _, process::ExitCode, time::Duration};

use anyhow::anyhow;
use config::{Secret, Settings};
use flate2::{Compression, write::GzEncoder};
use reqwest::{Client, Url};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Given, load::Load};
use crate::{
    context::Context,
    delivery::{Reply, client, endpoint},
    failure::Failure,
};
use sample::{Form, Sample};

pub(crate) const EXAMPLES: &str = "\
Examples:
  weir send brightdata                                       two posts, compressed
  weir send brightdata --sample tiktok-videos --form ndjson --plain
  weir send brightdata --records 100000                      a hundred thousand records in one delivery
  weir send brightdata --sample test                         what the older system sent to try its endpoint
  weir send brightdata --sample notify --status failed --snapshot s_m4x7enmven8djfqak
  weir send brightdata --file snapshot.json.gz --snapshot s_m4x7enmven8djfqak --platform instagram --kind posts
  weir send brightdata --count 100 --rate 10                 a hundred deliveries, 10 a second";

const DELIVERY_PATH: &str = "/api/brightdata/webhook/";
const NOTIFY_PATH: &str = "/api/brightdata/notify/";
/// How long Bright Data waits for an answer.
const TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What the records are, or a body without records.
    #[arg(long, value_name = "NAME", default_value = "instagram-posts", conflicts_with_all = ["file", "stdin"])]
    sample: Sample,
    /// Records in one delivery.
    #[arg(long, default_value_t = 2, value_name = "N", conflicts_with_all = ["file", "stdin"],
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    records: u32,
    /// How the records stand in the body.
    #[arg(long, value_name = "FORM", default_value = "array", conflicts_with_all = ["file", "stdin"])]
    form: Form,
    /// Do not compress; Bright Data does unless a job says otherwise. A file is always sent as it is.
    #[arg(long)]
    plain: bool,
    /// The job's id [default: a new one for each delivery].
    #[arg(long, value_name = "ID")]
    snapshot: Option<String>,
    /// Word of a notification.
    #[arg(long, value_name = "WORD", default_value = "ready")]
    status: String,
    /// Platform to name in the query [default: the sample's].
    #[arg(long, value_name = "WORD")]
    platform: Option<String>,
    /// Kind to name in the query [default: the sample's].
    #[arg(long, value_name = "WORD")]
    kind: Option<String>,
    #[command(flatten)]
    given: Given,
    /// Address of the edge, or the endpoint's whole URL [default: this machine, at `edge.listen`].
    #[arg(long, env = "WEIR_EDGE_URL", hide_env_values = true, value_name = "URL")]
    url: Option<String>,
    /// Token to send [default: the first of `edge.providers.brightdata.secrets`]. The shell's history and `ps` see it:
    /// prefer the setting.
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// Send the token without `Bearer`, as older jobs do.
    #[arg(long)]
    bare: bool,
    #[command(flatten)]
    load: Load,
}

struct Target<'a> {
    args: &'a Args,
    client: Client,
    endpoint: Url,
    token: Secret,
}

pub(crate) async fn run(args: &Args, context: &Context) -> Result<ExitCode, Failure> {
    let target = Target::new(args, &context.settings()?)?;
    let given = args.given.read()?;
    let post = || target.post(given.as_deref());
    args.load.run(&config::redact_userinfo(target.endpoint.as_str()), context.output, post).await
}

impl<'a> Target<'a> {
    fn new(args: &'a Args, settings: &Settings) -> Result<Self, Failure> {
        let own = settings.edge.providers.get("brightdata").and_then(|provider| provider.secrets.first());
        let token = args.token.as_deref().map(Secret::from).or_else(|| own.cloned()).ok_or_else(|| {
            Failure::usage(anyhow!("there is no token to send"))
                .hint("give --token, or set WEIR_EDGE__PROVIDERS__BRIGHTDATA__SECRETS (or BRIGHTDATA_WEBHOOK_TOKEN)")
        })?;
        let path = if args.sample == Sample::Notify { NOTIFY_PATH } else { DELIVERY_PATH };
        let mut endpoint = endpoint(args.url.as_deref(), settings, path)?;
        for (name, word) in [
            ("platform", args.platform.as_deref().or_else(|| args.sample.platform())),
            ("kind", args.kind.as_deref().or_else(|| args.sample.kind())),
        ] {
            if let Some(word) = word {
                endpoint.query_pairs_mut().append_pair(name, word);
            }
        }
        Ok(Self { args, client: client()?, endpoint, token })
    }

    async fn post(&self, given: Option<&[u8]>) -> anyhow::Result<Reply> {
        let snapshot =
            self.args.snapshot.clone().unwrap_or_else(|| format!("s_weir{}", Uuid::now_v7().simple()));
        let token = self.token.expose();
        let authorization = if self.args.bare { token.to_owned() } else { format!("Bearer {token}") };
        let mut request =
            self.client.post(self.endpoint.clone()).timeout(TIMEOUT).header("Authorization", authorization);
        if self.args.sample.is_of_a_job() || given.is_some() {
            request = request.header("Snapshot-Id", &snapshot).header("Dca-Dataset", "true");
        }
        if let Some(body) = given {
            return Reply::to(request.body(body.to_owned())).await;
        }
        let Args { sample, form, records, status, plain, .. } = self.args;
        let body = sample.body(&snapshot, *form, *records, status, OffsetDateTime::now_utc());
        Reply::to(if *plain || !sample.has_records() {
            request.header("Content-Type", "application/json").body(body)
        } else {
            let request =
                request.header("Content-Type", "application/gzip").header("Content-Encoding", "gzip");
            request.body(gzip(body.as_bytes())?)
        })
        .await
    }
}

fn gzip(plain: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain)?;
    encoder.finish()
}
