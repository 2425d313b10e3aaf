//! Changing hooks.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Disabled, Hook, Kind, Manner, NewHook};

/// Makes a hook. `false`: the name is taken.
///
/// # Errors
/// Those of the database.
pub async fn insert(
    connection: &mut PgConnection,
    hook: &NewHook<'_>,
    now: OffsetDateTime,
) -> sqlx::Result<bool> {
    let manner = hook.manner;
    let inserted = sqlx::query!(
        "insert into hooks (id, name, kind, url_sealed, host, event_filter, body_form, secret_sealed, signature_header,
            signature_algorithm, rate_count, rate_window_ms, rate_burst, attempts_max, timeout_ms, retry_base_ms,
            retry_max_ms, enabled, disabled_reason, disabled_at, seed, created_at, updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18::text is null, $18,
            case when $18::text is not null then $20::timestamptz end, $19, $20, $20)
        on conflict on constraint ux_hooks_name do nothing",
        hook.id,
        hook.name,
        hook.kind as _,
        hook.url_sealed,
        hook.host,
        &manner.event_filter,
        manner.body_form,
        hook.secret_sealed,
        manner.signature_header,
        manner.signature_algorithm,
        manner.rate_count,
        manner.rate_window_ms,
        manner.rate_burst,
        manner.attempts_max,
        manner.timeout_ms,
        manner.retry_base_ms,
        manner.retry_max_ms,
        hook.disabled.map(Disabled::as_str),
        hook.seed,
        now,
    )
    .execute(connection)
    .await?;
    Ok(inserted.rows_affected() > 0)
}

/// Makes the hook that the settings give, or changes it when the settings have changed since: what an operator changed
/// stays until then. Says whether anything was done. Proved by `settings_make_their_hook_and_change_it_when_they_change`.
///
/// # Errors
/// Those of the database.
pub async fn seed(
    connection: &mut PgConnection,
    hook: &NewHook<'_>,
    now: OffsetDateTime,
) -> sqlx::Result<bool> {
    if insert(connection, hook, now).await? {
        return Ok(true);
    }
    let manner = hook.manner;
    let updated = sqlx::query!(
        "update hooks
        set kind = $2, url_sealed = $3, host = $4, secret_sealed = $5, older_secret_sealed = null,
            older_secret_until = null, signature_header = $6, signature_algorithm = $7, rate_count = $8,
            rate_window_ms = $9, rate_burst = $10, attempts_max = $11, timeout_ms = $12, retry_base_ms = $13,
            retry_max_ms = $14, enabled = $15::text is null, disabled_reason = $15,
            disabled_at = case when $15::text is not null then $17::timestamptz end, seed = $16, updated_at = $17
        where name = $1 and id = $18 and seed is distinct from $16",
        hook.name,
        hook.kind as _,
        hook.url_sealed,
        hook.host,
        hook.secret_sealed,
        manner.signature_header,
        manner.signature_algorithm,
        manner.rate_count,
        manner.rate_window_ms,
        manner.rate_burst,
        manner.attempts_max,
        manner.timeout_ms,
        manner.retry_base_ms,
        manner.retry_max_ms,
        hook.disabled.map(Disabled::as_str),
        hook.seed,
        now,
        hook.id,
    )
    .execute(connection)
    .await?;
    Ok(updated.rows_affected() > 0)
}

/// Changes how a hook is called, and where it is, if that is given.
///
/// # Errors
/// Those of the database.
pub async fn update(
    connection: &mut PgConnection,
    id: Uuid,
    kind: Kind,
    manner: &Manner,
    url: Option<(&[u8], &str)>,
    now: OffsetDateTime,
) -> sqlx::Result<bool> {
    let (url_sealed, host) = url.unzip();
    let updated = sqlx::query!(
        "update hooks
        set kind = $2, url_sealed = coalesce($3, url_sealed), host = coalesce($4, host), event_filter = $5,
            body_form = $6, signature_header = $7, signature_algorithm = $8, rate_count = $9, rate_window_ms = $10,
            rate_burst = $11, attempts_max = $12, timeout_ms = $13, retry_base_ms = $14, retry_max_ms = $15,
            updated_at = $16
        where id = $1",
        id,
        kind as _,
        url_sealed,
        host,
        &manner.event_filter,
        manner.body_form,
        manner.signature_header,
        manner.signature_algorithm,
        manner.rate_count,
        manner.rate_window_ms,
        manner.rate_burst,
        manner.attempts_max,
        manner.timeout_ms,
        manner.retry_base_ms,
        manner.retry_max_ms,
        now,
    )
    .execute(connection)
    .await?;
    Ok(updated.rows_affected() > 0)
}

