//! The program as it is shipped, killed at its work.

use std::{fs::File, path::Path, process::Stdio, time::Duration};

use simulators::Step;
use testkit::{OtlpReceiver, eventually};
use tokio::process::{Child, Command};

use crate::{
    enriching::{Enriching, INDEX_KEY, PASSWORD, SEAL_KEY, TOKEN, WORK_TOKEN, joao},
    given::DEADLINE,
};

/// The program, at these companies and with this log.
fn program(enriching: &Enriching, log: &Path) -> Command {
    let [c2s, work, diretrix] = &enriching.outside.servers;
    let mut program = Command::new(env!("CARGO_BIN_EXE_weir-c2s"));
    let file = File::options().create(true).append(true).open(log).unwrap();
    program
        .env_clear()
        .env("NATS_URL", enriching.broker.url())
        .env("DATABASE_URL", enriching.database.url())
        .env("C2S_BASE_URL", format!("{}/integration", c2s.url()))
        .env("C2S_TOKEN", TOKEN)
        .env("WORK_API", WORK_TOKEN)
        .env("WEIR_PEOPLE__WORK__BASE_URL", format!("{}/api", work.url()))
        .env("WEIR_PEOPLE__WORK__RATE_PER_MINUTE", "60000")
        .env("WEIR_PEOPLE__DIRETRIX__BASE_URL", diretrix.url())
        .env("WEIR_PEOPLE__DIRETRIX__USER", "weir")
        .env("WEIR_PEOPLE__DIRETRIX__PASSWORD", PASSWORD)
        .env("WEIR_PEOPLE__DIRETRIX__RATE_PER_MINUTE", "60000")
        .env("WEIR_PEOPLE__INDEX_KEYS", INDEX_KEY)
        .env("WEIR_SEAL__KEYS", SEAL_KEY)
        .env("WEIR_OUTBOUND__ALLOWED_NETWORKS", "127.0.0.0/8")
        .env("WEIR_C2S__API__RATE_PER_MINUTE", "60000")
        .env("WEIR_C2S__API__TIMEOUT_MS", "2000")
        .env("WEIR_C2S__ENRICHER__CONFIRM_AFTER_MS", "2500")
        .env("WEIR_C2S__ENRICHER__CONSUMER__RETRY_BASE_MS", "100")
        .env("WEIR_C2S__PROBE_LISTEN", "127.0.0.1:0")
        .env("WEIR_LOG__LEVEL", "trace,hyper=debug,h2=info,rustls=debug")
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .stdout(Stdio::from(file.try_clone().unwrap()))
        .stderr(Stdio::from(file))
        .kill_on_drop(true);
    program
}

/// Starts it, waits until it has asked there, and kills it.
async fn killed_at(enriching: &Enriching, log: &Path, is_there: impl Fn(&Enriching) -> bool) {
    let mut process: Child = program(enriching, log).spawn().unwrap();
    eventually("the process is at this step", DEADLINE, async || is_there(enriching).then_some(())).await;
    process.kill().await.unwrap();
}

#[tokio::test]
async fn a_kill_at_any_step_leaves_one_message() {
    let enriching = Enriching::prepare().await;
    let log = Path::new(env!("CARGO_TARGET_TMPDIR")).join("killed.log");
    std::fs::remove_file(&log).ok();
    let outside = &enriching.outside;
    let asked = |count: usize, script: &simulators::Script| script.requests().len() >= count;
    enriching.receive(joao("lead-1")).await;

    // While it is asked whose phone it is, at the Work API and at Diretrix, and who somebody is.
    outside.work.script.then([Step::Hang, Step::Status(500, "once more"), Step::Pass]);
    killed_at(&enriching, &log, |e| asked(1, &e.outside.work.script)).await;
    outside.diretrix.script.then([Step::Hang]);
    killed_at(&enriching, &log, |e| asked(1, &e.outside.diretrix.script)).await;
    let before = outside.work.script.requests().len();
    outside.work.script.then([Step::Hang]);
    killed_at(&enriching, &log, |e| asked(before + 1, &e.outside.work.script)).await;
    // While the message is posted: not done yet, and done without a word.
    outside.c2s.script.then([Step::Hang]);
    killed_at(&enriching, &log, |e| asked(1, &e.outside.c2s.script)).await;
    assert!(outside.c2s.messages("lead-1").is_empty());
    outside.c2s.script.then([Step::Pass, Step::Lost]);
    killed_at(&enriching, &log, |e| !e.outside.c2s.messages("lead-1").is_empty()).await;

    let _process = program(&enriching, &log).spawn().unwrap();
    enriching.handled(1).await;
    assert_eq!(outside.c2s.messages("lead-1").len(), 1);
    let read_back = "select count(*) from lead_messages where status = 'sent' and confirmed_by = 'read_back'";
    assert_eq!(enriching.count(read_back).await, 1);
    let paid = outside.work.script.requests();
    assert!(paid.len() <= before + 2, "answers were kept: {} calls", paid.len());
    let log = std::fs::read_to_string(&log).unwrap();
    assert!(log.contains("Successfully enriched lead_id=lead-1"));
}

