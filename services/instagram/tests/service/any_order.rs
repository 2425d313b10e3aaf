//! Sets of events about one message, in many orders.

use std::collections::BTreeMap;

use contract::{EventId, instagram::split};
use proptest::{
    prelude::*,
    strategy::{Just, ValueTree as _},
    test_runner::TestRunner,
};
use sqlx::PgPool;
use time::{Duration, macros::datetime};

use crate::given::{ACCOUNT, Service, envelope, from_account, from_user, messaging};

const SETS: u64 = 8;
const ORDERS: u64 = 6;

/// The account's rows in all tables, without what differs between two accounts.
const ROWS: &str = "select replace(jsonb_build_object(
        'accounts', (select jsonb_agg(to_jsonb(t)) from instagram_accounts t where account_id = $1),
        'conversations', (select jsonb_agg(to_jsonb(t) order by participant_id)
            from instagram_conversations t where account_id = $1),
        'messages', (select jsonb_agg(to_jsonb(t) - 'event_id' order by mid)
            from instagram_messages t where account_id = $1),
        'reactions', (select jsonb_agg(to_jsonb(t) - 'event_id' order by mid, sender_id)
            from instagram_reactions t where account_id = $1),
        'seen', (select jsonb_agg(to_jsonb(t) - 'event_id' order by reader_id)
            from instagram_seen t where account_id = $1),
        'postbacks', (select jsonb_agg(to_jsonb(t) - 'event_id' order by postback_id)
            from instagram_postbacks t where account_id = $1),
        'referrals', (select jsonb_agg(to_jsonb(t) - 'event_id' order by referral_id)
            from instagram_referrals t where account_id = $1),
        'comments', (select jsonb_agg(to_jsonb(t) - 'event_id' order by comment_id)
            from instagram_comments t where account_id = $1)
    )::text, $1, 'ACCOUNT')";

/// A delivery of one event about message `m`, or about what is near it. Few instants, so that many events share one.
fn deliveries() -> impl Strategy<Value = String> {
    let reaction = |sender: fn(u32, &str) -> String| {
        (0..5_u32, prop::sample::select(vec!["love", "other", ""])).prop_map(move |(at, word)| {
            let action = if word.is_empty() { "unreact" } else { "react" };
            let rest = if word.is_empty() { String::new() } else { format!(r#","reaction":"{word}""#) };
            messaging(&sender(at, &format!(r#""reaction":{{"mid":"m","action":"{action}"{rest}}}"#)))
        })
    };
    let comment = (prop::sample::select(vec!["comments", "live_comments"]), 0..3_u32).prop_map(|(field, n)| {
        let from = if n == 0 { ACCOUNT } else { "77" };
        let value = format!(
            r#"{{"id":"c-{n}","text":"@shop {field}","from":{{"id":"{from}","username":"Shop"}},"media":{{"id":"1"}}}}"#
        );
        crate::given::change(ACCOUNT, field, &value)
    });
    prop_oneof![
        3 => Just(messaging(&from_user(1, r#""message":{"mid":"m","text":"hello","referral":{"ref":"r"}}"#))),
        1 => Just(messaging(&from_account(1, r#""message":{"mid":"m","text":"hello","is_echo":true}"#))),
        2 => (0..6_u32).prop_map(|at| messaging(&from_user(at, r#""message":{"mid":"m","is_deleted":true}"#))),
        3 => (0..4_u32, 0..4_u32).prop_map(|(at, number)| messaging(&from_user(
            at, &format!(r#""message_edit":{{"mid":"m","text":"edit {at}","num_edit":{number}}}"#)))),
        1 => (5..9_u32).prop_map(|number| messaging(&format!(
            r#"{{"timestamp":1767225600009,"message_edit":{{"mid":"m","num_edit":{number}}}}}"#))),
        3 => reaction(from_user),
        2 => reaction(from_account),
        2 => (0..5_u32, 0..4_u32).prop_map(|(at, mid)| messaging(&from_user(at, &format!(r#""read":{{"mid":"m-{mid}"}}"#)))),
        1 => (0..3_u32).prop_map(|at| messaging(&from_user(at, r#""postback":{"title":"t","payload":"p"}"#))),
        1 => (0..3_u32).prop_map(|at| messaging(&from_user(at, r#""referral":{"ref":"qr","source":"IGME"}"#))),
        2 => comment,
    ]
}

#[tokio::test]
async fn any_order_of_events_about_a_message_leads_to_the_same_rows() {
    let service = Service::start().await;
    let mut runner = TestRunner::default();
    for set in 0..SETS {
        // Two with one key are one event: whichever comes first is the one.
        let drawn = prop::collection::vec(deliveries(), 1..16).new_tree(&mut runner).unwrap().current();
        let by_key: BTreeMap<String, String> = drawn
            .into_iter()
            .map(|body| (split(&body).unwrap()[0].as_ref().unwrap().dedup_key.clone(), body))
            .collect();
        let events: Vec<(u64, String)> = (0..).zip(by_key.into_values()).collect();
        let mut expected: Option<String> = None;
        for order in 0..ORDERS {
            let account = format!("1784{set:06}{order:07}");
            let shuffled = Just(events.clone()).prop_shuffle().new_tree(&mut runner).unwrap().current();
            publish(&service, &account, order, &shuffled).await;
            let rows = rows(&service.pool, &account).await;
            assert_eq!(*expected.get_or_insert_with(|| rows.clone()), rows, "{shuffled:#?}");
        }
    }
    service.stop().await;
}

/// Sends the events to an account of their own, each with an id and a time that its place in the set decides.
async fn publish(service: &Service, account: &str, order: u64, events: &[(u64, String)]) {
    for (place, body) in events {
        let body = body.replace(ACCOUNT, account);
        let event = split(&body).unwrap().remove(0).unwrap();
        let mut envelope = envelope(&event);
        // Made in the order of places, so that it sorts alike in every order of arrival.
        envelope.id = id(account, order, *place);
        envelope.time = datetime!(2026-01-01 12:00 UTC) + Duration::minutes(i64::try_from(*place).unwrap());
        service.publish(envelope, event.body).await;
    }
    service.settled().await;
}

fn id(account: &str, order: u64, place: u64) -> EventId {
    let account: u128 = account.parse().unwrap();
    format!("{:032x}", (u128::from(place) << 96) | (account << 8) | u128::from(order)).parse().unwrap()
}

async fn rows(pool: &PgPool, account: &str) -> String {
    sqlx::query_scalar(ROWS).bind(account).fetch_one(pool).await.unwrap()
}