/// Lets events through to a hook again. Says whether it was disabled.
///
/// # Errors
/// Those of the database.
pub async fn enable(connection: &mut PgConnection, id: Uuid, now: OffsetDateTime) -> sqlx::Result<bool> {
    let updated = sqlx::query!(
        "update hooks set enabled = true, disabled_reason = null, disabled_at = null, updated_at = $2
        where id = $1 and not enabled",
        id,
        now,
    )
    .execute(connection)
    .await?;
    Ok(updated.rows_affected() > 0)
}

/// Sends nothing more to a hook; what waits for it goes on waiting. Says whether events were for it until now: one that
/// only did not open can be disabled, too.
///
/// # Errors
/// Those of the database.
pub async fn disable(
    connection: &mut PgConnection,
    id: Uuid,
    reason: Disabled,
    now: OffsetDateTime,
) -> sqlx::Result<bool> {
    let updated = sqlx::query!(
        "update hooks set enabled = false, disabled_reason = $2, disabled_at = $3, updated_at = $3
        where id = $1 and (enabled or disabled_reason = 'unreadable' and $2 <> 'unreadable')",
        id,
        reason as _,
        now,
    )
    .execute(connection)
    .await?;
    Ok(updated.rows_affected() > 0)
}

/// Notes that a hook can be opened again. Says whether that is news.
///
/// # Errors
/// Those of the database.
pub async fn opened(connection: &mut PgConnection, id: Uuid, now: OffsetDateTime) -> sqlx::Result<bool> {
    let updated = sqlx::query!(
        "update hooks set enabled = true, disabled_reason = null, disabled_at = null, updated_at = $2
        where id = $1 and disabled_reason = 'unreadable'",
        id,
        now,
    )
    .execute(connection)
    .await?;
    Ok(updated.rows_affected() > 0)
}

/// Gives a hook a new secret; the one that it had signs too until `older_until`, if that is given.
///
/// # Errors
/// Those of the database.
pub async fn rotate(
    connection: &mut PgConnection,
    id: Uuid,
    secret_sealed: &[u8],
    older_until: Option<OffsetDateTime>,
    now: OffsetDateTime,
) -> sqlx::Result<bool> {
    let updated = sqlx::query!(
        "update hooks
        set older_secret_sealed = case when $3::timestamptz is not null then secret_sealed end,
            older_secret_until = case when secret_sealed is not null then $3::timestamptz end,
            secret_sealed = $2, updated_at = $4
        where id = $1",
        id,
        secret_sealed,
        older_until,
        now,
    )
    .execute(connection)
    .await?;
    Ok(updated.rows_affected() > 0)
}

/// Notes that a test got an answer.
///
/// # Errors
/// Those of the database.
pub async fn validated(connection: &mut PgConnection, id: Uuid, now: OffsetDateTime) -> sqlx::Result<()> {
    sqlx::query!("update hooks set validated_at = $2 where id = $1", id, now).execute(connection).await?;
    Ok(())
}

/// Forgets a hook. What waits for it must be skipped in the same transaction: see
/// [`hook_deliveries::skip`](crate::hook_deliveries::skip). Says whether there was one.
///
/// # Errors
/// Those of the database.
pub async fn remove(connection: &mut PgConnection, id: Uuid) -> sqlx::Result<bool> {
    let removed = sqlx::query!("delete from hooks where id = $1", id).execute(connection).await?;
    Ok(removed.rows_affected() > 0)
}

/// Replaces sealed values by the same values sealed with another key, unless the hook was changed meanwhile.
///
/// # Errors
/// Those of the database.
pub async fn reseal(
    connection: &mut PgConnection,
    hook: &Hook,
    url_sealed: Option<&[u8]>,
    secret_sealed: Option<&[u8]>,
    older_secret_sealed: Option<&[u8]>,
) -> sqlx::Result<bool> {
    let updated = sqlx::query!(
        "update hooks
        set url_sealed = coalesce($3, url_sealed), secret_sealed = $4, older_secret_sealed = $5
        where id = $1 and updated_at = $2",
        hook.id,
        hook.updated_at,
        url_sealed,
        secret_sealed,
        older_secret_sealed,
    )
    .execute(connection)
    .await?;
    Ok(updated.rows_affected() > 0)
}
