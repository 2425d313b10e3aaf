//! What Meta sends: every kind of event, with ids of its own, in the shapes in which it comes.

use serde_json::{Value, json};
use time::OffsetDateTime;

/// A body with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// What it shows.
    pub name: &'static str,
    /// The body, as it is signed and sent.
    pub body: String,
}

/// One body of every kind, about this account, with ids that begin with `prefix`.
pub fn catalogue(account: &str, prefix: &str, now: OffsetDateTime) -> Vec<Sample> {
    let mut samples = Vec::new();
    let mut add = |name, entry: Value| samples.push(Sample { name, body: escaped(&envelope(&[entry])) });
    for (name, item) in messaging(account, prefix, now) {
        add(name, messaging_entry(account, now, &[item]));
    }
    for (name, field, value) in changes(account, prefix) {
        add(name, changes_entry(account, now, &[(field, value)]));
    }
    let comment = comment(&format!("{prefix}-flat"), "9000000000000001", "Qual o valor?");
    add(
        "flat entry",
        json!({ "id": account, "time": now.unix_timestamp(), "field": "comments", "value": comment }),
    );
    let item = message(account, now, &json!({ "mid": format!("{prefix}-standby"), "text": "oi" }));
    add("standby", json!({ "id": account, "time": millis(now), "standby": [item] }));
    let comment = changes_entry(
        account,
        now,
        &[("comments", self::comment(&format!("{prefix}-array"), "9000000000000001", "oi"))],
    );
    samples.push(Sample { name: "array of envelopes", body: escaped(&json!([envelope(&[comment])])) });
    samples.push(Sample {
        name: "unknown object and field",
        body: json!({ "object": "page", "entry": [{ "id": "1", "time": now.unix_timestamp(),
            "changes": [{ "field": "something_new", "value": { "id": format!("{prefix}-new") } }] }] })
        .to_string(),
    });
    samples
}

/// What the dashboard's Test button sends: the same ids with every press.
pub fn test_button(now: OffsetDateTime) -> Vec<Sample> {
    let press = |field: &str, value: Value| {
        json!({ "entry": [{ "id": "0", "time": now.unix_timestamp(), "changes": [{ "field": field, "value": value }] }],
            "object": "instagram" })
        .to_string()
    };
    let parties = |extra: Value| {
        let mut value =
            json!({ "sender": { "id": "12334" }, "recipient": { "id": "23245" }, "timestamp": "1527459824" });
        merge(&mut value, extra);
        value
    };
    vec![
        Sample {
            name: "test: messages",
            body: press(
                "messages",
                parties(json!({ "message": { "mid": "random_mid", "text": "random_text" } })),
            ),
        },
        Sample {
            name: "test: comments",
            body: press(
                "comments",
                json!({ "from": { "id": "232323232", "username": "test" },
                    "media": { "id": "123123123", "media_product_type": "FEED" }, "id": "17865799348089039",
                    "parent_id": "1231231234", "text": "This is an example." }),
            ),
        },
        Sample {
            name: "test: messaging_seen",
            body: press(
                "messaging_seen",
                parties(
                    json!({ "read": { "mid": "last_message_id_read", "watermark": 1_527_459_824_000_u64 } }),
                ),
            ),
        },
    ]
}

/// So many comments in one body: Meta puts up to a thousand updates into one POST.
pub fn many(account: &str, prefix: &str, count: usize, now: OffsetDateTime) -> String {
    escaped(&envelope(&[changes_entry(account, now, &comments(prefix, count))]))
}

/// The same comments as [`many`], in two bodies and later: what a retry may look like.
pub fn regrouped(account: &str, prefix: &str, count: usize, later: OffsetDateTime) -> [String; 2] {
    let comments = comments(prefix, count);
    let (first, second) = comments.split_at(count / 2);
    [first, second].map(|half| escaped(&envelope(&[changes_entry(account, later, half)])))
}

fn comments(prefix: &str, count: usize) -> Vec<(&'static str, Value)> {
    (0..count)
        .map(|number| {
            ("comments", comment(&format!("{prefix}-{number}"), "9000000000000001", "Que lindo! 😀"))
        })
        .collect()
}

