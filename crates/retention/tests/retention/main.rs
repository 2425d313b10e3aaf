//! What is old goes, and what is not settled stays.
#![cfg(test)]

mod given;

use std::{cell::RefCell, time::Duration};

use lifecycle::Shutdown;
use retention::{Ask, Line, Plan, What};
use testkit::Database;

use given::{NOW, count, events, rows, settled_until};

const HORIZON: Duration = Duration::from_hours(24 * 8);
const DAY: Duration = Duration::from_hours(24);

async fn run(database: &Database, settings: &config::Retention, ask: &Ask<'_>) -> Vec<Line> {
    let plan = Plan::new(settings, ask, HORIZON, NOW).unwrap();
    retention::run(database.pool(), &plan, &Shutdown::default(), |_| ()).await.unwrap().unwrap()
}

fn settings() -> config::Retention {
    config::Retention { pause_ms: 1, ..config::Settings::for_tests().retention }
}

fn line(lines: &[Line], what: What, status: &str) -> (u64, u64) {
    let found = lines.iter().filter(|line| line.what == what && line.provider != "usage");
    let found = found.filter(|line| line.status.as_str() == status);
    found.fold((0, 0), |(deleted, kept), line| (deleted + line.deleted, kept + line.kept))
}

#[tokio::test]
async fn what_is_old_goes_by_its_status_and_the_rest_stays() {
    let database = Database::create().await;
    events(&database, "completed", 3, 31, 1).await;
    events(&database, "completed", 2, 29, 4).await;
    events(&database, "dead_letter", 2, 91, 6).await;
    events(&database, "dead_letter", 1, 89, 8).await;
    settled_until(&database, 8).await;
    let lines = run(&database, &settings(), &Ask::default()).await;
    assert_eq!(line(&lines, What::Events, "completed"), (3, 0));
    assert_eq!(line(&lines, What::Events, "dead_letter"), (2, 0));
    assert_eq!(count(&database, "select count(*) from webhook_events").await, 3);
}

#[tokio::test]
async fn what_is_not_settled_is_never_deleted() {
    let database = Database::create().await;
    for (n, status) in (0..).zip(["received", "processing", "failed"]) {
        events(&database, status, 1, 900, n + 1).await;
    }
    settled_until(&database, 10).await;
    run(&database, &settings(), &Ask::default()).await;
    assert_eq!(count(&database, "select count(*) from webhook_events").await, 3);
    // Nor when its id is named.
    let ids = sqlx::query_scalar("select id from webhook_events").fetch_all(database.pool()).await.unwrap();
    let mut connection = database.pool().acquire().await.unwrap();
    assert_eq!(store::retention::ledger::delete(&mut connection, &ids).await.unwrap(), 0);
}

#[tokio::test]
async fn what_an_audit_has_not_counted_is_kept() {
    let database = Database::create().await;
    events(&database, "completed", 10, 40, 1).await;
    rows(&database, "duplicates", 40).await;
    let lines = run(&database, &settings(), &Ask::default()).await;
    assert_eq!(line(&lines, What::Events, "completed"), (0, 10), "no audit ever ran");
    settled_until(&database, 4).await;
    let lines = run(&database, &settings(), &Ask::default()).await;
    assert_eq!(line(&lines, What::Events, "completed"), (4, 6));
    settled_until(&database, 100).await;
    let lines = run(&database, &settings(), &Ask::default()).await;
    assert_eq!(line(&lines, What::Events, "completed"), (6, 0));
    assert_eq!(line(&lines, What::Duplicates, "completed").1, 0);
    assert_eq!(count(&database, "select count(*) from webhook_event_duplicates").await, 0);
}

#[tokio::test]
async fn rows_go_in_bounded_batches() {
    let database = Database::create().await;
    events(&database, "completed", 250, 40, 1).await;
    settled_until(&database, 250).await;
    let settings = config::Retention { batch_max: 100, ..settings() };
    let plan = Plan::new(&settings, &Ask::default(), HORIZON, NOW).unwrap();
    let steps = RefCell::new(Vec::new());
    let progress = |line: &Line| {
        if line.what == What::Events && line.provider == "c2s" && line.status.as_str() == "completed" {
            steps.borrow_mut().push(line.deleted);
        }
    };
    retention::run(database.pool(), &plan, &Shutdown::default(), progress).await.unwrap().unwrap();
    assert_eq!(*steps.borrow(), [100, 200, 250]);
}

