//! What an audit costs where there is much.

use std::time::Instant;

use audit::Auditor;
use bus::Topology;
use contract::stream::c2s::{PROVIDER, STREAM};
use sqlx::PgPool;
use testkit::eventually;
use time::OffsetDateTime;

use crate::given::{DEADLINE, Stage};

/// Events that were handled before.
const EVENTS: i64 = 200_000;

/// Rows of the ledger that were read by index, and times that it was read as a whole.
async fn reads(pool: &PgPool) -> (i64, i64) {
    let mut connection = pool.acquire().await.unwrap();
    sqlx::raw_sql("select pg_stat_force_next_flush()").execute(&mut *connection).await.unwrap();
    let sql = "select sum(idx_tup_read)::bigint, (select seq_scan from pg_stat_user_tables where relname = 'webhook_events')
        from pg_stat_user_indexes where relname = 'webhook_events'";
    sqlx::query_as(sql).fetch_one(&mut *connection).await.unwrap()
}

#[tokio::test]
async fn an_audit_costs_what_is_new_however_much_was_before() {
    let stage = Stage::set().await;
    // A stream that has given out so many positions, whose messages retention has removed.
    let jetstream = stage.bus.jetstream();
    let mut config = jetstream.get_stream(STREAM).await.unwrap().cached_info().config.clone();
    jetstream.delete_stream(STREAM).await.unwrap();
    config.first_sequence = Some(u64::try_from(EVENTS + 1).unwrap());
    jetstream.create_stream(config).await.unwrap();
    Topology::embedded().apply(&stage.bus, 1).await.unwrap();
    let fill = format!(
        "insert into webhook_events (id, provider, source, event_type, dedup_key, status, attempts, body, content_type,
            stream, stream_subject, stream_sequence, received_at, processed_at)
        select gen_random_uuid(), 'c2s', '/', 'c2s.lead.created', 'k' || n, 'completed', 1, '{{}}', 'application/json',
            'C2S', 'ingest.c2s.created', n, now(), now()
        from generate_series(1, {EVENTS}) n;
        analyze webhook_events"
    );
    for statement in fill.split(';') {
        let mut connection = stage.pool().acquire().await.unwrap();
        sqlx::raw_sql("set statement_timeout = 0").execute(&mut *connection).await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned())).execute(&mut *connection).await.unwrap();
    }
    let actor = stage.actor().await;
    stage.publish(["lead-1".to_owned()]).await;
    eventually("it is done", DEADLINE, async || (actor.account.completed() == 1).then_some(())).await;
    // One connection, so that what it has read is told at once.
    let settings = config::Postgres { connections_max: 1, ..stage.database.config() };
    let pool = store::connect(&settings).await.unwrap();
    let auditor = Auditor::new(&stage.bus, &pool, &stage.settings.nats, &stage.settings.dead_letters.audit);
    let pass = async || auditor.pass(PROVIDER, OffsetDateTime::now_utc()).await.unwrap().unwrap();
    let before = reads(&pool).await;
    let started = Instant::now();
    let report = pass().await;
    assert!(report.balances(), "{report:?}");
    assert_eq!((report.accepted, report.completed), (EVENTS + 1, EVENTS + 1));
    let first = (started.elapsed(), reads(&pool).await);

    stage.publish((2..=101).map(|number| format!("lead-{number}"))).await;
    eventually("they are done", DEADLINE, async || (actor.account.completed() == 101).then_some(())).await;
    let between = reads(&pool).await;
    let started = Instant::now();
    let report = pass().await;
    assert_eq!((report.accepted, report.completed), (EVENTS + 101, EVENTS + 101));
    let second = (started.elapsed(), reads(&pool).await);
    println!(
        "the first audit of {EVENTS} positions: {:?}, {} rows read; the second, of 100: {:?}, {} rows read",
        first.0,
        first.1.0 - before.0,
        second.0,
        second.1.0 - between.0
    );
    assert!(second.1.0 - between.0 < 5_000, "{second:?} {between:?}");
    assert_eq!(second.1.1, between.1, "the table is never read as a whole");
    actor.stop().await;
}
