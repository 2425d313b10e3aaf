//! Parts in any order, and more than once.

use rand::{SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};
use serde_json::{Value, json};

use crate::given::{Service, example, post};

/// Parts with posts that come again, newer and older, with errors, drift and nonsense among them.
fn parts() -> Vec<Vec<Value>> {
    let part = |number: u64| {
        let mut records: Vec<Value> =
            (0..20).map(|id| post(id, number * 100 + id, (number * 7 + id * 3) % 60)).collect();
        records.push(example("instagram-comments"));
        records.push(example("tiktok-profiles"));
        records.push(
            json!({"error_code":"blocked","input":{"n": number % 3},"timestamp":"2026-01-15T08:00:00Z"}),
        );
        records.push(json!({"url":"https://example.com/","part": number}));
        let mut odd = post(500 + number, 1, 0);
        odd["mood"] = number.into();
        odd["likes"] = json!(5.5e32);
        records.push(odd);
        // The same id again, at the same instant, with another content.
        records.push(post(1, 9_000 + number, 59));
        records.push(post(1, 8_000 + number, 59));
        records
    };
    (1..=8).map(part).collect()
}

async fn rows_after(order: &[u64], times: usize) -> Value {
    let service = Service::start().await;
    let parts = parts();
    for _ in 0..times {
        for number in order {
            let records = &parts[usize::try_from(*number).unwrap() - 1];
            service.part(*number, records).await;
        }
    }
    service.settled(8).await;
    let rows = service.rows().await;
    service.stop().await;
    rows
}

#[tokio::test]
async fn shuffled_and_repeated_parts_give_the_same_rows() {
    let mut order: Vec<u64> = (1..=8).collect();
    let expected = rows_after(&order, 1).await;
    assert_eq!(expected["posts"].as_array().unwrap().len(), 28);
    assert_eq!(expected["errors"].as_array().unwrap().len(), 3);
    let mut random = StdRng::seed_from_u64(7);
    for times in [2, 1] {
        order.shuffle(&mut random);
        assert_eq!(rows_after(&order, times).await, expected, "in the order {order:?}");
    }
}

#[tokio::test]
async fn an_older_record_never_overwrites_a_newer_one() {
    let service = Service::start().await;
    service.part(1, &[post(1, 20, 20)]).await;
    service.settled(1).await;
    service.part(2, &[post(1, 10, 10)]).await;
    service.settled(2).await;
    assert_eq!(service.count("select likes from social_posts").await, 20);
    service.part(3, &[post(1, 30, 30), post(1, 25, 25)]).await;
    service.settled(3).await;
    assert_eq!(service.count("select likes from social_posts").await, 30);
    assert_eq!(
        service.count("select count(*) from social_posts where first_seen_at < last_seen_at").await,
        1
    );
    service.stop().await;
}

#[tokio::test]
async fn two_contents_of_one_instant_do_not_take_turns() {
    let service = Service::start().await;
    let mut seen = Vec::new();
    for number in 0..4 {
        service.part(number + 1, &[post(1, 10 + number % 2, 10)]).await;
        service.settled(number + 1).await;
        seen.push(service.count("select likes from social_posts").await);
    }
    assert_eq!(seen[1..], [seen[1]; 3], "{seen:?}");
    service.stop().await;
}
