//! The schema itself.

use testkit::Database;

#[tokio::test]
async fn migrating_twice_and_at_once_changes_nothing() {
    let database = Database::create().await;
    let (one, two) = tokio::join!(store::migrate(database.pool()), store::migrate(database.pool()));
    one.unwrap();
    two.unwrap();
    assert!(store::is_migrated(database.pool()).await);
}

#[tokio::test]
async fn an_empty_database_is_known_as_not_migrated() {
    let database = Database::create().await;
    sqlx::query("drop table _sqlx_migrations").execute(database.pool()).await.unwrap();
    assert!(!store::is_migrated(database.pool()).await);
}

#[tokio::test]
async fn the_ledger_has_the_older_systems_columns_and_indexes() {
    let database = Database::create().await;
    let columns: Vec<String> = sqlx::query_scalar(
        "select column_name::text from information_schema.columns where table_name = 'webhook_events'",
    )
    .fetch_all(database.pool())
    .await
    .unwrap();
    let older = [
        "id",
        "lead_id",
        "updated_at",
        "hook_action",
        "status",
        "error_message",
        "received_at",
        "processed_at",
        "page_id",
        "event_type",
        "retry_count",
        "last_error",
    ];
    for column in older {
        assert!(columns.iter().any(|known| known == column), "{column}");
    }
    let mut indexes: Vec<String> =
        sqlx::query_scalar("select indexname::text from pg_indexes where tablename = 'webhook_events'")
            .fetch_all(database.pool())
            .await
            .unwrap();
    indexes.sort();
    assert_eq!(
        indexes,
        [
            "ix_webhook_events_claim",
            "ix_webhook_events_lead_id",
            "ix_webhook_events_position",
            "ix_webhook_events_received_at",
            "ix_webhook_events_replay_root",
            "ix_webhook_events_status",
            "ux_webhook_events_dedup",
            "ux_webhook_events_lead_updated",
            "webhook_events_pkey",
        ]
    );
    let version = store::server_version(database.pool()).await.unwrap();
    assert!(version >= store::SERVER_VERSION_MIN);
}
