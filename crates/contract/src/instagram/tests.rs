//! The payloads of `providers.md` 2.5 and 2.6, what regrouping and re-encoding leave the same, and what nobody documents.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const ACCOUNT: &str = "17841400000000001";
const FAN: &str = "9000000000000001";

/// One item of `messaging[]`: somebody's, of this kind.
fn item(member: &str, detail: &Value) -> Value {
    let mut item =
        json!({"sender": {"id": FAN}, "recipient": {"id": ACCOUNT}, "timestamp": 1_767_225_600_001_u64});
    item[member] = detail.clone();
    item
}

fn messaging(items: &[Value]) -> String {
    json!({"object": "instagram", "entry": [{"id": ACCOUNT, "time": 1_767_225_600_123_u64, "messaging": items}]})
        .to_string()
}

fn change(field: &str, value: &Value) -> String {
    let changes = json!([{"field": field, "value": value}]);
    json!({"object": "instagram", "entry": [{"id": ACCOUNT, "time": 1_767_225_600, "changes": changes}]})
        .to_string()
}

#[track_caller]
fn only(body: &str) -> Event<'_> {
    let mut events = split(body).unwrap();
    assert_eq!(events.len(), 1, "{body}");
    events.remove(0).unwrap()
}

/// Event type and key of the one item, and whether the account did it.
#[track_caller]
fn told(member: &str, detail: &Value) -> (&'static str, String, bool) {
    let body = messaging(&[item(member, detail)]);
    let event = only(&body);
    let key = event.dedup_key.strip_prefix("ig:17841400000000001:").unwrap().to_owned();
    (event.action.event_type(), key, event.is_own)
}

#[test]
fn every_kind_of_message_has_its_type_and_the_key_of_its_repeats() {
    let expect = |member, detail: Value, event_type, key: &str, own| {
        assert_eq!(told(member, &detail), (event_type, key.to_owned(), own), "{detail}");
    };
    expect(
        "message",
        json!({"mid": "m", "text": "hello"}),
        "instagram.message.received",
        "messages:m",
        false,
    );
    expect(
        "message",
        json!({"mid": "m", "is_echo": true}),
        "instagram.message.echo",
        "messages:m:echo",
        true,
    );
    expect(
        "message",
        json!({"mid": "m", "is_deleted": true}),
        "instagram.message.deleted",
        "messages:m:deleted",
        false,
    );
    expect(
        "message",
        json!({"mid": "m", "is_unsupported": true}),
        "instagram.message.received",
        "messages:m",
        false,
    );
    expect("message", json!({"mid": "m", "is_self": true}), "instagram.message.received", "messages:m", true);
    expect(
        "message_edit",
        json!({"mid": "m", "text": "hello!", "num_edit": 1}),
        "instagram.message.edited",
        "messages:m:edit:1",
        false,
    );
    expect(
        "reaction",
        json!({"mid": "m", "action": "react", "reaction": "love", "emoji": "\u{2764}\u{fe0f}"}),
        "instagram.reaction",
        "message_reactions:m:9000000000000001:react:1767225600001",
        false,
    );
    expect(
        "postback",
        json!({"mid": "m-p", "payload": "HUMAN"}),
        "instagram.postback",
        "message_postbacks:m-p",
        false,
    );
    expect(
        "postback",
        json!({"title": "Talk to us", "payload": "HUMAN"}),
        "instagram.postback",
        "message_postbacks:9000000000000001:1767225600001:HUMAN",
        false,
    );
    expect(
        "referral",
        json!({"ref": "qr-code-7", "source": "IGME"}),
        "instagram.referral",
        "message_referrals:9000000000000001:1767225600001:qr-code-7",
        false,
    );
    expect("read", json!({"mid": "m"}), "instagram.seen", "message_seen:m:9000000000000001", false);
    for (member, event_type, field) in [
        ("pass_thread_control", "instagram.handover", "messaging_handover"),
        ("optin", "instagram.other", "messaging_optins"),
        ("teleport", "instagram.other", "teleport"),
    ] {
        let (found, key, _) = told(member, &json!({"to": "200"}));
        assert_eq!(found, event_type);
        assert!(
            key.starts_with(&format!("other:{field}:")) && key.len() == "other:".len() + field.len() + 33,
            "{key}"
        );
    }
}