fn messaging(account: &str, prefix: &str, now: OffsetDateTime) -> Vec<(&'static str, Value)> {
    let mid = |suffix: &str| format!("{prefix}-{suffix}");
    let said = |content: Value| message(account, now, &content);
    let other = |content: Value| item(account, now, content);
    let attachment =
        |kind: &str| json!([{ "type": kind, "payload": { "url": "https://lookaside.example.com/1" } }]);
    vec![
        ("message", said(json!({ "mid": mid("text"), "text": "Olá, tudo bem? 😀" }))),
        ("message with an image", said(json!({ "mid": mid("att"), "attachments": attachment("image") }))),
        ("reply", said(json!({ "mid": mid("reply"), "text": "sim", "reply_to": { "mid": mid("text") } }))),
        (
            "story reply",
            said(json!({ "mid": mid("story-reply"), "text": "amei",
                "reply_to": { "story": { "id": "18200000000000001", "url": "https://lookaside.example.com/s" } } })),
        ),
        ("story mention", said(json!({ "mid": mid("mention"), "attachments": attachment("story_mention") }))),
        (
            "quick reply",
            said(json!({ "mid": mid("quick"), "text": "Sim", "quick_reply": { "payload": "YES" } })),
        ),
        (
            "message from an ad",
            said(json!({ "mid": mid("ad"), "text": "oi", "referral": { "ref": "summer",
                "ad_id": "120000000000001", "source": "ADS", "type": "OPEN_THREAD" } })),
        ),
        ("unsupported", said(json!({ "mid": mid("unsupported"), "is_unsupported": true }))),
        (
            "echo",
            json!({ "sender": { "id": account }, "recipient": { "id": "9000000000000001" }, "timestamp": millis(now),
                "message": { "mid": mid("echo"), "text": "Obrigado", "is_echo": true, "app_id": 1_234_567_890_u64 } }),
        ),
        ("deleted", said(json!({ "mid": mid("att"), "is_deleted": true }))),
        ("edit", other(json!({ "message_edit": { "mid": mid("text"), "text": "Olá!", "num_edit": 1 } }))),
        (
            "reaction",
            other(
                json!({ "reaction": { "mid": mid("text"), "action": "react", "reaction": "love", "emoji": "\u{2764}\u{fe0f}" } }),
            ),
        ),
        ("reaction taken back", other(json!({ "reaction": { "mid": mid("text"), "action": "unreact" } }))),
        (
            "postback",
            other(
                json!({ "postback": { "mid": mid("postback"), "title": "Talk to us", "payload": "HUMAN" } }),
            ),
        ),
        (
            "referral",
            other(json!({ "referral": { "ref": mid("qr"), "source": "IGME", "type": "OPEN_THREAD" } })),
        ),
        ("seen", other(json!({ "read": { "mid": mid("text") } }))),
        (
            "handover",
            other(
                json!({ "pass_thread_control": { "previous_owner_app_id": "100", "new_owner_app_id": "200", "metadata": mid("handover") } }),
            ),
        ),
    ]
}

fn changes(account: &str, prefix: &str) -> Vec<(&'static str, &'static str, Value)> {
    let id = |suffix: &str| format!("{prefix}-{suffix}");
    let mut own = comment(&id("own"), account, "Obrigado!");
    merge(
        &mut own,
        json!({ "from": { "id": account, "username": "acme.example", "self_ig_scoped_id": account } }),
    );
    let mut reply = comment(&id("reply"), "9000000000000002", "Também quero");
    merge(&mut reply, json!({ "parent_id": id("comment") }));
    vec![
        ("comment", "comments", comment(&id("comment"), "9000000000000001", "Qual o valor?")),
        ("reply to a comment", "comments", reply),
        ("own comment", "comments", own),
        ("live comment", "live_comments", comment(&id("live"), "9000000000000002", "oi")),
        ("mention", "mentions", json!({ "media_id": id("media"), "comment_id": id("mentioning") })),
        (
            "story insights",
            "story_insights",
            json!({ "media_id": id("story"), "exits": 1, "replies": -1, "reach": 17, "taps_forward": 12,
                "taps_back": 2, "impressions": 28 }),
        ),
    ]
}

