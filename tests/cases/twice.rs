//! The same traffic of Meta and Bright Data once and in order, and twice, shuffled and grouped in other ways.

use std::collections::BTreeMap;

use e2e::{ACCOUNT, Options, System, messaging, social};
use futures::{StreamExt as _, stream};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};
use serde_json::{Value, json};
use simulators::brightdata::{Delivery, Form};

const BEGAN: i64 = 1_767_225_600_000;

/// A message as all its events together leave it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Message {
    text: Option<String>,
    edits: i32,
    sent_at: Option<i64>,
    deleted_at: Option<i64>,
    reaction: Option<String>,
    is_echo: bool,
}

/// What is sent, and what it amounts to.
#[derive(Default)]
struct Traffic {
    items: Vec<Value>,
    messages: BTreeMap<String, Message>,
    deliveries: Vec<Delivery>,
    /// Likes, and the minute of collection, by id.
    posts: BTreeMap<String, (i64, i64)>,
}

impl Traffic {
    fn new() -> Self {
        let mut traffic = Self::default();
        for number in 0..120 {
            traffic.message(number);
        }
        for snapshot in 0..3 {
            traffic.delivery(snapshot);
        }
        traffic
    }

    /// A message with its edits, reactions, deletion and sign of having been read.
    fn message(&mut self, number: i64) {
        let mid = format!("m-{number}");
        let user = format!("900000000000000{}", number % 4);
        let is_echo = number % 7 == 0;
        let mut at = BEGAN + number * 10_000;
        let mut expected = Message { sent_at: Some(at), is_echo, ..Message::default() };
        let mut add = |at: i64, own: bool, key: &str, value: Value| {
            let (sender, recipient) = if own { (ACCOUNT, &*user) } else { (&*user, ACCOUNT) };
            self.items.push(json!({ "sender": { "id": sender }, "recipient": { "id": recipient }, "timestamp": at, key: value }));
        };
        let mut text = format!("olá {number} 😀");
        let mut message = json!({ "mid": mid, "text": text });
        if is_echo {
            message["is_echo"] = true.into();
        }
        add(at, is_echo, "message", message);
        for edit in 1..=number % 4 {
            at += 100;
            text = format!("edit {edit} of {number}");
            add(at, is_echo, "message_edit", json!({ "mid": mid, "text": text, "num_edit": edit }));
            expected.edits = i32::try_from(edit).unwrap();
        }
        expected.text = Some(text);
        for (step, action) in
            ["react", "unreact", "react"].into_iter().take(usize::try_from(number % 4).unwrap()).enumerate()
        {
            at += 100;
            let mut reaction = json!({ "mid": mid, "action": action });
            if action == "react" {
                reaction["reaction"] = ["love", "", "other"][step].into();
            }
            add(at, !is_echo, "reaction", reaction);
            expected.reaction = (action == "react").then(|| ["love", "", "other"][step].to_owned());
        }
        if number % 5 == 0 {
            at += 100;
            add(at, is_echo, "message", json!({ "mid": mid, "is_deleted": true, "is_echo": is_echo }));
            expected.deleted_at = Some(at);
        }
        add(at + 100, !is_echo, "read", json!({ "mid": mid }));
        self.messages.insert(mid, expected);
    }

