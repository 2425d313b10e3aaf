//! Locks on originals that have no row to be locked.

use sqlx::PgConnection;
use uuid::Uuid;

/// Makes other transactions wait that decide about replays of these originals, until this one ends. `scope` tells apart
/// whose decisions these are.
pub(crate) async fn lock_roots(
    connection: &mut PgConnection,
    scope: &str,
    mut roots: Vec<Uuid>,
) -> sqlx::Result<()> {
    // In one order, so that two transactions cannot wait crosswise.
    roots.sort_unstable();
    roots.dedup();
    for root in roots {
        sqlx::query!("select pg_advisory_xact_lock(hashtextextended($1, $2))", scope, half(root))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// The random half of an id.
fn half(id: Uuid) -> i64 {
    let (_, low) = id.as_u64_pair();
    i64::from_ne_bytes(low.to_ne_bytes())
}