fn comment(id: &str, from: &str, text: &str) -> Value {
    json!({ "id": id, "from": { "id": from, "username": "fan.one", "self_ig_scoped_id": from }, "text": text,
        "media": { "id": "18100000000000001", "media_product_type": "FEED" } })
}

fn message(account: &str, now: OffsetDateTime, content: &Value) -> Value {
    item(account, now, json!({ "message": content }))
}

fn item(account: &str, now: OffsetDateTime, content: Value) -> Value {
    let mut item = json!({ "sender": { "id": "9000000000000001" }, "recipient": { "id": account },
        "timestamp": millis(now) });
    merge(&mut item, content);
    item
}

fn messaging_entry(account: &str, now: OffsetDateTime, items: &[Value]) -> Value {
    json!({ "id": account, "time": millis(now), "messaging": items })
}

fn changes_entry(account: &str, now: OffsetDateTime, changes: &[(&str, Value)]) -> Value {
    let changes: Vec<_> =
        changes.iter().map(|(field, value)| json!({ "field": field, "value": value })).collect();
    json!({ "id": account, "time": now.unix_timestamp(), "changes": changes })
}

fn envelope(entries: &[Value]) -> Value {
    json!({ "object": "instagram", "entry": entries })
}

fn merge(into: &mut Value, members: Value) {
    if let (Value::Object(into), Value::Object(members)) = (into, members) {
        into.extend(members);
    }
}

fn millis(instant: OffsetDateTime) -> i128 {
    instant.unix_timestamp_nanos() / 1_000_000
}

/// JSON with everything beyond ASCII escaped, as Meta's bodies are. Whoever parses and prints it again has other bytes,
/// and another signature.
fn escaped(value: &Value) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for c in value.to_string().chars() {
        if c.is_ascii() {
            text.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            write!(text, "\\u{unit:04x}").expect("a String takes every write");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn every_body_is_json_in_escaped_ascii() {
        let now = datetime!(2026-01-20 10:00 UTC);
        let samples = catalogue("17841400000000001", "m", now);
        assert!(samples.len() > 25);
        for sample in samples.iter().chain(&test_button(now)) {
            assert!(sample.body.is_ascii(), "{}", sample.name);
            assert!(serde_json::from_str::<Value>(&sample.body).is_ok(), "{}", sample.name);
        }
        assert!(samples[0].body.contains(r"Ol\u00e1, tudo bem? \ud83d\ude00"), "{}", samples[0].body);
    }

    #[test]
    fn every_body_is_what_the_edge_understands() {
        let now = datetime!(2026-01-20 10:00 UTC);
        let mut keys = std::collections::BTreeSet::new();
        for sample in catalogue("17841400000000001", "m", now).iter().chain(&test_button(now)) {
            for event in contract::instagram::split(&sample.body).expect(sample.name) {
                let event = event.expect(sample.name);
                assert_eq!(event.is_test, sample.name.starts_with("test:"), "{}", sample.name);
                assert!(keys.insert(event.dedup_key), "{} repeats another event", sample.name);
            }
        }
        let thousand = many("17841400000000001", "m", 1000, now);
        assert_eq!(contract::instagram::split(&thousand).unwrap().len(), 1000);
    }

    #[test]
    fn a_retry_may_be_grouped_otherwise_and_has_the_same_events() {
        let now = datetime!(2026-01-20 10:00 UTC);
        let ids = |body: &str| -> Vec<String> {
            let body: Value = serde_json::from_str(body).unwrap();
            let changes = body["entry"][0]["changes"].as_array().unwrap();
            changes.iter().map(|change| change["value"]["id"].as_str().unwrap().to_owned()).collect()
        };
        let [first, second] = regrouped("1", "c", 1000, now);
        assert_eq!(ids(&many("1", "c", 1000, now)), [ids(&first), ids(&second)].concat());
    }
}
