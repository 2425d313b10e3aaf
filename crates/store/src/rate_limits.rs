//! Limits on calls to other companies, shared by every replica of every service.
//!
//! The algorithm is GCRA: one instant per limit says when the next call would arrive if all came at an even pace. The
//! database's clock decides, so replicas whose clocks differ still agree.

use std::time::Duration;

use sqlx::PgConnection;
use time::OffsetDateTime;

/// How often something may be done. A zero counts as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// So many,
    pub count: u32,
    /// in so long,
    pub per: Duration,
    /// of which so many at once after a pause. In any stretch of `per` at most `count + burst - 1` are granted, and one
    /// more at its very edge: who counts strictly is met with [`Rate::strict`].
    pub burst: u32,
}

/// A limit as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// What is limited.
    pub key: String,
    /// When somebody last asked.
    pub asked_at: OffsetDateTime,
    /// What was answered: zero means granted.
    pub wait: Duration,
    /// No calls before this.
    pub paused_until: Option<OffsetDateTime>,
    /// Why, in one word.
    pub pause_code: Option<String>,
}

/// Takes one call of a limit. Zero: taken. Otherwise nothing was taken, and this says how long to wait before asking
/// again. Proved by `three_takers_together_get_what_the_limit_allows` and `a_pause_holds_for_everybody`.
///
/// Call it outside a transaction: until a transaction ends, everybody else who asks for this key waits for it.
///
/// # Errors
/// Those of the database.
pub async fn take(connection: &mut PgConnection, key: &str, rate: Rate) -> sqlx::Result<Duration> {
    // One statement, one clock: `statement_timestamp` is the same wherever it stands. A refusal writes too, since
    // `returning` cannot tell what stood there before.
    let wait_us = sqlx::query_scalar!(
        r#"insert into rate_limits as known (key, arrival_at, asked_at)
        values ($1, statement_timestamp() + $2::bigint * interval '1 microsecond', statement_timestamp())
        on conflict on constraint rate_limits_pkey do update set
            asked_at = excluded.asked_at,
            arrival_at = case
                when known.paused_until > excluded.asked_at then known.arrival_at
                when known.arrival_at > excluded.asked_at + $3::bigint * interval '1 microsecond' then known.arrival_at
                else greatest(known.arrival_at, excluded.asked_at) + $2::bigint * interval '1 microsecond'
            end,
            wait_us = (extract(epoch from greatest(
                interval '0',
                known.paused_until - excluded.asked_at,
                known.arrival_at - excluded.asked_at - $3::bigint * interval '1 microsecond'
            )) * 1000000)::bigint,
            paused_until = case when known.paused_until > excluded.asked_at then known.paused_until end,
            pause_code = case when known.paused_until > excluded.asked_at then known.pause_code end
        returning wait_us"#,
        key,
        rate.interval_us(),
        rate.tolerance_us(),
    )
    .fetch_one(connection)
    .await?;
    Ok(duration(wait_us))
}

/// Nobody calls for so long from now: the other side asked for it, or refuses our token or quota. A pause that ends
/// later stays. Proved by `a_pause_holds_for_everybody`.
///
/// # Errors
/// Those of the database.
pub async fn pause(
    connection: &mut PgConnection,
    key: &str,
    length: Duration,
    code: &str,
) -> sqlx::Result<()> {
    let length_us = i64::try_from(length.as_micros()).unwrap_or(i64::MAX).min(PAUSE_MAX_US);
    sqlx::query!(
        "insert into rate_limits as known (key, arrival_at, asked_at, paused_until, pause_code)
        values ($1, statement_timestamp(), statement_timestamp(),
            statement_timestamp() + $2::bigint * interval '1 microsecond', $3)
        on conflict on constraint rate_limits_pkey do update set
            paused_until = excluded.paused_until,
            pause_code = excluded.pause_code
        where known.paused_until is null or known.paused_until < excluded.paused_until",
        key,
        length_us,
        code,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Ends a pause before its time: an operator changed the token. Says whether there was one.
///
/// # Errors
/// Those of the database.
pub async fn resume(connection: &mut PgConnection, key: &str) -> sqlx::Result<bool> {
    let changed = sqlx::query!(
        "update rate_limits set paused_until = null, pause_code = null
        where key = $1 and paused_until > statement_timestamp()",
        key,
    )
    .execute(connection)
    .await?;
    Ok(changed.rows_affected() > 0)
}

/// Forgets a limit: what it limited is gone.
///
/// # Errors
/// Those of the database.
pub async fn forget(connection: &mut PgConnection, key: &str) -> sqlx::Result<()> {
    sqlx::query!("delete from rate_limits where key = $1", key).execute(connection).await?;
    Ok(())
}

/// Every limit, for people.
///
/// # Errors
/// Those of the database.
pub async fn list(connection: &mut PgConnection) -> sqlx::Result<Vec<Limit>> {
    let rows = sqlx::query!(
        "select key, asked_at, wait_us,
            case when paused_until > statement_timestamp() then paused_until end as paused_until,
            case when paused_until > statement_timestamp() then pause_code end as pause_code
        from rate_limits order by key"
    )
    .fetch_all(connection)
    .await?;
    let limits = rows.into_iter().map(|row| Limit {
        key: row.key,
        asked_at: row.asked_at,
        wait: duration(row.wait_us),
        paused_until: row.paused_until,
        pause_code: row.pause_code,
    });
    Ok(limits.collect())
}

/// A year: longer pauses are for operators, and dates have an end.
const PAUSE_MAX_US: i64 = 365 * 24 * 3_600 * 1_000_000;

impl Rate {
    /// For who counts strictly: in no stretch of `per` do more than `count` calls arrive, although each of them is on its
    /// way for a time of its own, up to a twentieth of `per`. Proved by `calls_on_their_way_do_not_exceed_a_strict_limit` and,
    /// at the simulator, by `three_replicas_share_the_limit`.
    pub fn strict(count: u32, per: Duration) -> Self {
        Self { count, per: per.saturating_add(per / 20), burst: 1 }
    }

    /// Microseconds between two calls at an even pace, rounded up so that the limit is never exceeded.
    fn interval_us(self) -> i64 {
        let interval = self.per.as_micros().div_ceil(u128::from(self.count.max(1)));
        i64::try_from(interval).unwrap_or(i64::MAX).min(PAUSE_MAX_US)
    }

    /// How many microseconds a call may come before its time.
    fn tolerance_us(self) -> i64 {
        let ahead = i64::from(self.burst.max(1)) - 1;
        self.interval_us().saturating_mul(ahead).min(PAUSE_MAX_US)
    }
}

fn duration(micros: i64) -> Duration {
    Duration::from_micros(micros.try_into().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_on_their_way_do_not_exceed_a_strict_limit() {
        let minute = Duration::from_mins(1);
        let rate = Rate::strict(10, minute);
        // The first of eleven arrives three seconds late, the last one at once.
        let between = duration(rate.interval_us() * 10);
        assert!(between >= minute + Duration::from_secs(3), "{between:?}");
        assert_eq!(rate.tolerance_us(), 0, "none comes before its time");
        assert_eq!(Rate::strict(u32::MAX, Duration::MAX).per, Duration::MAX);
    }
}
