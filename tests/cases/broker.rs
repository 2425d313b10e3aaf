//! The broker goes away. Callers are told; what they were promised is kept.

use std::time::{Duration, Instant};

use e2e::{Lead, Options, System};
use futures::{StreamExt as _, stream};

#[tokio::test]
async fn a_broker_killed_under_load_loses_nothing_that_was_answered_200() {
    let mut system = System::start(Options::default()).await;
    let mut accepted = Vec::new();
    let mut refused = 0;
    for wave in 0..8 {
        if wave == 3 {
            system.broker.kill();
        }
        if wave == 5 {
            system.broker.restart().await;
            system.until_ready().await;
        }
        let replies = stream::iter(0..40)
            .map(|n| {
                let (system, lead) = (&system, Lead::new(format!("lead-{wave}-{n}")));
                async move {
                    let started = Instant::now();
                    let reply = system.post(&lead.json()).await;
                    (lead, reply, started.elapsed())
                }
            })
            .buffer_unordered(40)
            .collect::<Vec<_>>()
            .await;
        for (lead, reply, took) in replies {
            assert!(took < Duration::from_secs(15), "no caller hangs: {took:?}");
            match reply.status {
                200 => accepted.push(lead.id),
                503 => {
                    assert!(reply.retry_after.is_some(), "a 503 says when to come again");
                    refused += 1;
                }
                other => panic!("{other}: {}", reply.body),
            }
        }
    }
    assert!(refused >= 40, "while the broker was away callers were refused ({refused})");
    assert!(accepted.len() >= 6 * 40, "before and after it they were served ({})", accepted.len());
    testkit::eventually("every accepted lead is in the database", e2e::DEADLINE, async || {
        let missing: i64 = sqlx::query_scalar(
            "select count(*) from unnest($1::text[]) accepted (lead_id) where not exists
                (select from webhook_events e where e.lead_id = accepted.lead_id and status = 'completed')",
        )
        .bind(&accepted)
        .fetch_one(system.pool())
        .await
        .ok()?;
        (missing == 0).then_some(())
    })
    .await;
    let twice =
        "select count(*) from (select lead_id from lead_events group by lead_id having count(*) > 1) twice";
    assert_eq!(system.count(twice).await, 0);
}

#[tokio::test]
async fn a_broker_that_hangs_is_a_503_in_time_and_not_ready_later() {
    let system = System::start(Options::default()).await;
    system.broker.pause();
    let started = Instant::now();
    let reply = system.post(&Lead::new("lead-1").json()).await;
    assert_eq!(reply.status, 503);
    assert!(
        reply.retry_after.is_some() && started.elapsed() < Duration::from_secs(10),
        "{:?}",
        started.elapsed()
    );
    assert!(!reply.body.to_string().to_lowercase().contains("nats"), "the answer says nothing of the inside");
    system.broker.resume();
    let again = testkit::eventually("the edge accepts again", e2e::DEADLINE, async || {
        let reply = system.post(&Lead::new("lead-1").json()).await;
        (reply.status == 200).then_some(reply)
    })
    .await;
    assert_eq!(again.body["received"], 1);
    system.until_count("select count(*) from webhook_events where status = 'completed'", 1).await;
}
