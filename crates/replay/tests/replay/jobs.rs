//! Jobs in the background: rate, pause, abort, and what a crash leaves behind.

use std::time::Instant;

use futures::StreamExt as _;
use replay::{Order, Selection, StartError};
use store::{
    replays::{Job, JobStatus, Progress},
    webhook_events::{Filter, Status},
};
use testkit::eventually;
use time::OffsetDateTime;

use crate::given::{DEADLINE, FAST, System, body, envelope, ids, of_events};

const DEAD: Selection<'static> = Selection::Events(Filter {
    status: Some(Status::DeadLetter),
    ids: None,
    provider: None,
    event_type: None,
    subject: None,
    reason: None,
    dedup_key: None,
    group: None,
    since: None,
    until: None,
    text: None,
});

/// Dead events, as many, whose cause is gone.
async fn graves(system: &System, count: u32) {
    let sends = (0..count).map(|number| async move {
        let body = body(&format!("poison-{number}"));
        system.publish_as(envelope(&body), &body).await;
    });
    futures::stream::iter(sends).buffer_unordered(256).collect::<Vec<()>>().await;
    system.settled().await;
    let dead = system.count("select count(*) from webhook_events where status = 'dead_letter'").await;
    assert_eq!(dead, i64::from(count));
    system.remove_the_cause().await;
}