    /// Posts that other snapshots have too, older and newer; comments, an error and something strange.
    fn delivery(&mut self, snapshot: i64) {
        let mut records = Vec::new();
        for id in 0..400 {
            let (minute, likes) = ((snapshot * 7 + id) % 20, snapshot * 1_000 + id);
            records.push(json!({
                "url": format!("https://www.instagram.com/p/{id}/"), "post_id": id.to_string(), "likes": likes,
                "num_comments": likes.to_string(), "description": format!("post {id} at {minute}"),
                "content_type": "Image", "timestamp": format!("2026-01-15T15:{minute:02}:00.000Z"),
            }));
            let newest = self.posts.entry(id.to_string()).or_insert((likes, minute));
            if newest.1 < minute {
                *newest = (likes, minute);
            }
        }
        records.push(json!({ "error": "4XX page - dead page.", "error_code": "dead_page",
            "input": { "url": "https://www.instagram.com/p/gone/" }, "timestamp": "2026-01-15T08:00:03.002Z" }));
        records.push(
            json!({ "url": "https://www.instagram.com/p/1/", "comment_id": "c-1", "comment_user": "fan.one",
            "post_user": "acme.example", "comment": "Lindo!", "likes_number": snapshot,
            "timestamp": format!("2026-01-15T15:0{snapshot}:00.000Z") }),
        );
        records.push(json!({ "nothing": "that we know", "snapshot": snapshot }));
        self.deliveries.push(Delivery::new(&format!("s_{snapshot}"), records));
    }
}

/// Everything that the traffic became, but what depends on when it came.
const ROWS: &str = "select jsonb_build_object(
    'accounts', (select jsonb_agg(to_jsonb(t) - '{first_webhook_at,last_webhook_at}'::text[]) from instagram_accounts t),
    'conversations', (select jsonb_agg(to_jsonb(t) order by participant_id) from instagram_conversations t),
    'messages', (select jsonb_agg(to_jsonb(t) - 'event_id' order by mid) from instagram_messages t),
    'reactions', (select jsonb_agg(to_jsonb(t) - '{event_id,received_at}'::text[] order by mid, sender_id)
        from instagram_reactions t),
    'seen', (select jsonb_agg(to_jsonb(t) - '{event_id,received_at}'::text[] order by participant_id, reader_id)
        from instagram_seen t),
    'posts', (select jsonb_agg(to_jsonb(t) - '{last_event_id,first_seen_at,last_seen_at}'::text[] order by external_id)
        from social_posts t),
    'comments', (select jsonb_agg(to_jsonb(t) - '{last_event_id,first_seen_at,last_seen_at}'::text[] order by external_id)
        from social_comments t),
    'errors', (select jsonb_agg(to_jsonb(t) - '{last_event_id,first_seen_at,last_seen_at}'::text[] order by snapshot_id)
        from scrape_record_errors t),
    'unrecognised', (select jsonb_agg(to_jsonb(t) - '{event_id,received_at}'::text[] order by snapshot_id)
        from unrecognised_records t),
    'drift', (select jsonb_agg(jsonb_build_array(dataset, path, change, found, expected)
        order by dataset, path, change, found) from schema_drift t),
    'jobs', (select jsonb_agg(jsonb_build_array(snapshot_id, status, provider_status, platform) order by snapshot_id)
        from scrape_requests t))";

async fn settled(system: &System) -> Value {
    system.until_consumed("INSTAGRAM", "instagram-handler").await;
    system.until_consumed("BRIGHTDATA", "brightdata-processor").await;
    let unsettled = "select count(*) from webhook_events where status <> 'completed'";
    assert_eq!(system.count(unsettled).await, 0);
    sqlx::query_scalar(ROWS).fetch_one(system.pool()).await.unwrap()
}

async fn once_in_order(traffic: &Traffic) -> Value {
    let system = System::start(Options { edge: social(), ..Options::default() }).await;
    let _consumers =
        [system.start_program("weir-instagram").await, system.start_program("weir-brightdata").await];
    for items in traffic.items.chunks(50) {
        assert_eq!(system.post_instagram(&messaging(items, BEGAN)).await, 200);
    }
    for delivery in &traffic.deliveries {
        assert_eq!(system.deliver(delivery).await, 200);
        assert_eq!(system.notify_ready(delivery.snapshot_id.as_ref().unwrap()).await, 200);
    }
    let rows = settled(&system).await;
    compare(&system, traffic).await;
    rows
}