#[tokio::test]
async fn a_dry_run_counts_what_a_real_one_then_removes() {
    let database = Database::create().await;
    events(&database, "completed", 120, 40, 1).await;
    events(&database, "dead_letter", 30, 100, 121).await;
    settled_until(&database, 200).await;
    // What hangs on these events, and on the items of a replay, is old as well.
    for (table, days) in
        [("handlings", 100), ("dead_letters", 100), ("hook_events", 40), ("sessions", 40), ("replays", 100)]
    {
        rows(&database, table, days).await;
    }
    let root =
        "update replay_items set root_id = (select id from webhook_events order by received_at limit 1)
        where position = 1";
    sqlx::query(root).execute(database.pool()).await.unwrap();
    let settings = config::Retention { batch_max: 50, bodies_days: Some(14), ..settings() };
    // What one run leaves, the next one takes.
    for (table, left) in [("webhook_events", 1), ("dead_letters", 1), ("dead_letters", 0)] {
        let before = count(&database, "select count(*) from webhook_events").await;
        let dry = run(&database, &settings, &Ask { dry_run: true, ..Ask::default() }).await;
        assert_eq!(count(&database, "select count(*) from webhook_events").await, before);
        let real = run(&database, &settings, &Ask::default()).await;
        assert_eq!(dry, real);
        assert_eq!(count(&database, &format!("select count(*) from {table}")).await, left, "{table}");
    }
    for table in [
        "hook_events",
        "hook_deliveries",
        "hook_attempts",
        "replay_jobs",
        "replay_items",
        "event_handlings",
        "usage_queries",
        "usage_sessions",
    ] {
        assert_eq!(count(&database, &format!("select count(*) from {table}")).await, 0, "{table}");
    }
    let again = run(&database, &settings, &Ask::default()).await;
    assert!(again.iter().all(|line| line.deleted == 0 && line.kept == 0), "{again:?}");
}

#[tokio::test]
async fn what_other_providers_keep_costs_a_step_nothing() {
    let database = Database::create().await;
    events(&database, "completed", 20_000, 200, 1).await;
    sqlx::raw_sql(
        "update webhook_events set provider = 'instagram', stream = 'INSTAGRAM' where stream_sequence > 19950;
        analyze webhook_events",
    )
    .execute(database.pool())
    .await
    .unwrap();
    let mut connection = database.pool().acquire().await.unwrap();
    let read = async |connection: &mut sqlx::PgConnection| -> i64 {
        sqlx::raw_sql("select pg_stat_force_next_flush()").execute(&mut *connection).await.unwrap();
        let sql = "select coalesce(sum(idx_tup_read), 0)::bigint from pg_stat_user_indexes
            where relname = 'webhook_events'";
        sqlx::query_scalar(sql).fetch_one(connection).await.unwrap()
    };
    let before = read(&mut connection).await;
    let old = store::retention::Old {
        provider: "instagram",
        stream: "INSTAGRAM",
        status: store::webhook_events::Status::Completed,
        before: NOW - DAY * 30,
        limit: 100,
    };
    let step = store::retention::ledger::completed(&mut connection, &old, None).await.unwrap();
    assert_eq!((step.rows.len(), step.kept), (0, 50), "no audit has counted them");
    let read = read(&mut connection).await - before;
    assert!(read <= 200, "{read} entries of indexes were read for 50 rows");
}

#[tokio::test]
async fn what_an_older_stream_left_goes_too() {
    let database = Database::create().await;
    events(&database, "completed", 40, 2, 1).await;
    events(&database, "completed", 5, 40, 41).await;
    settled_until(&database, 200).await;
    let settings = config::Retention { batch_max: 10, ..settings() };
    let removed = async || line(&run(&database, &settings, &Ask::default()).await, What::Events, "completed");
    assert_eq!(removed().await, (0, 0), "on one stream what comes first is older");
    sqlx::query(
        "insert into stream_accounts (stream, incarnation, provider, last_sequence, settled_sequence, completed, dead,
            duplicates, directed, lost, updated_at)
        values ('C2S', $1, 'c2s', 40, 40, 40, 0, 0, 0, 0, now())",
    )
    .bind(NOW - DAY * 3)
    .execute(database.pool())
    .await
    .unwrap();
    assert_eq!(removed().await, (5, 0), "it was made anew, and counts from one again");
}

#[tokio::test]
async fn a_session_that_is_active_again_stays() {
    let database = Database::create().await;
    rows(&database, "sessions", 40).await;
    let mut connection = database.pool().acquire().await.unwrap();
    let ids = ["session-1".to_owned()];
    let removed = store::retention::usage::delete_sessions(&mut connection, &ids, NOW - DAY * 41).await;
    assert_eq!(removed.unwrap(), 0);
    let lines = run(&database, &settings(), &Ask { provider: Some("usage"), ..Ask::default() }).await;
    let removed: Vec<_> =
        lines.iter().filter(|line| line.deleted > 0).map(|line| (line.what, line.deleted)).collect();
    assert_eq!(removed, [(What::Queries, 2), (What::Sessions, 1)]);
}