#[test]
fn every_kind_of_change_has_its_type_and_the_key_of_its_repeats() {
    let comment = |from: &str| json!({"id": "180", "from": {"id": from}, "text": "Qual o valor?", "media": {"id": "181"}});
    for (field, value, event_type, key, own) in [
        ("comments", comment(FAN), "instagram.comment", "comments:180", false),
        ("comments", comment(ACCOUNT), "instagram.comment", "comments:180", true),
        ("comments", json!({"comment_id": "180"}), "instagram.comment", "comments:180", false),
        ("live_comments", comment(FAN), "instagram.live_comment", "live_comments:180", false),
        (
            "mentions",
            json!({"media_id": "181", "comment_id": "183"}),
            "instagram.mention",
            "mentions:183",
            false,
        ),
        ("mentions", json!({"media_id": "181"}), "instagram.mention", "mentions:181", false),
        (
            "story_insights",
            json!({"media_id": "182", "replies": -1}),
            "instagram.story_insights",
            "story_insights:182",
            false,
        ),
    ] {
        let body = change(field, &value);
        let event = only(&body);
        assert_eq!((event.action.event_type(), event.is_own), (event_type, own), "{body}");
        assert_eq!(event.dedup_key, format!("ig:{ACCOUNT}:{key}"));
        assert_eq!(event.field.as_deref(), Some(field));
        assert_eq!((event.entry_time, event.channel), (Some(1_767_225_600), Channel::Changes));
    }
    let own = json!({"id": "180", "from": {"id": "7", "self_ig_scoped_id": ACCOUNT}});
    assert!(only(&change("comments", &own)).is_own);
}

#[test]
fn every_shape_is_cut_into_its_items_byte_by_byte() {
    let comment = r#"{"field" : "comments", "value": {"id":"1", "text":"ol\u00e1"} }"#;
    let message = r#"{ "sender":{"id":"9"}, "message":{"mid":"m-1","text":"a,]}\"b"} }"#;
    let standby = r#"{"sender":{"id":"9"},"message":{"mid":"m-2"}}"#;
    let flat = r#"{"id":"17","time":3,"field":"comments","value":{"id":"2"}}"#;
    let body = format!(
        r#" [ {{"object":"instagram","entry":[ {{"id":"17","time":1,"changes":[{comment}]}} , {{"id":17,"messaging":[ {message} ],"standby":[{standby}]}}]}},
             {{"entry":[{flat}],"object":"instagram"}} ] "#
    );
    let events: Vec<_> = split(&body).unwrap().into_iter().map(Result::unwrap).collect();
    let found: Vec<_> = events.iter().map(|event| (event.channel.as_str(), event.body)).collect();
    assert_eq!(found, [("changes", comment), ("messaging", message), ("standby", standby), ("flat", flat)]);
    let keys: Vec<_> = events.iter().map(|event| event.dedup_key.as_str()).collect();
    assert_eq!(keys, ["ig:17:comments:1", "ig:17:messages:m-1", "ig:17:messages:m-2", "ig:17:comments:2"]);
    assert!(events.iter().all(|event| event.entry_id.as_deref() == Some("17")));
}

#[test]
fn a_press_of_the_test_button_is_another_event_each_time() {
    let press = |field: &str, value: &Value, time: u64| {
        let changes = json!([{"field": field, "value": value}]);
        json!({"entry": [{"id": "0", "time": time, "changes": changes}], "object": "instagram"}).to_string()
    };
    let message = json!({"sender": {"id": "12334"}, "recipient": {"id": "23245"}, "timestamp": "1527459824",
        "message": {"mid": "random_mid", "text": "random_text"}});
    let seen = json!({"sender": {"id": "12334"}, "timestamp": "1527459824", "read": {"mid": "last", "watermark": 1}});
    for (field, value, event_type, key) in [
        ("messages", &message, "instagram.message.received", "messages:random_mid"),
        ("messaging_seen", &seen, "instagram.seen", "message_seen:last:12334"),
        ("message_seen", &seen, "instagram.seen", "message_seen:last:12334"),
        ("comments", &json!({"id": "178", "from": {"id": "2"}}), "instagram.comment", "comments:178"),
    ] {
        let body = press(field, value, 1_767_225_600);
        let event = only(&body);
        assert_eq!((event.action.event_type(), event.is_test), (event_type, true));
        assert_eq!(event.dedup_key, format!("ig:0:{key}:test:1767225600"));
        assert_ne!(only(&press(field, value, 1_767_225_601)).dedup_key, event.dedup_key);
    }
}