async fn twice_and_shuffled(traffic: &Traffic) -> Value {
    let system = System::start(Options { edge: social(), ..Options::default() }).await;
    let _consumers = [
        system.start_program("weir-instagram").await,
        system.start_program("weir-instagram").await,
        system.start_program("weir-brightdata").await,
        system.start_program("weir-brightdata").await,
    ];
    let mut random = StdRng::seed_from_u64(11);
    let mut items = [&traffic.items[..], &traffic.items[..]].concat();
    items.shuffle(&mut random);
    let mut posts = Vec::new();
    let mut left = &items[..];
    while !left.is_empty() {
        let (group, rest) = left.split_at(random.random_range(1..=40).min(left.len()));
        posts.push(messaging(group, BEGAN + random.random_range(0..100_000)));
        left = rest;
    }
    let mut deliveries = traffic.deliveries.clone();
    for delivery in &traffic.deliveries {
        // The same bytes again, and the same records in another order: other parts.
        let mut other = delivery.clone();
        other.records.shuffle(&mut random);
        (other.gzip, other.form) = (false, Form::Ndjson);
        deliveries.extend([delivery.clone(), other]);
    }
    deliveries.shuffle(&mut random);
    let told: Vec<_> = deliveries.iter().map(|delivery| delivery.snapshot_id.clone().unwrap()).collect();
    let (instagram, notified, bright_data) = tokio::join!(
        stream::iter(&posts).map(|body| system.post_instagram(body)).buffer_unordered(8).collect::<Vec<_>>(),
        stream::iter(&told).map(|id| system.notify_ready(id)).buffer_unordered(2).collect::<Vec<_>>(),
        stream::iter(&deliveries).map(|it| system.deliver(it)).buffer_unordered(4).collect::<Vec<_>>(),
    );
    for status in instagram.into_iter().chain(notified).chain(bright_data) {
        assert_eq!(status, 200, "{}", system.edge.log());
    }
    let rows = settled(&system).await;
    compare(&system, traffic).await;
    rows
}

/// Compares rows with what was sent, field by field.
async fn compare(system: &System, traffic: &Traffic) {
    type Row = (String, Option<String>, Option<i32>, Option<i64>, Option<i64>, Option<String>, bool);
    let rows: Vec<Row> = sqlx::query_as(
        "select m.mid, m.text, m.num_edit, (extract(epoch from m.sent_at) * 1000)::bigint,
            (extract(epoch from m.deleted_at) * 1000)::bigint, r.reaction, m.is_echo
        from instagram_messages m left join instagram_reactions r on r.mid = m.mid and r.is_active",
    )
    .fetch_all(system.pool())
    .await
    .unwrap();
    let stored: BTreeMap<_, _> = rows
        .into_iter()
        .map(|(mid, text, edits, sent_at, deleted_at, reaction, is_echo)| {
            let edits = edits.unwrap_or_default();
            (mid, Message { text, edits, sent_at, deleted_at, reaction, is_echo })
        })
        .collect();
    assert_eq!(stored, traffic.messages);
    let rows: Vec<(String, i64, i64, String, i64)> = sqlx::query_as(
        "select external_id, likes, comments, text, extract(minute from collected_at)::bigint from social_posts",
    )
    .fetch_all(system.pool())
    .await
    .unwrap();
    assert_eq!(rows.len(), traffic.posts.len());
    for (id, likes, comments, text, minute) in rows {
        let expected = traffic.posts[&id];
        assert_eq!(
            ((likes, minute), comments, text),
            (expected, expected.0, format!("post {id} at {}", expected.1))
        );
    }
}

#[tokio::test]
async fn the_same_traffic_twice_and_shuffled_gives_the_same_rows() {
    let traffic = Traffic::new();
    let (once, twice) = tokio::join!(once_in_order(&traffic), twice_and_shuffled(&traffic));
    for (table, rows) in once.as_object().unwrap() {
        assert_eq!(rows, &twice[table], "{table}");
    }
}
