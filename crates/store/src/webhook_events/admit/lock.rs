//! The rows that decide about a batch: those with its keys whose effects are still to come, and the originals of its
//! replays. All are locked by one statement in the order of their keys, so that two transactions cannot wait crosswise.

use std::collections::HashMap;

use sqlx::PgConnection;
use uuid::Uuid;

use super::super::{Event, Status};
use crate::column;

/// A row whose effects are still to come.
pub(super) struct Open {
    pub(super) id: Uuid,
    /// The replay that had them in its place.
    pub(super) effects_by: Option<Uuid>,
}

/// The rows that this transaction holds.
#[derive(Default)]
pub(super) struct Locked {
    /// Those whose effects are still to come, by provider and key.
    pub(super) open: HashMap<(String, String), Open>,
    /// Of each locked row, which event had its effects.
    pub(super) effects: HashMap<Uuid, Option<Uuid>>,
}

struct Row {
    id: Uuid,
    provider: String,
    dedup_key: String,
    status: Status,
    effects_by: Option<Uuid>,
}

pub(super) async fn lock(
    connection: &mut PgConnection,
    repeats: &[&Event<'_>],
    events: &[Event<'_>],
) -> sqlx::Result<Locked> {
    let mut roots: Vec<_> =
        events.iter().filter_map(|event| Some(event.envelope.replayed_from?.root.0)).collect();
    roots.sort_unstable();
    roots.dedup();
    let rows = match (repeats, roots.as_slice()) {
        ([], []) => return Ok(Locked::default()),
        (_, []) => lock_open(connection, repeats).await?,
        _ => lock_with_roots(connection, repeats, &roots).await?,
    };
    let mut locked = Locked::default();
    for Row { id, provider, dedup_key, status, effects_by } in rows {
        let own = (status == Status::Completed).then_some(id);
        locked.effects.insert(id, effects_by.or(own));
        // Asked here too: while the statement waited for the lock, somebody may have settled it.
        if matches!(status, Status::Received | Status::Processing | Status::Failed) {
            locked.open.insert((provider, dedup_key), Open { id, effects_by });
        }
    }
    Ok(locked)
}

/// Without replays, as nearly always.
///
/// The status is compared as an expression to keep the planner from its index: when many events have just failed, and
/// the statistics do not know yet, it would read all of them for every batch.
async fn lock_open(connection: &mut PgConnection, repeats: &[&Event<'_>]) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(
        Row,
        r#"select id, provider, dedup_key, status as "status: Status", effects_by
        from webhook_events
        where (provider, dedup_key) in (select provider, dedup_key from unnest($1::text[], $2::text[])
                as repeated (provider, dedup_key))
            and (status || '') in ('received', 'processing', 'failed')
        order by provider, dedup_key
        for update"#,
        &column(repeats, |event| event.provider) as _,
        &column(repeats, |event| event.key()) as _,
    )
    .fetch_all(connection)
    .await
}

async fn lock_with_roots(
    connection: &mut PgConnection,
    repeats: &[&Event<'_>],
    roots: &[Uuid],
) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(
        Row,
        r#"select id, provider, dedup_key, status as "status: Status", effects_by
        from webhook_events
        where id in (
            select known.id
            from webhook_events known
            where (known.provider, known.dedup_key) in (select provider, dedup_key from unnest($1::text[], $2::text[])
                    as repeated (provider, dedup_key))
                and (known.status || '') in ('received', 'processing', 'failed')
            union all
            select unnest($3::uuid[])
        )
        order by provider, dedup_key
        for update"#,
        &column(repeats, |event| event.provider) as _,
        &column(repeats, |event| event.key()) as _,
        roots,
    )
    .fetch_all(connection)
    .await
}