#[test]
fn an_unknown_object_field_or_shape_is_an_event_of_its_own() {
    let page = messaging(&[item("message", &json!({"mid": "m"}))]).replace("\"instagram\"", "\"page\"");
    let event = only(&page);
    assert_eq!(
        (event.action, event.object.as_deref(), event.field.as_deref()),
        (Action::Other, Some("page"), Some("messages"))
    );
    assert!(event.dedup_key.starts_with("ig:17841400000000001:other:messages:"), "{}", event.dedup_key);

    let event = change("story_poll", &json!({"id": "1"}));
    assert_eq!((only(&event).action, only(&event).field.as_deref()), (Action::Other, Some("story_poll")));
    for (body, channel) in [
        (r#"{"object":"instagram"}"#, Channel::Delivery),
        (r#"{"hello":"world"}"#, Channel::Delivery),
        (r#"{"object":"instagram","entry":{"id":"1"}}"#, Channel::Delivery),
        (r#"{"entry":[{"id":"1","time":2}]}"#, Channel::Entry),
        (r#"{"entry":[{"id":"1","changes":{"field":"comments"}}]}"#, Channel::Entry),
    ] {
        let event = only(body);
        assert_eq!((event.action, event.channel), (Action::Other, channel), "{body}");
        assert!(body.ends_with(event.body) || channel == Channel::Entry, "{body}");
    }
    for nothing in [r#"{"object":"instagram","entry":[]}"#, r#"{"entry":[{"id":"1","messaging":[]}]}"#, "[]"]
    {
        assert_eq!(split(nothing), Ok(vec![]), "{nothing}");
    }
    let later = r#"{"entry":[{"time":3,"id":"1"}]}"#;
    let key = |body| only(body).dedup_key;
    assert_eq!(
        key(later),
        key(r#"{"entry":[{"id":"1","time":2}]}"#),
        "the time is another one on every repeat"
    );
    // What the other lists hold is not lost with the one that is none, nor hidden by it.
    let mixed = r#"{"entry":[{"id":"1","changes":7,"messaging":[{"message":{"mid":"m"}}]}]}"#;
    let found: Vec<_> = split(mixed).unwrap().into_iter().map(|event| event.unwrap().channel).collect();
    assert_eq!(found, [Channel::Entry, Channel::Messaging]);
}

#[test]
fn shapes_that_are_mixed_in_one_entry_hide_nothing() {
    let found = |members: &str| -> Vec<(Channel, String)> {
        let body = format!(r#"{{"object":"instagram","entry":[{{"id":"1","time":2,{members}}}]}}"#);
        split(&body)
            .unwrap()
            .into_iter()
            .map(Result::unwrap)
            .map(|event| (event.channel, event.dedup_key))
            .collect()
    };
    let comment = |channel, id: &str| (channel, format!("ig:1:comments:{id}"));
    let change = r#""changes":[{"field":"comments","value":{"id":"7"}}]"#;
    let both = [comment(Channel::Flat, "8"), comment(Channel::Changes, "7")];
    assert_eq!(found(&format!(r#"{change},"field":"comments","value":{{"id":"8"}}"#)), both);
    assert_eq!(found(r#""messaging":[],"field":"comments","value":{"id":"8"}"#), both[..1]);
    // A list of a name that is new to us may hold anything: the entry is kept as it is, beside what is known.
    for unknown in [r#""deletions":[{"id":"9"}]"#, r#""value":{"id":"9"}"#, r#""standby":{"id":"9"}"#] {
        let channels: Vec<_> =
            found(&format!("{change},{unknown}")).into_iter().map(|(channel, _)| channel).collect();
        assert_eq!(channels, [Channel::Entry, Channel::Changes], "{unknown}");
    }
    for nothing in [
        r#""uid":"1""#,
        r#""deletions":[]"#,
        r#""deletions":{}"#,
        r#""hop_context":[{"app_id":1}]"#,
        r#""field":null"#,
    ] {
        assert_eq!(found(&format!("{change},{nothing}")), [comment(Channel::Changes, "7")], "{nothing}");
    }
}

#[test]
fn a_press_is_told_by_its_time_in_any_spelling() {
    let key = |time: &str| {
        let body = format!(
            r#"{{"entry":[{{"id":0,"time":{time},"changes":[{{"field":"comments","value":{{"id":"7"}}}}]}}]}}"#
        );
        only(&body).dedup_key
    };
    assert_eq!(key("\"1767225600\""), key("1767225600"));
    assert_ne!(key("1767225600.25"), key("1767225601.5"));
    assert_ne!(key("\"2026-01-01T00:00:00+0000\""), key("\"2026-01-01T00:00:01+0000\""));
}

#[test]
fn an_item_that_is_too_deep_costs_its_neighbours_nothing() {
    let deep = format!(r#"{{"field":"unheard_of","value":{}{}}}"#, "[".repeat(200), "]".repeat(200));
    let good = r#"{"field":"comments","value":{"id":"2"}}"#;
    let body = format!(r#"{{"object":"instagram","entry":[{{"id":"1","changes":[{deep},{good}]}}]}}"#);
    let events = split(&body).unwrap();
    assert_eq!(events[0], Err(Rejected { body: &deep, code: code::MALFORMED }));
    assert_eq!(events[1].as_ref().unwrap().dedup_key, "ig:1:comments:2");
    let item = format!(r#"{{"message":{{"mid":"m","x":{}{}}}}}"#, "[".repeat(200), "]".repeat(200));
    let body = format!(r#"{{"entry":[{{"id":"1","messaging":[{item},{{"message":{{"mid":"m"}}}}]}}]}}"#);
    assert_eq!(split(&body).unwrap().iter().filter(|event| event.is_ok()).count(), 1);
    for whole in [
        format!(r#"{{"entry":[{{"id":"1","x":{deep}}}]}}"#),
        format!(r#"{{"object":"instagram","x":{deep}}}"#),
        format!(r#"{{"entry":[{{"field":"x","value":{deep}}}]}}"#),
    ] {
        assert_eq!(split(&whole).unwrap().remove(0).unwrap_err().code, code::MALFORMED, "{whole}");
    }
}

#[test]
fn what_nobody_can_read_is_rejected_alone() {
    for body in ["", "{", "{]", "{} {}", "\u{feff}{}"] {
        assert_eq!(split(body), Err(code::MALFORMED), "{body}");
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(split(&deep).unwrap().remove(0).unwrap_err().code, code::UNEXPECTED_SHAPE);
    for body in ["42", "\"x\"", "null", "[null]"] {
        let rejected = split(body).unwrap().remove(0).unwrap_err();
        assert_eq!((rejected.code, rejected.body), (code::UNEXPECTED_SHAPE, body.trim_matches(['[', ']'])));
    }
    // A member twice, on each level at which one is read.
    let twice = r#"{"object":"page","object":"instagram","entry":[]}"#;
    assert_eq!(split(twice).unwrap(), [Err(Rejected { body: twice, code: code::MALFORMED })]);
    let good = r#"{"field":"comments","value":{"id":"2"}}"#;
    for bad in [r#"{"field":"comments","value":{"id":"1","id":"2"}}"#, r#"{"field":"a","field":"b"}"#, "7"] {
        let body = format!(r#"{{"object":"instagram","entry":[{{"id":"1","changes":[{bad},{good}]}}]}}"#);
        let events = split(&body).unwrap();
        assert_eq!(events[0].as_ref().unwrap_err().body, bad);
        assert_eq!(events[1].as_ref().unwrap().dedup_key, "ig:1:comments:2");
    }
}

#[test]
fn half_a_surrogate_pair_in_a_text_harms_nothing() {
    let body = r#"{"object":"instagram","entry":[{"id":"1","messaging":[{"message":{"mid":"m","text":"\ud83d"}}]}]}"#;
    assert_eq!(only(body).dedup_key, "ig:1:messages:m");
    let odd_id = body.replace("\"m\"", r#""\ud83d""#);
    assert!(only(&odd_id).dedup_key.starts_with("ig:1:messages:messages:"), "known by its content");
}

#[test]
fn ids_are_text_or_numbers_of_any_length() {
    let text = messaging(&[item("message", &json!({"mid": "12345678901234567890123"}))]);
    let number = text.replace("\"12345678901234567890123\"", "12345678901234567890123");
    assert_ne!(text, number);
    assert_eq!(only(&text).dedup_key, only(&number).dedup_key);
    let account = text.replace("\"17841400000000001\",\"messaging\"", "17841400000000001,\"messaging\"");
    assert_eq!(only(&text).dedup_key, only(&account).dedup_key);
}

#[test]
fn a_key_is_short_and_storable_whatever_the_sender_wrote() {
    for payload in ["x".repeat(5_000), "a\u{0}b".to_owned(), "á".repeat(300)] {
        let body = messaging(&[item("postback", &json!({"payload": payload}))]);
        let key = only(&body).dedup_key;
        assert!(key.len() <= 400 && !key.contains('\0'), "{key}");
        assert_ne!(key, only(&body.replace(FAN, "9000000000000002")).dedup_key);
    }
}

#[test]
fn a_repeat_in_another_encoding_has_the_same_key() {
    let body = r#"{"object": "instagram", "entry": [{"id": "1", "time": 5, "changes": [{"value": {"b": "ol\u00e1", "a": 1}, "field": "new_thing"}]}]}"#;
    let other = r#"{"entry":[{"changes":[{"field":"new_thing","value":{"a":1,"b":"olá"}}],"id":"1","time":9}],"object":"instagram"}"#;
    assert_eq!(only(body).dedup_key, only(other).dedup_key);
    assert_ne!(only(body).dedup_key, only(&other.replace(":1,", ":2,")).dedup_key);
}

/// A delivery of these items, each in an entry with some of its neighbours.
fn grouped(items: &[(bool, Value)], groups: &[usize], time: u64) -> String {
    let mut groups = groups.iter().copied().cycle();
    let mut entries = Vec::new();
    let mut rest = items;
    while !rest.is_empty() {
        let (group, left) = rest.split_at(groups.next().unwrap_or(1).clamp(1, rest.len()));
        rest = left;
        for wanted in [true, false] {
            let of_kind = group.iter().filter(|(is_change, _)| *is_change == wanted);
            let list: Vec<_> = of_kind.map(|(_, item)| item.clone()).collect();
            if !list.is_empty() {
                let name = if wanted { "changes" } else { "messaging" };
                entries.push(json!({"id": ACCOUNT, "time": time, name: list}));
            }
        }
    }
    json!({"object": "instagram", "entry": entries}).to_string()
}

fn any_item() -> impl Strategy<Value = (bool, Value)> {
    let id = "[a-z0-9]{1,6}";
    prop_oneof![
        (id, "\\PC{0,20}")
            .prop_map(|(mid, text)| (false, item("message", &json!({"mid": mid, "text": text})))),
        id.prop_map(|mid| (false, item("read", &json!({"mid": mid})))),
        (id, any::<bool>())
            .prop_map(|(mid, echo)| (false, item("message", &json!({"mid": mid, "is_echo": echo})))),
        id.prop_map(|thing| (false, item("new_thing", &json!({"thing": thing})))),
        (id, "\\PC{0,20}")
            .prop_map(|(id, text)| (true, json!({"field": "comments", "value": {"id": id, "text": text}}))),
        id.prop_map(|id| (true, json!({"field": "unheard_of", "value": {"x": id}}))),
        id.prop_map(|id| (true, json!({"field": "mentions", "value": {"media_id": id}}))),
    ]
}

proptest! {
    #[test]
    fn no_text_makes_the_splitter_panic(body in "\\PC*") {
        split(&body).ok();
    }

    #[test]
    fn nothing_that_looks_like_a_delivery_makes_the_splitter_panic(
        body in r#"[\[\]{},: ]{0,6}("(object|entry|id|time|changes|messaging|field|value|message|mid|\\ud83d)"|[\[\]{},:0-9 ]|true|null){0,60}"#
    ) {
        if let Ok(events) = split(&body) {
            for event in events {
                let part = match &event {
                    Ok(event) => event.body,
                    Err(rejected) => rejected.body,
                };
                prop_assert!(body.contains(part));
            }
        }
    }

    #[test]
    fn regrouping_changes_no_key_and_no_byte(
        items in proptest::collection::vec(any_item(), 0..30),
        first in proptest::collection::vec(1_usize..9, 1..5),
        second in proptest::collection::vec(1_usize..9, 1..5),
    ) {
        let told = |body: &str| {
            let mut told: Vec<_> = split(body)
                .unwrap()
                .into_iter()
                .map(|event| event.map(|event| (event.dedup_key, event.body.to_owned())).unwrap())
                .collect();
            told.sort();
            told
        };
        let before = told(&grouped(&items, &first, 1_767_225_600));
        prop_assert_eq!(before.len(), items.len());
        prop_assert_eq!(before, told(&grouped(&items, &second, 1_767_229_999)));
    }
}
