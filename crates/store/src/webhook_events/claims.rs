//! Which events name objects of the object store.

use contract::EventId;
use sqlx::PgConnection;

/// Which of these objects no row names.
///
/// # Errors
/// Those of the database.
pub async fn unnamed_claims(connection: &mut PgConnection, names: &[String]) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar!(
        r#"select asked.name as "name!" from unnest($1::text[]) as asked (name)
        where not exists (select from webhook_events
            where extensions ? 'claim' and extensions ->> 'claim' = asked.name)
        order by asked.name"#,
        names,
    )
    .fetch_all(connection)
    .await
}

/// The objects that rows name which are not completed, with their events.
///
/// # Errors
/// Those of the database.
pub async fn open_claims(connection: &mut PgConnection, limit: u16) -> sqlx::Result<Vec<(EventId, String)>> {
    let rows = sqlx::query!(
        r#"select id, extensions ->> 'claim' as "name!" from webhook_events
        where extensions ? 'claim' and status <> 'completed'
        order by received_at desc, id desc
        limit $1"#,
        i64::from(limit),
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (EventId(row.id), row.name)).collect())
}
