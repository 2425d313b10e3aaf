//! The payloads of `providers.md` 2.5 and 2.6, and what senders get wrong.

use proptest::prelude::*;
use time::macros::datetime;

use super::*;

fn read(action: Action, body: &str) -> Option<Payload> {
    Payload::parse(body.as_bytes(), action).unwrap()
}

fn messaging(rest: &str) -> String {
    format!(r#"{{"sender":{{"id":"9001"}},"recipient":{{"id":"1784"}},"timestamp":1767225600001,{rest}}}"#)
}

fn message(rest: &str) -> Message {
    match read(Action::MessageReceived, &messaging(&format!(r#""message":{rest}"#))).unwrap().fact {
        Fact::Message(message) => message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_message_says_who_wrote_what_and_when() {
    let body = messaging(r#""message":{"mid":"m-1","text":"hello"}"#);
    let payload = read(Action::MessageReceived, &body).unwrap();
    assert_eq!(payload.at, Some(datetime!(2026-01-01 00:00:00.001 UTC)));
    assert_eq!(payload.participant("1784"), Some("9001"));
    assert_eq!(payload.mid(), Some("m-1"));
    assert!(matches!(&payload.fact, Fact::Message(message) if message.text.as_deref() == Some("hello")));

    let echo = r#"{"sender":{"id":"1784"},"recipient":{"id":"9001"},"message":{"mid":"m-2","is_echo":true,"app_id":12}}"#;
    let payload = read(Action::MessageEcho, echo).unwrap();
    assert_eq!((payload.participant("1784"), payload.at), (Some("9001"), None));
    assert!(matches!(&payload.fact, Fact::Message(message) if message.app_id.as_deref() == Some("12")));
}

#[test]
fn every_variant_of_a_message_is_read() {
    let with = message(r#"{"mid":"m","attachments":[{"type":"image","payload":{"url":"https://x/1"}}]}"#);
    assert_eq!(with.attachments.unwrap()[0]["type"], "image");
    assert_eq!(message(r#"{"mid":"m","reply_to":{"mid":"m-0"}}"#).reply_to_mid.as_deref(), Some("m-0"));
    let story = message(r#"{"mid":"m","reply_to":{"story":{"id":"182","url":"https://x/s"}}}"#);
    assert_eq!(story.reply_to_story_id.as_deref(), Some("182"));
    assert_eq!(story.reply_to_story_url.as_deref(), Some("https://x/s"));
    let quick = message(r#"{"mid":"m","text":"Sim","quick_reply":{"payload":"YES"}}"#);
    assert_eq!(quick.quick_reply_payload.as_deref(), Some("YES"));
    assert!(message(r#"{"mid":"m","is_unsupported":true}"#).is_unsupported);
    let deleted = read(Action::MessageDeleted, &messaging(r#""message":{"mid":"m","is_deleted":true}"#));
    assert_eq!(deleted.unwrap().fact, Fact::Deletion { mid: "m".to_owned(), is_echo: false });
    let ad = messaging(
        r#""message":{"mid":"m","text":"oi","referral":{"ref":"summer","ad_id":"12","source":"ADS"}}"#,
    );
    let referral = read(Action::MessageReceived, &ad).unwrap().referral.unwrap();
    assert_eq!((referral.parameter.as_deref(), referral.ad_id.as_deref()), (Some("summer"), Some("12")));
    let edit = messaging(r#""message_edit":{"mid":"m","text":"hello!","num_edit":"1"}"#);
    let text = Some("hello!".to_owned());
    assert_eq!(
        read(Action::MessageEdited, &edit).unwrap().fact,
        Fact::Edit { mid: "m".to_owned(), text, num_edit: 1 }
    );
}

#[test]
fn a_reaction_is_there_or_taken_back_or_not_understood() {
    let of = |rest: &str| read(Action::Reaction, &messaging(&format!(r#""reaction":{{"mid":"m",{rest}}}"#)));
    let there = of(r#""action":"react","reaction":"love","emoji":"\u2764\ufe0f""#).unwrap().fact;
    let emoji = Some("\u{2764}\u{fe0f}".to_owned());
    let reaction = Some(Reaction { reaction: Some("love".to_owned()), emoji });
    assert_eq!(there, Fact::Reaction { mid: "m".to_owned(), reaction });
    assert_eq!(
        of(r#""action":"unreact""#).unwrap().fact,
        Fact::Reaction { mid: "m".to_owned(), reaction: None }
    );
    assert_eq!(of(r#""action":"shrug","emoji":"x""#), None);
}

#[test]
fn the_test_buttons_shape_and_flat_entries_are_read_alike() {
    let change = r#"{"field":"messages","value":{"sender":{"id":"12334"},"recipient":{"id":"23245"},
        "timestamp":"1527459824","message":{"mid":"random_mid","text":"random_text"}}}"#;
    let payload = read(Action::MessageReceived, change).unwrap();
    assert_eq!(payload.at, Some(datetime!(2018-05-27 22:23:44 UTC)));
    let flat = r#"{"id":"1784","time":1767225600,"field":"comments","value":{"comment_id":18,"text":"x",
        "media":{"id":"181","media_product_type":"FEED","ad_id":"12"},"from":{"id":"9","username":"Fan"}}}"#;
    let Some(Fact::Comment(comment)) = read(Action::Comment, flat).map(|payload| payload.fact) else {
        panic!("no comment");
    };
    assert_eq!((comment.id.as_str(), comment.media_id.as_deref()), ("18", Some("181")));
    assert!(!comment.is_own("1784") && comment.is_own("9"));
    let seen = r#"{"field":"messaging_seen","value":{"sender":{"id":"12334"},"read":{"mid":"m","watermark":1527459824000}}}"#;
    assert_eq!(read(Action::Seen, seen).unwrap().at, Some(datetime!(2018-05-27 22:23:44 UTC)));
}

#[test]
fn insights_keep_minus_one_and_numbers_in_any_clothes() {
    let body = r#"{"field":"story_insights","value":{"media_id":182,"exits":"1","replies":-1,"reach":17.0,"impressions":null,"shares":3}}"#;
    let Some(Fact::StoryInsights(insights)) = read(Action::StoryInsights, body).map(|payload| payload.fact)
    else {
        panic!("no insights");
    };
    assert_eq!((insights.exits, insights.replies, insights.reach), (Some(1), Some(-1), Some(17)));
    assert_eq!((insights.impressions, &insights.details["shares"]), (None, &3.into()));
}

#[test]
fn a_timestamp_has_many_spellings() {
    let at = |text: &str| crate::lenient::instant(Some(&serde_json::from_str(text).unwrap()));
    let expected = Some(datetime!(2026-01-01 00:00:00 UTC));
    for text in [
        "1767225600",
        "1767225600000",
        "1767225600000000",
        "1767225600.7",
        r#""1767225600""#,
        r#"" 1767225600000 ""#,
    ] {
        assert_eq!(at(text), expected, "{text}");
    }
    for text in ["0", "-5", "null", "true", r#""yesterday""#, "9223372036854775807", "1e300"] {
        assert_eq!(at(text), None, "{text}");
    }
}

#[test]
fn handles_are_found_and_addresses_are_not() {
    let comment = Comment {
        text: Some("@Shop.br, veja @fan_1. mail a@b.com @@ (@shop.br) é@no".to_owned()),
        ..Default::default()
    };
    assert_eq!(comment.mentioned_usernames(), ["fan_1", "shop.br"]);
}

#[test]
fn what_has_no_id_says_nothing_and_what_is_no_object_is_malformed() {
    for (action, body) in [
        (Action::MessageReceived, r#"{"message":{"text":"no mid"}}"#),
        (Action::MessageReceived, r#"{"message":"m"}"#),
        (Action::Comment, r#"{"field":"comments","value":{"text":"no id"}}"#),
        (Action::Reaction, r#"{"reaction":{"mid":"m","action":"unreact"}}"#),
        (Action::Mention, r#"{"field":"mentions","value":{}}"#),
        (Action::Other, r#"{"message":{"mid":"m"}}"#),
        (Action::Handover, r#"{"pass_thread_control":{}}"#),
    ] {
        assert_eq!(read(action, body), None, "{body}");
    }
    let long = format!(r#"{{"message":{{"mid":"{}"}}}}"#, "x".repeat(513));
    assert_eq!(read(Action::MessageReceived, &long), None);
    let deep = format!(r#"{{"message":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    for body in ["", "[]", "7", "{", r#"{"a":1e999}"#, &deep] {
        assert_eq!(Payload::parse(body.as_bytes(), Action::MessageReceived), Err(code::MALFORMED));
    }
    assert_eq!(Payload::parse(b"\"\xff\"", Action::Comment), Err(code::MALFORMED));
}

#[test]
fn half_an_emoji_does_not_lose_its_message() {
    let of = |text: &str| message(&format!(r#"{{"mid":"m","text":"{text}"}}"#)).text.unwrap();
    assert_eq!(of(r"ol\u00e1 \ud83d\ude00 \ud83d"), "olá 😀 \u{fffd}");
    assert_eq!(of(r"\ude00\ud83d\ud83d\ude00"), "\u{fffd}\u{fffd}😀");
    assert_eq!(of(r"\\ud83d é\ud83d"), "\\ud83d é\u{fffd}");
    assert_eq!(of(r"nul\u0000 too"), "nul too");
}

/// Anything that JSON can say, under the names that we read.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    let name = prop_oneof![
        prop::sample::select(vec![
            "field",
            "value",
            "sender",
            "recipient",
            "timestamp",
            "id",
            "message",
            "mid",
            "text",
            "attachments",
            "reply_to",
            "story",
            "reaction",
            "action",
            "read",
            "watermark",
            "postback",
            "referral",
            "ref",
            "media",
            "message_edit",
            "num_edit",
            "media_id",
            "reach",
            "from",
        ])
        .prop_map(str::to_owned),
        ".{0,3}",
    ];
    leaf.prop_recursive(5, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(name.clone(), inner, 0..8)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_body_is_too_strange_and_none_yields_what_cannot_be_stored(body in anything()) {
        for field in super::super::Field::ALL {
            let action = Action::of_field(field);
            match Payload::parse(body.to_string().as_bytes(), action) {
                Ok(Some(payload)) => {
                    // A backslash is printed as two.
                    let printed = format!("{payload:?}").replace(r"\\", "");
                    prop_assert!(!printed.contains(r"\0"), "{payload:?}");
                    prop_assert!(payload.mid().is_none_or(|mid| !mid.is_empty() && mid.len() <= 512));
                    prop_assert!(payload.key("x").len() <= 600);
                }
                Ok(None) => {}
                Err(code) => prop_assert!(code == code::MALFORMED && !body.is_object()),
            }
        }
    }
}
