//! The program as it is shipped.

use std::{process::Stdio, time::Duration};

use async_nats::jetstream::{AckKind, consumer::pull};
use contract::stream::{ADVISORIES, DEAD_LETTERS_CONSUMER};
use testkit::eventually;
use tokio::{
    process::{Child, Command},
    time::timeout,
};

use crate::given::{DEADLINE, Stage};

fn start(stage: &Stage) -> Child {
    Command::new(env!("CARGO_BIN_EXE_weir-dead-letters"))
        .env_clear()
        .env("WEIR_NATS__URLS", stage.broker.url())
        .env("WEIR_POSTGRES__URL", stage.database.url())
        .env("WEIR_DEAD_LETTERS__PROBE_LISTEN", "127.0.0.1:0")
        // Small batches, so that there is a middle.
        .env("WEIR_DEAD_LETTERS__RECORDER__BATCH_MAX", "50")
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn a_recorder_that_is_killed_in_the_middle_leaves_nothing_out_and_nothing_doubled() {
    const EVENTS: usize = 3_000;
    let stage = Stage::set().await;
    stage.publish((0..EVENTS).map(|number| format!("lead-{number}"))).await;
    stage.settle_raw(EVENTS, || AckKind::Term).await;
    // What the dead process holds comes again after this long.
    let wait = |config: &mut pull::Config| config.ack_wait = Duration::from_secs(2);
    stage.consumer_of(ADVISORIES, DEAD_LETTERS_CONSUMER, wait).await;
    let letters = async || stage.count("select count(*) from dead_letters").await;
    let mut first = start(&stage);
    eventually("it is in the middle", DEADLINE, async || (letters().await > 100).then_some(())).await;
    first.kill().await.unwrap();
    let then = letters().await;
    assert!(then < 3_000, "it died in the middle");
    let mut second = start(&stage);
    eventually("all are recorded", DEADLINE, async || (letters().await == 3_000).then_some(())).await;
    stage.until("select count(*) from webhook_events where status = 'dead_letter'", 3_000).await;
    assert_eq!(stage.count("select count(distinct event_id) from dead_letters").await, 3_000);
    assert_eq!(stage.count("select count(*) from webhook_event_duplicates").await, 0);

    let id = second.id().unwrap().to_string();
    assert!(Command::new("kill").arg(id).status().await.unwrap().success());
    let status = timeout(DEADLINE, second.wait()).await.expect("the process ends").unwrap();
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn a_missing_setting_stops_the_process_and_is_named() {
    let output = Command::new(env!("CARGO_BIN_EXE_weir-dead-letters"))
        .env_clear()
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    assert!(!output.status.success());
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("postgres.url"), "{error}");
}
