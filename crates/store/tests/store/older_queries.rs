//! The queries of the systems that Weir replaces run as they are; only status words differ where two systems did.

use contract::code;
use sqlx::Row as _;
use store::webhook_events::{Reason, record_dead, record_failed};
use testkit::Database;

use crate::given::{INSTANT, NOW, admitted, event};

/// Each with how many rows it must find, given one completed, one failed and one dead event.
const QUERIES: &[(&str, usize, &str)] = &[
    ("MB-013z fresh table check", 1, "SELECT COUNT(*) FROM webhook_events;"),
    (
        "MB-044 recent webhooks",
        3,
        "SELECT id, lead_id, hook_action, status, received_at, processed_at,
            EXTRACT(EPOCH FROM (processed_at - received_at)) AS processing_time_sec
         FROM webhook_events WHERE received_at > NOW() - INTERVAL '1 hour' ORDER BY received_at DESC LIMIT 20;",
    ),
    (
        "MB-045 status breakdown",
        3,
        "SELECT status, COUNT(*) AS count, MIN(received_at) AS first_event, MAX(received_at) AS last_event
         FROM webhook_events GROUP BY status;",
    ),
    (
        "MB-046 failed events",
        1,
        "SELECT lead_id, hook_action, error_message, received_at FROM webhook_events WHERE status = 'failed'
         ORDER BY received_at DESC;",
    ),
    (
        // Can find nothing while the index on both columns exists; see webhook_event_duplicates for what it meant.
        "MB-047 duplicate webhooks",
        0,
        "SELECT lead_id, updated_at, COUNT(*) AS times_received FROM webhook_events
         GROUP BY lead_id, updated_at HAVING COUNT(*) > 1;",
    ),
    (
        "MB-048 daily summary",
        3,
        "SELECT DATE(received_at) AS date, status, COUNT(*) AS events FROM webhook_events
         WHERE received_at > NOW() - INTERVAL '7 days' GROUP BY DATE(received_at), status ORDER BY date DESC;",
    ),
    ("MB-052 stuck", 0, "SELECT id, lead_id, received_at FROM webhook_events WHERE status = 'processing';"),
    (
        "IC-076 overall stats",
        3,
        "SELECT status, COUNT(*) as count, MAX(received_at) as last_received FROM webhook_events GROUP BY status;",
    ),
    (
        "IC-077 recent events",
        3,
        "SELECT id, status, event_type, received_at, retry_count FROM webhook_events
         ORDER BY received_at DESC LIMIT 20;",
    ),
    (
        "IC-078 failed events",
        1,
        "SELECT id, event_type, last_error, retry_count FROM webhook_events WHERE status = 'failed';",
    ),
    (
        "IC-079 dead letter events",
        1,
        "SELECT id, event_type, last_error, retry_count FROM webhook_events WHERE status = 'dead_letter';",
    ),
];

#[tokio::test]
async fn the_older_systems_queries_run_unchanged() {
    let database = Database::create().await;
    let mut connection = database.pool().acquire().await.unwrap();
    let mut given: Vec<_> =
        (0..3).map(|number| event(&format!("lead-{number}"), INSTANT, number + 1)).collect();
    for given in &mut given {
        given.envelope.time = time::OffsetDateTime::now_utc();
    }
    admitted(database.pool(), &[&given[0]]).await;
    let reason = Reason { code: code::TIMEOUT, error: "too slow", headers: None };
    record_failed(&mut connection, &given[1].event(), reason).await.unwrap();
    record_dead(&mut connection, &given[2].event(), reason, NOW).await.unwrap();
    for (name, rows, sql) in QUERIES {
        let found = sqlx::query(*sql)
            .fetch_all(&mut *connection)
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(found.len(), *rows, "{name}");
    }
}

#[tokio::test]
async fn times_received_is_answered_by_the_duplicates() {
    let database = Database::create().await;
    let given = event("lead-1", INSTANT, 1);
    admitted(database.pool(), &[&given, &given.sent_again(2), &given.sent_again(3)]).await;
    let row = sqlx::query(
        "select e.lead_id, e.updated_at, count(*) + 1 as times_received
         from webhook_event_duplicates d join webhook_events e on e.id = d.duplicate_of group by e.id",
    )
    .fetch_one(database.pool())
    .await
    .unwrap();
    assert_eq!(row.get::<i64, _>("times_received"), 3);
}
