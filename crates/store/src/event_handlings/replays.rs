//! Replays: of an original and all its replays a consumer acts on one, unless a replay is told to be acted on in any
//! case. The others are noted as repeats of that one.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::Admitted;
use crate::{column, replays::lock_roots, webhook_events::Event};

/// Turns the verdict on new replays of what the consumer acts on already into [`Admitted::Settled`]. What it gave up it
/// does not act on, and what it will try again it does. Proved by `of_an_event_and_its_replays_one_is_acted_on`.
pub(super) async fn settle(
    connection: &mut PgConnection,
    consumer: &str,
    events: &[Event<'_>],
    verdicts: &mut [Admitted],
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    let mut replays: Vec<_> = events
        .iter()
        .zip(verdicts)
        .filter_map(|(event, verdict)| {
            let replay = event.envelope.replayed_from.filter(|replay| !replay.force_effects)?;
            (*verdict == Admitted::New).then_some((replay.root.0, event.envelope.id.0, verdict))
        })
        .collect();
    if replays.is_empty() {
        return Ok(());
    }
    lock_roots(connection, consumer, column(&replays, |(root, ..)| *root)).await?;
    // Those of this batch that are not decided yet do not decide about one another.
    let mut undecided = column(&replays, |(_, id, _)| *id);
    for (root, id, verdict) in &mut replays {
        if let Some(other) = acted_on(connection, consumer, *root, &undecided).await? {
            repeat(connection, consumer, *id, other, now).await?;
            **verdict = Admitted::Settled;
        }
        undecided.retain(|undecided| undecided != id);
    }
    Ok(())
}

/// The original, or a replay of it, that the consumer acts on or will act on.
async fn acted_on(
    connection: &mut PgConnection,
    consumer: &str,
    root: Uuid,
    undecided: &[Uuid],
) -> sqlx::Result<Option<Uuid>> {
    sqlx::query_scalar!(
        "select event_id from event_handlings
        where consumer = $1
            and event_id in (select $2::uuid union select replay_id from replay_items where root_id = $2)
            and event_id <> all($3) and duplicate_of is null and status <> 'dead_letter'
        order by status = 'completed' desc, event_id
        limit 1",
        consumer,
        root,
        undecided,
    )
    .fetch_optional(connection)
    .await
}

async fn repeat(
    connection: &mut PgConnection,
    consumer: &str,
    id: Uuid,
    of: Uuid,
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update event_handlings set status = 'completed', duplicate_of = $3, finished_at = $4
        where event_id = $1 and consumer = $2",
        id,
        consumer,
        of,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}
