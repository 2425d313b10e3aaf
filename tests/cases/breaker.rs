//! A bad deploy: every event dies.

use e2e::{DEADLINE, Lead, Options, Process, System};
use testkit::eventually;

use crate::operator::weir;

const EVENTS: i64 = 1_000;
/// Dead letters that each replica takes for granted.
const GRANTED: i64 = 20;
const COMPLETED: &str = "select count(*) from webhook_events where status = 'completed'";
const DEAD: &str = "select count(*) from dead_letters where status = 'dead'";

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_deploy_pauses_the_consumer_before_its_stream_is_drained() {
    let mut system = System::start(Options {
        both: vec![
            ("WEIR_C2S__LEADS__BREAKER__DEAD_LETTERS_MAX", GRANTED.to_string()),
            // Nothing but a command ends it.
            ("WEIR_C2S__LEADS__BREAKER__PAUSE_SECONDS", "3600".to_owned()),
            ("WEIR_C2S__LEADS__BREAKER__PAUSE_MAX_SECONDS", "3600".to_owned()),
        ],
        topology: Some(|topology| topology.consumers.get_mut("c2s-leads").unwrap().ack_wait_seconds = 2),
        ..Options::default()
    })
    .await;
    let mut second = system.start_c2s(&[]);
    let address = second.address().await;
    sqlx::raw_sql("alter table leads add constraint bad_deploy check (false) not valid")
        .execute(system.pool())
        .await
        .unwrap();
    let leads: Vec<_> = (0..EVENTS).map(|n| Lead::new(format!("lead-{n}")).json()).collect();
    for batch in leads.chunks(100) {
        assert_eq!(system.post(&batch.to_vec().into()).await.status, 200);
    }
    paused(&system).await;
    says_so(&system, &address).await;
    // Whoever starts now does not begin where the others stopped for a reason.
    system.c2s.kill().await;
    second.kill().await;
    let dead = system.count(DEAD).await;
    assert!((GRANTED..=2 * GRANTED).contains(&dead), "{dead} of {EVENTS} are dead");
    let mut third: Process = system.start_c2s(&[]);
    third.address().await;
    paused(&system).await;
    assert_eq!(system.count(DEAD).await, dead);

    sqlx::raw_sql("alter table leads drop constraint bad_deploy").execute(system.pool()).await.unwrap();
    let resumed = weir(&system, &["consumers", "resume", "c2s-leads"]).await;
    assert!(resumed.status.success(), "{}", String::from_utf8_lossy(&resumed.stderr));
    system.until_count(COMPLETED, EVENTS - dead).await;
    let _runner = system.start_program("weir-dead-letters").await;
    let replayed =
        weir(&system, &["dead-letters", "replay", "--consumer", "c2s-leads", "--since", "1h", "--follow"])
            .await;
    assert!(replayed.status.success(), "{}", String::from_utf8_lossy(&replayed.stderr));
    system.until_count(COMPLETED, EVENTS).await;
    assert_eq!(system.count("select count(*) from leads").await, EVENTS);
}

async fn paused(system: &System) {
    eventually("the server pauses the consumer", DEADLINE, async || {
        let output = weir(system, &["--json", "consumers", "list"]).await;
        let listed: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
        let consumers = listed["consumers"].as_array()?;
        let leads = consumers.iter().find(|consumer| consumer["name"] == "c2s-leads")?;
        leads["paused_until"].is_string().then_some(())
    })
    .await;
}

/// Health and metrics of a process tell that its consumer is paused.
async fn says_so(system: &System, address: &str) {
    let get = async |path: &str| {
        let answer = system.http().get(format!("http://{address}{path}")).send().await.ok()?;
        answer.text().await.ok()
    };
    eventually("it says that it is paused", DEADLINE, async || {
        let (health, metrics) = (get("/health").await?, get("/metrics").await?);
        let gauge = |line: &str| line.starts_with("weir_consumer_paused") && line.ends_with(" 1");
        (health.contains("paused") && metrics.lines().any(gauge)).then_some(())
    })
    .await;
}