async fn published(system: &System, job: &Job, at_least: i64) -> Progress {
    eventually("events are published", DEADLINE, async || {
        let progress = system.progress(job).await;
        (progress.published >= at_least).then_some(progress)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_is_killed_in_the_middle_leaves_each_event_replayed_once() {
    const COUNT: u32 = 2_000;
    let system = System::start().await;
    graves(&system, COUNT).await;
    let before = system.messages().await;
    let order = Order { rate_per_second: 1_000, ..Order::default() };
    let job = system.begin(&DEAD, None, order).await;
    for killed_after in [1, 500, 1_200] {
        let runner = system.runner();
        let progress = published(&system, &job, killed_after).await;
        assert!(progress.published < i64::from(COUNT), "killed in the middle");
        drop(runner);
    }
    let runner = system.runner();
    system.completed(&job).await;
    runner.drain().await;

    // And as if the last crash had come between publishing and marking, for a hundred of them.
    system
        .execute(
            "update replay_items set state = 'publishing', settled_at = null where position % 20 = 0;
            update replay_jobs set status = 'running', finished_at = null",
        )
        .await;
    let runner = system.runner();
    system.completed(&job).await;
    runner.drain().await;
    system.settled().await;

    assert_eq!(system.progress(&job).await, Progress { published: i64::from(COUNT), ..Progress::default() });
    assert_eq!(system.messages().await, before + u64::from(COUNT), "no event is on the stream twice");
    for once in [
        "select count(*) from webhook_events where replayed_from is not null and status = 'completed'",
        "select count(distinct replay_root) from webhook_events where effects_by is null and replay_root is not null",
        "select count(*) from lead_events",
        "select count(*) from leads",
        "select count(*) from dead_letters letter join webhook_events replay on replay.id = letter.replayed_as
            where letter.status = 'replayed' and replay.replayed_from = letter.event_id",
    ] {
        assert_eq!(system.count(once).await, i64::from(COUNT), "{once}");
    }
    let nothing = "select count(*) from webhook_event_duplicates";
    assert_eq!(system.count(nothing).await, 0);
    system.stop().await;
}

#[tokio::test]
async fn a_job_that_is_paused_publishes_nothing_until_it_is_resumed() {
    let system = System::start().await;
    graves(&system, 60).await;
    let job = system.begin(&DEAD, None, Order { rate_per_second: 20, ..Order::default() }).await;
    let _runner = system.runner();
    published(&system, &job, 1).await;
    system.set_status(&job, JobStatus::Running, JobStatus::Paused).await;
    let held = eventually("what was claimed is published", DEADLINE, async || {
        let progress = system.progress(&job).await;
        (progress.publishing == 0).then_some(progress)
    })
    .await;
    assert!(held.pending > 0, "{held:?}");
    // The runner goes on with others meanwhile.
    let lead = system.send("lead-1").await;
    let other = system.begin(&of_events(&ids(&[lead])), None, Order::default()).await;
    system.completed(&other).await;
    assert_eq!(system.progress(&job).await, held);

    system.set_status(&job, JobStatus::Paused, JobStatus::Running).await;
    system.completed(&job).await;
    system.settled().await;
    assert_eq!(system.progress(&job).await.published, 60);
    assert_eq!(system.count("select count(*) from leads").await, 61);
    system.stop().await;
}

#[tokio::test]
async fn a_job_that_is_aborted_stays_where_it_was() {
    let system = System::start().await;
    graves(&system, 60).await;
    let job = system.begin(&DEAD, None, Order { rate_per_second: 20, ..Order::default() }).await;
    let _runner = system.runner();
    published(&system, &job, 1).await;
    system.set_status(&job, JobStatus::Running, JobStatus::Aborted).await;
    let left = eventually("what was claimed is published", DEADLINE, async || {
        let progress = system.progress(&job).await;
        (progress.publishing == 0).then_some(progress)
    })
    .await;
    assert!(left.pending > 0, "{left:?}");
    let lead = system.send("lead-1").await;
    let other = system.begin(&of_events(&ids(&[lead])), None, Order::default()).await;
    system.completed(&other).await;
    assert_eq!(system.progress(&job).await, left);
    let job = system.job(&job).await;
    assert_eq!(job.status, JobStatus::Aborted);
    assert!(job.finished_at.is_some());
    let still = "select count(*) from dead_letters where status = 'dead'";
    assert_eq!(system.count(still).await, left.pending);
    system.stop().await;
}

#[tokio::test]
async fn a_job_keeps_to_its_rate() {
    let system = System::start().await;
    graves(&system, 60).await;
    let job = system.begin(&DEAD, None, Order { rate_per_second: 20, ..Order::default() }).await;
    let began = Instant::now();
    let _runner = system.runner();
    system.completed(&job).await;
    // Three seconds, less the first burst of one.
    assert!(began.elapsed().as_millis() > 2_500, "{:?}", began.elapsed());
    let job = system.job(&job).await;
    let took = job.finished_at.unwrap() - job.started_at.unwrap();
    assert!(took > time::Duration::milliseconds(2_500), "{took}");
    system.stop().await;
}

#[tokio::test]
async fn another_runner_takes_over_when_the_first_is_gone() {
    let system = System::start().await;
    graves(&system, 40).await;
    let job = system.begin(&DEAD, None, Order { rate_per_second: 20, ..Order::default() }).await;
    let first = system.runner();
    published(&system, &job, 1).await;
    let _second = system.runner();
    let leaders = "select count(*) from pg_locks where locktype = 'advisory'
        and database = (select oid from pg_database where datname = current_database())";
    assert_eq!(system.count(leaders).await, 1);
    drop(first);
    system.completed(&job).await;
    system.settled().await;
    assert_eq!(system.count("select count(*) from leads").await, 40);
    assert_eq!(system.count("select count(*) from webhook_events where replayed_from is not null").await, 40);
    system.stop().await;
}

#[tokio::test]
async fn a_broker_that_is_away_costs_a_job_time_and_nothing_else() {
    let mut system = System::start().await;
    graves(&system, 20).await;
    system.broker.kill();
    let job = system.begin(&DEAD, None, Order { rate_per_second: FAST, ..Order::default() }).await;
    let _runner = system.runner();
    eventually("the job tries", DEADLINE, async || {
        (system.progress(&job).await.publishing > 0).then_some(())
    })
    .await;
    system.broker.restart().await;
    system.completed(&job).await;
    system.settled().await;
    assert_eq!(system.progress(&job).await.published, 20);
    assert_eq!(system.count("select count(*) from leads").await, 20);
    system.stop().await;
}

#[tokio::test]
async fn two_jobs_of_one_name_are_none() {
    let system = System::start().await;
    let lead = system.send("lead-1").await;
    let named = ids(&[lead]);
    let order = |name: &str| Order { name: Some(name.to_owned()), ..Order::default() };
    system.begin(&of_events(&named), None, order("again")).await;
    let plan = system.plan(&of_events(&named), None).await;
    let mut connection = system.pool.acquire().await.unwrap();
    let (nothing, now) = (serde_json::Value::Null, OffsetDateTime::now_utc());
    for (name, taken) in [("again", true), ("", false), ("a b", false), ("é", false)] {
        let order = order(name);
        let started = replay::start(&mut connection, &plan, &nothing, None, &order, None, now).await;
        match started.unwrap_err() {
            StartError::NameTaken(_) => assert!(taken, "{name}"),
            StartError::InvalidName => assert!(!taken, "{name}"),
            other => panic!("{other}"),
        }
    }
    let items = "select count(*) from replay_items";
    assert_eq!(system.count(items).await, 1, "what was not started left nothing");
    system.stop().await;
}
