//! Several replicas that share one limit, by the row of it.

use std::time::{Duration, Instant};

use c2s_api::LIMIT_KEY;
use simulators::Step;
use sqlx::PgPool;
use store::rate_limits::{self, Rate};
use testkit::Database;
use tokio::task::JoinSet;

use crate::{Given, given, joao};

const STRETCH: Duration = Duration::from_secs(3);
/// One call in 100 ms.
const RATE: Rate = Rate { count: 10, per: Duration::from_secs(1), burst: 1 };

/// Three replicas that read a lead as fast as the limit lets them; calls that were answered, and 429s.
async fn replicas(given: &Given, pool: &PgPool) -> (usize, usize) {
    let started = Instant::now();
    let mut replicas = JoinSet::new();
    for _ in 0..3 {
        let (api, pool) = (given.api.clone(), pool.clone());
        replicas.spawn(async move {
            let (mut answered, mut limited) = (0, 0);
            while started.elapsed() < STRETCH {
                let wait =
                    rate_limits::take(&mut pool.acquire().await.unwrap(), LIMIT_KEY, RATE).await.unwrap();
                if !wait.is_zero() {
                    tokio::time::sleep(wait.min(STRETCH.saturating_sub(started.elapsed()))).await;
                    continue;
                }
                match api.lead("lead-1").await {
                    Ok(_) => answered += 1,
                    Err(error) => {
                        let mut connection = pool.acquire().await.unwrap();
                        let (wait, code) =
                            (error.wait().expect("only limits fail here"), error.code().as_str());
                        rate_limits::pause(&mut connection, LIMIT_KEY, wait, code).await.unwrap();
                        limited += 1;
                    }
                }
            }
            (answered, limited)
        });
    }
    let all = replicas.join_all().await;
    all.into_iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
}

#[tokio::test]
async fn three_replicas_keep_one_limit_and_use_it() {
    let (given, database) = (given().await, Database::create().await);
    given.c2s.add(joao("lead-1"));
    let (answered, limited) = replicas(&given, database.pool()).await;
    let most = given.c2s.script.most_within(Duration::from_secs(1));
    // A call that was granted may still be on its way when the next one overtakes it.
    assert!(most <= 13, "{most} calls within a second");
    assert!((20..=31).contains(&answered) && limited == 0, "{answered} answered, {limited} refused");
}

#[tokio::test]
async fn a_storm_of_429_stops_all_replicas_and_not_one_by_one() {
    let (given, database) = (given().await, Database::create().await);
    given.c2s.add(joao("lead-1"));
    given.c2s.script.then(vec![Step::RetryAfter(429, "1"); 2]);
    let (answered, limited) = replicas(&given, database.pool()).await;
    // Three seconds: a refusal, a second of rest for everybody, another, another second, and then calls again.
    assert_eq!(limited, 2, "{answered} answered");
    assert!((1..=11).contains(&answered), "{answered} answered");
    assert_eq!(given.c2s.script.requests().len(), answered + limited);
}
