//! Dead letters are replayed as an operator does it, whoever dies meanwhile.

use e2e::{DEADLINE, Lead, Options, System};
use serde_json::Value;
use testkit::eventually;

use crate::operator::weir;

/// Events that die first.
const DEAD: i64 = 1_200;
/// Events with which nothing was ever wrong.
const GOOD: i64 = 50;
/// Replays in a second: slow enough that there is a middle.
const RATE: &str = "150";

/// Makes the database refuse leads of this name; dropping it is the fix that somebody deploys.
const CAUSE: &str = r"
create function refuse() returns trigger language plpgsql as $$
begin
    if new.lead_id like 'dead-%' then
        raise exception 'no such lead' using errcode = 'check_violation';
    end if;
    return new;
end
$$;
create trigger cause before insert on lead_events for each row execute function refuse()";

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_replayed_once_each_whoever_is_killed_meanwhile() {
    let mut system = System::start(Options {
        own_postgres: true,
        both: vec![("WEIR_C2S__LEADS__BREAKER__DEAD_LETTERS_MAX", "1000000".to_owned())],
        topology: Some(|topology| topology.consumers.get_mut("c2s-leads").unwrap().ack_wait_seconds = 2),
        ..Options::default()
    })
    .await;
    let mut runner = system.start_program("weir-dead-letters").await;
    execute(&system, CAUSE).await;
    for (name, count) in [("dead", DEAD), ("good", GOOD)] {
        let leads: Vec<_> = (0..count).map(|n| Lead::new(format!("{name}-{n}")).json()).collect();
        for batch in leads.chunks(100) {
            assert_eq!(system.post(&batch.to_vec().into()).await.status, 200);
        }
    }
    eventually("all of them are dead", DEADLINE * 4, async || {
        let dead = system.count("select count(*) from dead_letters where status = 'dead'").await;
        (dead == DEAD).then_some(())
    })
    .await;
    system.until_count("select count(*) from lead_events", GOOD).await;
    execute(&system, "drop trigger cause on lead_events").await;

    let refused = weir(&system, &["replay", "start"]).await;
    assert_eq!(refused.status.code(), Some(2), "an empty filter would replay everything");
    let filter = ["replay", "start", "--status", "dead_letter", "--type", "c2s.lead.created", "--rate", RATE];
    let dry = json(&system, &[filter.as_slice(), &["--dry-run"]].concat()).await;
    assert_eq!(dry["count"], DEAD);
    assert_eq!(system.count("select count(*) from replay_jobs").await, 0, "a dry run starts nothing");
    let started = json(&system, &[filter.as_slice(), &["--name", "outage"]].concat()).await;
    assert_eq!(started["job"]["total"], DEAD);

    published(&system, DEAD / 10).await;
    runner.kill().await;
    runner = system.start_program("weir-dead-letters").await;
    published(&system, DEAD / 5).await;
    let paused = json(&system, &["replay", "pause", "outage"]).await;
    assert_eq!(paused["job"]["status"], "paused");
    system.c2s.kill().await;
    system.c2s = system.start_c2s(&[]);
    json(&system, &["replay", "resume", "outage"]).await;
    published(&system, DEAD / 3).await;
    system.broker.kill();
    system.broker.restart().await;
    published(&system, DEAD / 2).await;
    system.database.own().kill();
    system.database.own().restart().await;
    published(&system, DEAD * 2 / 3).await;
    runner.kill().await;
    let unattended = weir(&system, &["replay", "status", "outage"]).await;
    assert!(String::from_utf8_lossy(&unattended.stderr).contains("until weir-dead-letters runs"));
    let _runner = system.start_program("weir-dead-letters").await;

    let done = eventually("the job is completed and all its replays are", DEADLINE * 2, async || {
        let status = json(&system, &["replay", "status", "outage"]).await;
        (status["job"]["status"] == "completed" && status["outcomes"]["completed"] == DEAD).then_some(status)
    })
    .await;
    assert_eq!((&done["progress"]["published"], &done["progress"]["failed"]), (&DEAD.into(), &0.into()));
    every_one_once(&system).await;
    eventually("the books balance", DEADLINE, async || {
        weir(&system, &["audit"]).await.status.success().then_some(())
    })
    .await;
    chain_is_visible(&system).await;
}

