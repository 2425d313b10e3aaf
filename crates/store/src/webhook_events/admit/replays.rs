//! Which replays of a batch may have effects: of an original and all its replays one has them, unless a replay is told
//! to have them in any case.

use std::collections::HashMap;

use sqlx::PgConnection;
use uuid::Uuid;

use super::{Admitted, Event, Locked};
use crate::{column, replays::lock_roots};

/// Turns the verdict on replays whose effects are there into [`Admitted::Moot`], and notes in the ledger who had them.
pub(super) async fn decide(
    connection: &mut PgConnection,
    events: &[Event<'_>],
    verdicts: &mut [Admitted],
    locked: Locked,
) -> sqlx::Result<()> {
    let replays: Vec<_> = events
        .iter()
        .zip(verdicts)
        .filter_map(|(event, verdict)| {
            let own = verdict.ledger_id(event.envelope.id)?.0;
            Some((event.envelope.replayed_from?, own, verdict))
        })
        .collect();
    if replays.is_empty() {
        return Ok(());
    }
    let mut effects = locked.effects;
    let mut lost: Vec<_> = column(&replays, |(replay, ..)| replay.root.0);
    lost.retain(|root| !effects.contains_key(root));
    let own = column(&replays, |(_, own, _)| *own);
    effects.extend(of_lost(connection, lost, &own).await?);

    let mut noted = Vec::new();
    for (replay, own, verdict) in replays {
        let root = replay.root.0;
        match effects.get(&root).copied().flatten() {
            Some(by) if by != own && !replay.force_effects => {
                *verdict = Admitted::Moot;
                noted.push((own, by));
            }
            Some(_) => {}
            None => {
                effects.insert(root, Some(own));
                noted.push((root, own));
            }
        }
    }
    note(connection, &noted).await
}

/// Which replay had the effects of originals that have no row (any more). There is nothing to lock, so their ids are.
async fn of_lost(
    connection: &mut PgConnection,
    roots: Vec<Uuid>,
    own: &[Uuid],
) -> sqlx::Result<HashMap<Uuid, Option<Uuid>>> {
    if roots.is_empty() {
        return Ok(HashMap::new());
    }
    lock_roots(connection, "ledger", roots.clone()).await?;
    let rows = sqlx::query!(
        r#"select distinct on (replay_root) replay_root as "root!", id
        from webhook_events
        where replay_root = any($1) and status = 'completed' and effects_by is null and id <> all($2)
        order by replay_root, processed_at, id"#,
        &roots,
        own,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.root, Some(row.id))).collect())
}

async fn note(connection: &mut PgConnection, noted: &[(Uuid, Uuid)]) -> sqlx::Result<()> {
    if noted.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "update webhook_events event
        set effects_by = noted.effects_by
        from unnest($1::uuid[], $2::uuid[]) as noted (id, effects_by)
        where event.id = noted.id and event.effects_by is null",
        &column(noted, |(id, _)| *id),
        &column(noted, |(_, by)| *by),
    )
    .execute(connection)
    .await?;
    Ok(())
}
