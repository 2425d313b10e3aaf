//! Limits that replicas share.

use std::time::{Duration, Instant};

use sqlx::PgPool;
use store::rate_limits::{self, Rate};
use testkit::Database;
use tokio::task::JoinSet;

async fn take(pool: &PgPool, key: &str, rate: Rate) -> Duration {
    rate_limits::take(&mut pool.acquire().await.unwrap(), key, rate).await.unwrap()
}

#[tokio::test]
async fn three_takers_together_get_what_the_limit_allows() {
    const STRETCH: Duration = Duration::from_secs(2);
    let database = Database::create().await;
    // One call in 50 ms, and five at once: in two seconds 5 + 40.
    let rate = Rate { count: 20, per: Duration::from_secs(1), burst: 5 };
    let started = Instant::now();
    let mut takers = JoinSet::new();
    for _ in 0..3 {
        let pool = database.pool().clone();
        takers.spawn(async move {
            let mut taken = 0_u32;
            while started.elapsed() < STRETCH {
                match take(&pool, "api", rate).await {
                    Duration::ZERO => taken += 1,
                    wait => tokio::time::sleep(wait.min(STRETCH.saturating_sub(started.elapsed()))).await,
                }
            }
            taken
        });
    }
    let taken: u32 = takers.join_all().await.into_iter().sum();
    // The last to take may have asked at the very end of the stretch, and been answered after it.
    let most = 5 + u32::try_from(started.elapsed().as_millis() / 50).unwrap() + 1;
    assert!((35..=most).contains(&taken), "{taken} of at most {most}");
}

#[tokio::test]
async fn a_refusal_says_how_long_to_wait_and_takes_nothing() {
    let database = Database::create().await;
    let rate = Rate { count: 1, per: Duration::from_mins(1), burst: 2 };
    for expected in [0, 0, 60, 60, 60] {
        let wait = take(database.pool(), "hook", rate).await;
        assert_eq!((wait.as_millis() + 500) / 1_000, expected, "refusals do not add up");
    }
    assert_eq!(take(database.pool(), "other", rate).await, Duration::ZERO, "keys do not share a limit");
}

#[tokio::test]
async fn a_pause_holds_for_everybody() {
    let database = Database::create().await;
    let pool = database.pool();
    let rate = Rate { count: 1_000, per: Duration::from_secs(1), burst: 1_000 };
    let mut connection = pool.acquire().await.unwrap();
    for (seconds, code) in [(30, "rate_limited"), (10, "shorter")] {
        let length = Duration::from_secs(seconds);
        rate_limits::pause(&mut connection, "api", length, code).await.unwrap();
    }
    let wait = take(pool, "api", rate).await;
    assert!((29..=30).contains(&wait.as_secs()), "the longer pause stays: {wait:?}");
    let limits = rate_limits::list(&mut connection).await.unwrap();
    assert_eq!(limits[0].pause_code.as_deref(), Some("rate_limited"));

    assert!(rate_limits::resume(&mut connection, "api").await.unwrap());
    assert!(!rate_limits::resume(&mut connection, "api").await.unwrap());
    assert_eq!(take(pool, "api", rate).await, Duration::ZERO);

    rate_limits::pause(&mut connection, "api", Duration::ZERO, "over").await.unwrap();
    assert_eq!(take(pool, "api", rate).await, Duration::ZERO);
    assert_eq!(rate_limits::list(&mut connection).await.unwrap()[0].pause_code, None);
}

#[tokio::test]
async fn limits_beyond_reason_are_no_error() {
    let database = Database::create().await;
    for (count, per, burst) in [(0, Duration::MAX, 0), (u32::MAX, Duration::MAX, u32::MAX)] {
        let rate = Rate { count, per, burst };
        assert_eq!(take(database.pool(), &format!("{count}"), rate).await, Duration::ZERO);
        take(database.pool(), &format!("{count}"), rate).await;
    }
    let mut connection = database.pool().acquire().await.unwrap();
    rate_limits::pause(&mut connection, "api", Duration::MAX, "for_ever").await.unwrap();
}