/// By id: each original is kept, has one replay, and the replay had the effects, once.
async fn every_one_once(system: &System) {
    for (claim, sql) in [
        (
            "each original is kept as it was",
            "select count(*) from webhook_events where status = 'dead_letter' and subject like 'dead-%'
                and replayed_from is null",
        ),
        (
            "each has a replay that is completed",
            "select count(distinct replayed_from) from webhook_events where status = 'completed' and effects_by is null
                and replayed_from is not null",
        ),
        ("nothing was replayed twice", "select count(*) from webhook_events where replayed_from is not null"),
        (
            "each lead has one event, and it is the replay's",
            "select count(*) from (
                select lead_id from lead_events where lead_id like 'dead-%' group by lead_id having count(*) = 1
            ) leads",
        ),
        (
            "each dead letter says what it became",
            "select count(*) from dead_letters letter join webhook_events replay on replay.id = letter.replayed_as
                where letter.status = 'replayed' and replay.replayed_from = letter.event_id",
        ),
    ] {
        assert_eq!(system.count(sql).await, DEAD, "{claim}");
    }
    assert_eq!(system.count("select count(*) from lead_events").await, DEAD + GOOD);
    assert_eq!(system.count("select count(*) from leads").await, DEAD + GOOD);
    let twice = "select count(*) from (select stream_sequence from webhook_events
            union all select stream_sequence from webhook_event_duplicates) positions";
    let held = i64::try_from(e2e::messages(system.bus(), "C2S").await).unwrap();
    assert_eq!(system.count(twice).await, held, "every message is accounted for");
    assert_eq!(held, 2 * DEAD + GOOD, "nothing is on the stream twice");
}

async fn chain_is_visible(system: &System) {
    let pair: (String, String) = sqlx::query_as(
        "select replayed_from::text, id::text from webhook_events where replayed_from is not null limit 1",
    )
    .fetch_one(system.pool())
    .await
    .unwrap();
    for id in [&pair.0, &pair.1] {
        let shown = weir(system, &["events", "show", id]).await;
        let text = String::from_utf8_lossy(&shown.stdout).into_owned();
        assert!(text.contains(&pair.0) && text.contains(&pair.1) && text.contains("outage"), "{text}");
    }
    let again = json(system, &["replay", "start", &pair.0, "--name", "again", "--follow"]).await;
    assert_eq!(again["job"]["status"], "completed");
    let moot = eventually("it had no effects", DEADLINE, async || {
        let status = json(system, &["replay", "status", "again"]).await;
        (status["outcomes"]["open"] == 0).then_some(status)
    })
    .await;
    assert_eq!((&moot["outcomes"]["moot"], &moot["outcomes"]["completed"]), (&1.into(), &0.into()));
    assert_eq!(system.count("select count(*) from lead_events").await, DEAD + GOOD);
}

/// Waits until so many are published; the database may be away meanwhile.
async fn published(system: &System, at_least: i64) {
    eventually(&format!("{at_least} are published"), DEADLINE, async || {
        let published: i64 =
            sqlx::query_scalar("select count(*) from replay_items where state = 'published'")
                .fetch_one(system.pool())
                .await
                .ok()?;
        assert!(published < DEAD, "still in the middle");
        (published >= at_least).then_some(())
    })
    .await;
}

async fn execute(system: &System, sql: &'static str) {
    sqlx::raw_sql(sql).execute(system.pool()).await.unwrap();
}

/// What the command prints for machines.
async fn json(system: &System, arguments: &[&str]) -> Value {
    let output = weir(system, &[&["--json"], arguments].concat()).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}{}", String::from_utf8_lossy(&output.stdout));
    serde_json::from_slice(&output.stdout).unwrap()
}