#[tokio::test]
async fn no_cpf_is_in_a_log_or_a_span() {
    let enriching = Enriching::prepare().await;
    let collector = OtlpReceiver::start().await;
    let log = Path::new(env!("CARGO_TARGET_TMPDIR")).join("secrets.log");
    std::fs::remove_file(&log).ok();
    let outside = &enriching.outside;
    outside.work.script.then([Step::Status(500, "CPF 52998224725 falhou"), Step::Status(400, "52998224725")]);
    outside.diretrix.script.then([Step::Status(500, "telefone 11987654321 falhou")]);
    outside.c2s.script.then([Step::Status(
        422,
        r#"{"msg":"Lead JOAO EXEMPLO invalido: CPF 529.982.247-25 de joao@example.com, (11) 98765-4321"}"#,
    )]);
    enriching.receive(joao("lead-1")).await;
    let mut given = joao("lead-2");
    given.enquiries = vec!["CPF 529.982.247-25".to_owned()];
    enriching.receive(given).await;
    let mut process = program(&enriching, &log)
        .env("WEIR_TELEMETRY__OTLP_ENDPOINT", collector.endpoint_grpc())
        .env("WEIR_TELEMETRY__METRICS_INTERVAL_MS", "200")
        .env(
            "WEIR_LOG__LEVEL",
            "trace,hyper=trace,hyper_util=trace,h2=trace,reqwest=trace,rustls=trace,tower=trace",
        )
        .spawn()
        .unwrap();
    enriching.handled(2).await;
    let is_call =
        |span: &testkit::ReceivedSpan| span.kind == "Client" && span.attributes.contains_key("url.template");
    collector.wait_for("a call to another company", is_call).await;
    let address = std::fs::read_to_string(&log).unwrap();
    let address = address.split_once("\"address\":\"").unwrap().1.split_once('"').unwrap().0.parse().unwrap();
    let (_, metrics) = crate::probes::get(address, "/metrics").await;
    crate::given::signal(&[i32::try_from(process.id().unwrap()).unwrap()], "TERM");
    assert!(tokio::time::timeout(Duration::from_secs(20), process.wait()).await.unwrap().unwrap().success());

    let errors = "select coalesce(string_agg(told, ' '), '') from (select error_message from event_handlings union all
        select error_message from lead_enrichments union all select last_error from dead_letters union all
        select error_message from webhook_events union all select pause_code from rate_limits) as errors (told)";
    let errors: String = sqlx::query_scalar(errors).fetch_one(enriching.pool()).await.unwrap();
    assert!(errors.contains("Contact2Sale refuses it with 422"), "{errors}");
    let spans = format!("{:?}", collector.spans());
    let logs = format!("{:?}", collector.logs());
    let written = std::fs::read_to_string(&log).unwrap();
    assert!(written.contains("Failed to enrich lead_id="), "the failure is told");
    for (place, text) in [
        ("the spans", &spans),
        ("the exported logs", &logs),
        ("the log", &written),
        ("the errors in tables", &errors),
        ("the metrics", &metrics),
    ] {
        for secret in [
            "52998224725",
            "529.982",
            "982.247-25",
            "JOAO",
            "Joao",
            "joao@",
            "joao%40",
            "987654321",
            "98765-4321",
            TOKEN,
            WORK_TOKEN,
            // As it stands in a URL, and as it is sealed in a header.
            "work-token%2Binvented",
            "work-token%252Binvented",
            PASSWORD,
            "d2VpcjpkaXJldHJpeC1wYXNzd29yZC1pbnZlbnRlZA",
            INDEX_KEY,
            "AQEBAQEB",
        ] {
            let near = text
                .find(secret)
                .map(|at| text[at.saturating_sub(300)..(at + 100).min(text.len())].to_owned());
            assert_eq!(near, None, "{secret} is in {place}");
        }
    }
}
