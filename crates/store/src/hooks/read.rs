//! Reading hooks.

use sqlx::PgConnection;
use uuid::Uuid;

use super::{Disabled, Hook, Kind, Manner};

/// A row as it stands.
struct Row {
    id: Uuid,
    name: String,
    kind: Kind,
    url_sealed: Vec<u8>,
    host: String,
    event_filter: Vec<String>,
    body_form: String,
    secret_sealed: Option<Vec<u8>>,
    older_secret_sealed: Option<Vec<u8>>,
    older_secret_until: Option<time::OffsetDateTime>,
    signature_header: String,
    signature_algorithm: String,
    rate_count: i32,
    rate_window_ms: i64,
    rate_burst: i32,
    attempts_max: i32,
    timeout_ms: i64,
    retry_base_ms: i64,
    retry_max_ms: i64,
    disabled_reason: Option<Disabled>,
    disabled_at: Option<time::OffsetDateTime>,
    validated_at: Option<time::OffsetDateTime>,
    is_seeded: bool,
    created_at: time::OffsetDateTime,
    updated_at: time::OffsetDateTime,
}

impl From<Row> for Hook {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            name: row.name,
            kind: row.kind,
            url_sealed: row.url_sealed,
            host: row.host,
            secret_sealed: row.secret_sealed,
            older_secret_sealed: row.older_secret_sealed,
            older_secret_until: row.older_secret_until,
            manner: Manner {
                event_filter: row.event_filter,
                body_form: row.body_form,
                signature_header: row.signature_header,
                signature_algorithm: row.signature_algorithm,
                rate_count: row.rate_count,
                rate_window_ms: row.rate_window_ms,
                rate_burst: row.rate_burst,
                attempts_max: row.attempts_max,
                timeout_ms: row.timeout_ms,
                retry_base_ms: row.retry_base_ms,
                retry_max_ms: row.retry_max_ms,
            },
            disabled: row.disabled_reason,
            disabled_at: row.disabled_at,
            validated_at: row.validated_at,
            is_seeded: row.is_seeded,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// Every hook, by name.
///
/// # Errors
/// Those of the database.
pub async fn all(connection: &mut PgConnection) -> sqlx::Result<Vec<Hook>> {
    read(connection, None, None).await
}

/// The hook of this name.
///
/// # Errors
/// Those of the database.
pub async fn find(connection: &mut PgConnection, name: &str) -> sqlx::Result<Option<Hook>> {
    Ok(read(connection, Some(name), None).await?.pop())
}

/// The hook of this id, if events are for it now.
///
/// # Errors
/// Those of the database.
pub async fn taking_events(connection: &mut PgConnection, id: Uuid) -> sqlx::Result<Option<Hook>> {
    let hook = read(connection, None, Some(id)).await?.pop();
    Ok(hook.filter(Hook::takes_events))
}

async fn read(
    connection: &mut PgConnection,
    name: Option<&str>,
    id: Option<Uuid>,
) -> sqlx::Result<Vec<Hook>> {
    let rows = sqlx::query_as!(
        Row,
        r#"select id, name, kind as "kind: Kind", url_sealed, host, event_filter, body_form, secret_sealed,
            older_secret_sealed, older_secret_until, signature_header, signature_algorithm, rate_count, rate_window_ms,
            rate_burst, attempts_max, timeout_ms, retry_base_ms, retry_max_ms,
            disabled_reason as "disabled_reason: Disabled", disabled_at, validated_at,
            seed is not null as "is_seeded!", created_at, updated_at
        from hooks
        where ($1::text is null or name = $1) and ($2::uuid is null or id = $2)
        order by name"#,
        name,
        id,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(Hook::from).collect())
}

/// Id, name and filter of every hook that events are for. Until the transaction ends none of them is removed.
///
/// # Errors
/// Those of the database.
pub async fn lock_all(connection: &mut PgConnection) -> sqlx::Result<Vec<(Uuid, String, Vec<String>)>> {
    let rows = sqlx::query!(
        "select id, name, event_filter from hooks
        where enabled or disabled_reason = 'unreadable'
        order by id for share"
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.name, row.event_filter)).collect())
}