#[tokio::test]
async fn what_an_event_left_goes_after_it_and_not_before() {
    let database = Database::create().await;
    events(&database, "dead_letter", 1, 100, 7).await;
    rows(&database, "handlings", 100).await;
    rows(&database, "dead_letters", 100).await;
    let lines = run(&database, &settings(), &Ask::default()).await;
    assert_eq!(line(&lines, What::Handlings, "completed"), (0, 1), "its ledger row is not counted yet");
    assert_eq!(line(&lines, What::DeadLetters, "dead_letter"), (0, 1));
    settled_until(&database, 7).await;
    run(&database, &settings(), &Ask::default()).await;
    let lines = run(&database, &settings(), &Ask::default()).await;
    assert_eq!(line(&lines, What::Handlings, "completed").1, 0);
    for table in ["webhook_events", "event_handlings", "dead_letters"] {
        assert_eq!(count(&database, &format!("select count(*) from {table}")).await, 0, "{table}");
    }
}

#[tokio::test]
async fn what_a_replay_needs_is_kept_as_long_as_the_replay() {
    let database = Database::create().await;
    events(&database, "completed", 1, 40, 1).await;
    settled_until(&database, 1).await;
    rows(&database, "replays", 40).await;
    sqlx::query("update replay_items set root_id = (select id from webhook_events)")
        .execute(database.pool())
        .await
        .unwrap();
    let lines = run(&database, &settings(), &Ask::default()).await;
    assert_eq!(line(&lines, What::Events, "completed"), (0, 1));
}

#[tokio::test]
async fn a_replay_that_is_to_be_replayed_keeps_its_row_and_its_body() {
    let database = Database::create().await;
    events(&database, "completed", 1, 40, 1).await;
    settled_until(&database, 1).await;
    rows(&database, "replays", 40).await;
    // The row is a replay of an event that is not in the ledger any more.
    for statement in [
        "update webhook_events set replay_root = '00000000-0000-7000-8000-00000000000a',
            replayed_from = '00000000-0000-7000-8000-00000000000a'",
        "update replay_items set root_id = '00000000-0000-7000-8000-00000000000a', state = 'pending', settled_at = null,
            replay_id = null",
        "update replay_items set event_id = (select id from webhook_events) where position = 7",
    ] {
        sqlx::query(statement).execute(database.pool()).await.unwrap();
    }
    let settings = config::Retention { bodies_days: Some(14), ..settings() };
    let lines = run(&database, &settings, &Ask::default()).await;
    assert_eq!(line(&lines, What::Bodies, "completed"), (0, 1));
    assert_eq!(line(&lines, What::Events, "completed"), (0, 1));
}

#[tokio::test]
async fn a_hook_that_still_has_to_get_it_keeps_an_event() {
    let database = Database::create().await;
    rows(&database, "hook_events", 400).await;
    sqlx::query("update hook_deliveries set status = 'pending', finished_at = null")
        .execute(database.pool())
        .await
        .unwrap();
    run(&database, &settings(), &Ask::default()).await;
    assert_eq!(count(&database, "select count(*) from hook_events").await, 1);
    assert_eq!(count(&database, "select count(*) from hook_attempts").await, 1);
}

#[tokio::test]
async fn bodies_may_go_before_their_rows() {
    let database = Database::create().await;
    events(&database, "completed", 2, 20, 1).await;
    events(&database, "dead_letter", 1, 20, 3).await;
    let settings = config::Retention { bodies_days: Some(14), ..settings() };
    let lines = run(&database, &settings, &Ask::default()).await;
    assert_eq!(line(&lines, What::Bodies, "completed"), (2, 0));
    assert_eq!(count(&database, "select count(*) from webhook_events where body = 'body'").await, 1);
    assert_eq!(count(&database, "select count(*) from webhook_events").await, 3);
}

#[tokio::test]
async fn two_processes_do_not_do_it_at_once() {
    let database = Database::create().await;
    let lock = store::try_lock(database.pool(), "retention").await.unwrap().unwrap();
    let plan = Plan::new(&settings(), &Ask::default(), HORIZON, NOW).unwrap();
    let run = async || retention::run(database.pool(), &plan, &Shutdown::default(), |_| ()).await.unwrap();
    assert!(run().await.is_none());
    lock.release().await.unwrap();
    assert!(run().await.is_some());
}
