//! What Meta sees (providers.md, section 2) and what its deliveries leave on the stream.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use config::{List, Secret};
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use sha2::Sha256;
use testkit::eventually;
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use crate::harness::{Answer, Harness, SOON};

pub(crate) const PATH: &str = "/api/webhooks/instagram";
const PATHS: [&str; 4] = [PATH, "/api/webhooks/instagram/", "/webhook", "/webhook/"];
pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";
const TOKEN: &str = "test-verify-0001";
const ACCOUNT: &str = "17841400000000001";
pub(crate) const MESSAGE: &str = r#"{"object":"instagram","entry":[{"id":"17841400000000001","time":1767225600123,"messaging":[{"sender":{"id":"9000000000000001"},"recipient":{"id":"17841400000000001"},"timestamp":1767225600001,"message":{"mid":"aWdfZAG1faXRlbToxTEST","text":"hello"}}]}]}"#;
const MESSAGE_DIGEST: &str = "5200624ebf50fede700c1480dcda63752de29ceccffb7d77ed8ebd7e5eb4d3db";
/// A POST of a thousand events is answered within this.
const BUDGET: Duration = Duration::from_secs(1);

/// The provider's settings, on.
pub(crate) fn instagram(settings: &mut config::Edge) -> &mut config::EdgeProvider {
    let instagram = settings.providers.get_mut("instagram").unwrap();
    instagram.enabled = true;
    instagram.secrets = List(vec![Secret::from("the-secret-of-another-app"), Secret::from(SECRET)]);
    instagram.verify_tokens = List(vec![Secret::from("the-older-token"), Secret::from(TOKEN)]);
    instagram
}

async fn start() -> Harness {
    Harness::with(|settings| {
        instagram(settings);
    })
    .await
}

pub(crate) fn signature(body: &[u8]) -> String {
    let mut keyed = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    keyed.update(body);
    format!("sha256={}", hex::encode(keyed.finalize().into_bytes()))
}

fn signed(edge: &Harness, path: &str, body: impl Into<Vec<u8>>) -> RequestBuilder {
    let body = body.into();
    edge.client.post(edge.url(path)).header("X-Hub-Signature-256", signature(&body)).body(body)
}

async fn post(edge: &Harness, body: impl Into<Vec<u8>>) -> Answer {
    Answer::of(signed(edge, PATH, body).send().await.unwrap()).await
}

/// Headers and body of every event on the stream, oldest first, with its subject.
async fn events(edge: &Harness) -> Vec<(String, BTreeMap<String, String>, Vec<u8>)> {
    let stream = edge.bus.jetstream().get_stream("INSTAGRAM").await.unwrap();
    let state = &stream.cached_info().state;
    let mut events = Vec::new();
    for sequence in state.first_sequence..=state.last_sequence {
        let Ok(message) = stream.get_raw_message(sequence).await else { continue };
        let headers = message.headers.iter().map(|(name, value)| (name.to_string(), value[0].to_string()));
        events.push((message.subject.to_string(), headers.collect(), message.payload.to_vec()));
    }
    events
}

async fn stored(edge: &Harness) -> u64 {
    edge.bus.jetstream().get_stream("INSTAGRAM").await.unwrap().cached_info().state.messages
}

/// A delivery of messages `from..to`, so many in each entry.
fn messages(from: usize, to: usize, per_entry: usize, time: u64) -> String {
    let item = |n: usize| {
        json!({"sender": {"id": "9000000000000001"}, "recipient": {"id": ACCOUNT}, "timestamp": 1_767_225_600_001_u64,
            "message": {"mid": format!("mid-{n}"), "text": format!("message number {n}, olá")}})
    };
    let numbers: Vec<_> = (from..to).collect();
    let entry = |numbers: &[usize]| {
        let items: Vec<_> = numbers.iter().map(|n| item(*n)).collect();
        json!({"id": ACCOUNT, "time": time, "messaging": items})
    };
    json!({"object": "instagram", "entry": numbers.chunks(per_entry).map(entry).collect::<Vec<_>>()})
        .to_string()
}

#[tokio::test]
async fn meta_is_told_that_the_endpoint_is_ours_on_every_path() {
    let edge = start().await;
    let ask = async |path: &str, token: &str| {
        let query = format!("hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token={token}");
        edge.client.get(edge.url(&format!("{path}?{query}"))).send().await.unwrap()
    };
    for path in PATHS {
        for token in [TOKEN, "the-older-token"] {
            let answer = ask(path, token).await;
            assert_eq!(answer.status(), 200, "{path}");
            assert_eq!(answer.headers()["content-type"], "text/plain; charset=utf-8");
            assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
            assert!(answer.headers().contains_key("x-request-id"));
            assert_eq!(answer.text().await.unwrap(), "1158201444");
        }
        let refused = Answer::of(ask(path, "wrong-token-0001").await).await;
        refused.assert_problem(403, "forbidden");
        assert!(!refused.body.to_string().contains("1158201444"));
        Answer::of(edge.client.get(edge.url(path)).send().await.unwrap())
            .await
            .assert_problem(400, "malformed");
        assert_eq!(edge.client.head(edge.url(path)).send().await.unwrap().status(), 405);
        let delete = edge.client.delete(edge.url(path)).send().await.unwrap();
        Answer::of(delete).await.assert_problem(405, "method_not_allowed");
    }
    assert_eq!(stored(&edge).await, 0);
}

#[tokio::test]
async fn a_signed_body_is_taken_on_every_path_and_any_other_is_401() {
    let edge = start().await;
    for (path, mid) in PATHS.iter().zip(["a", "b", "c", "d"]) {
        let answer =
            Answer::of(signed(&edge, path, MESSAGE.replace("aWdf", mid)).send().await.unwrap()).await;
        answer.assert_counts(1, 1, 0);
    }
    let with = async |value: Option<&str>| {
        let mut request = edge.client.post(edge.url(PATH)).body(MESSAGE);
        if let Some(value) = value {
            request = request.header("X-Hub-Signature-256", value);
        }
        Answer::of(request.send().await.unwrap()).await
    };
    let good = format!("sha256={MESSAGE_DIGEST}");
    assert_eq!(with(Some(&good)).await.status, 200);
    with(None).await.assert_problem(401, "unauthorized");
    for wrong in [
        "",
        "sha256=",
        MESSAGE_DIGEST,
        &format!("sha1={MESSAGE_DIGEST}"),
        &format!("sha256={}", &MESSAGE_DIGEST[..63]),
        &format!("sha256={}", &MESSAGE_DIGEST[..62]),
        &format!("sha256={MESSAGE_DIGEST}00"),
        &format!("sha256={}", MESSAGE_DIGEST.replace('5', "x")),
        &format!("sha256={}", MESSAGE_DIGEST.replace('5', "6")),
    ] {
        with(Some(wrong)).await.assert_problem(401, "unauthorized");
    }
    let legacy = edge
        .client
        .post(edge.url(PATH))
        .header("X-Hub-Signature", "sha1=c2318068f171f2a2db8e5857573f191e5f6561c4");
    let legacy = legacy.body(r#"{"object":"instagram","entry":[]}"#).send().await.unwrap();
    assert_eq!(legacy.status(), 401, "SHA-1 proves nothing");
    let reserialised: Value = serde_json::from_str(MESSAGE).unwrap();
    let other =
        edge.client.post(edge.url(PATH)).header("X-Hub-Signature-256", &good).body(reserialised.to_string());
    assert_eq!(other.send().await.unwrap().status(), 401, "the exact bytes are signed");
    assert_eq!(stored(&edge).await, 5);
}

#[tokio::test]
async fn an_event_carries_its_envelope_and_its_exact_bytes() {
    let edge = start().await;
    let answer = post(&edge, MESSAGE).await;
    let (subject, headers, body) = events(&edge).await.remove(0);
    assert_eq!(subject, "ingest.instagram.messages");
    let item = &MESSAGE[MESSAGE.find(r#"{"sender""#).unwrap()..MESSAGE.len() - 4];
    assert_eq!(String::from_utf8(body).unwrap(), item);
    for (name, value) in [
        ("ce-type", "instagram.message.received"),
        ("ce-source", PATH),
        ("ce-subject", ACCOUNT),
        ("weir-action", "messages"),
        ("ce-platform", "instagram"),
        ("ce-kind", "messaging"),
        ("ce-entrytime", "1767225600123"),
        ("Nats-Msg-Id", "ig:17841400000000001:messages:aWdfZAG1faXRlbToxTEST"),
        ("weir-delivery-id", answer.header("x-request-id")),
    ] {
        assert_eq!(headers[name], value);
    }
    for absent in ["ce-test", "ce-own", "weir-rejected", "x-hub-signature-256"] {
        assert!(!headers.contains_key(absent), "{absent}");
    }
}

#[tokio::test]
async fn every_shape_and_kind_has_its_subject() {
    let edge = start().await;
    let item = |member: &str, detail: Value| {
        let mut item = json!({"sender": {"id": "9"}, "recipient": {"id": ACCOUNT}, "timestamp": 1});
        item[member] = detail;
        item
    };
    let changes = json!([
        {"field": "comments", "value": {"id": "180", "from": {"id": ACCOUNT}, "text": "own"}},
        {"field": "live_comments", "value": {"id": "181"}},
        {"field": "mentions", "value": {"media_id": "182"}},
        {"field": "story_insights", "value": {"media_id": "183"}},
        {"field": "unheard_of", "value": {"x": 1}},
    ]);
    let items = json!([
        item("message", json!({"mid": "m", "is_echo": true})),
        item("reaction", json!({"mid": "m", "action": "react"})),
        item("postback", json!({"mid": "p"})),
        item("referral", json!({"ref": "r"})),
        item("read", json!({"mid": "m"})),
        item("pass_thread_control", json!({})),
    ]);
    let standby = json!([item("message", json!({"mid": "s"}))]);
    let body = json!([
        {"object": "instagram", "entry": [
            {"id": ACCOUNT, "time": 1, "changes": changes},
            {"id": ACCOUNT, "time": 1000, "messaging": items, "standby": standby},
            {"id": ACCOUNT, "time": 1, "field": "comments", "value": {"id": "184"}},
        ]},
        {"object": "page", "entry": [{"id": "7", "messaging": [item("message", json!({"mid": "m"}))]}]},
        {"object": "whatever"},
    ]);
    post(&edge, body.to_string()).await.assert_counts(15, 15, 0);
    let events = events(&edge).await;
    let mut found: Vec<_> = events
        .iter()
        .map(|(subject, headers, _)| {
            let subject = subject.strip_prefix("ingest.instagram.").unwrap();
            let mark = if headers.contains_key("ce-own") { " own" } else { "" };
            format!("{subject} {} {}{mark}", headers["ce-type"], headers["ce-kind"])
        })
        .collect();
    found.sort();
    assert_eq!(
        found,
        [
            "comments instagram.comment changes own",
            "comments instagram.comment flat",
            "live_comments instagram.live_comment changes",
            "mentions instagram.mention changes",
            "message_postbacks instagram.postback messaging",
            "message_reactions instagram.reaction messaging",
            "message_referrals instagram.referral messaging",
            "message_seen instagram.seen messaging",
            "messages instagram.message.echo messaging own",
            "messages instagram.message.received standby",
            "other instagram.handover messaging",
            "other instagram.other changes",
            "other instagram.other delivery",
            "other instagram.other messaging",
            "story_insights instagram.story_insights changes",
        ]
    );
}

#[tokio::test]
async fn a_thousand_events_in_one_post_are_each_stored_once() {
    let edge = start().await;
    let body = messages(0, 1_000, 50, 1_767_225_600_000);
    let started = Instant::now();
    post(&edge, body).await.assert_counts(1_000, 1_000, 0);
    let took = started.elapsed();
    // Unoptimised code says nothing of the time.
    assert!(cfg!(debug_assertions) || took < BUDGET, "{took:?}");
    // Meta's repeat is another delivery: other groups, another time.
    post(&edge, messages(300, 1_000, 7, 1_767_225_700_000)).await.assert_counts(700, 0, 700);
    post(&edge, messages(0, 300, 300, 1_767_225_700_000)).await.assert_counts(300, 0, 300);
    let keys: BTreeSet<_> =
        events(&edge).await.into_iter().map(|(_, headers, _)| headers["Nats-Msg-Id"].clone()).collect();
    assert_eq!((keys.len(), stored(&edge).await), (1_000, 1_000));
}

#[tokio::test]
async fn a_delivery_that_is_durable_in_part_is_503_and_its_repeat_doubles_nothing() {
    let edge = start().await;
    let jetstream = edge.bus.jetstream();
    let limited = async |messages: i64| {
        let mut config = jetstream.get_stream("INSTAGRAM").await.unwrap().cached_info().config.clone();
        config.max_messages = messages;
        jetstream.update_stream(config).await.unwrap();
    };
    limited(400).await;
    let answer = post(&edge, messages(0, 1_000, 100, 1_767_225_600_000)).await;
    answer.assert_problem(503, "stream_unavailable");
    assert_eq!(answer.header("retry-after"), "5");
    let before = stored(&edge).await;
    assert!((1..=400).contains(&before), "{before}");
    limited(-1).await;
    let repeat = post(&edge, messages(0, 1_000, 9, 1_767_225_600_999)).await;
    repeat.assert_counts(1_000, 1_000 - before, before);
    assert_eq!(stored(&edge).await, 1_000);
}

#[tokio::test]
async fn the_test_button_works_twice_and_is_marked() {
    let edge = start().await;
    let press = |time: u64| {
        json!({"entry": [{"id": "0", "time": time, "changes": [{"field": "messages", "value": {
            "sender": {"id": "12334"}, "recipient": {"id": "23245"}, "timestamp": "1527459824",
            "message": {"mid": "random_mid", "text": "random_text"}}}]}], "object": "instagram"})
        .to_string()
    };
    post(&edge, press(1_767_225_600)).await.assert_counts(1, 1, 0);
    post(&edge, press(1_767_225_600)).await.assert_counts(1, 0, 1);
    post(&edge, press(1_767_225_660)).await.assert_counts(1, 1, 0);
    for (subject, headers, _) in events(&edge).await {
        assert_eq!((subject.as_str(), headers["ce-test"].as_str()), ("ingest.instagram.messages", "true"));
    }
}

#[tokio::test]
async fn what_was_signed_and_cannot_be_read_is_kept_and_answered_200() {
    let edge = start().await;
    let bodies: [(&[u8], &str); 5] = [
        (b"{\"object\":\"instagram\",\"entry\":[{\"id\":\"\xff\xfe\"}]}", "malformed"),
        (b"{\"object\":\"instagram\",\"object\":\"page\",\"entry\":[]}", "malformed"),
        (b"this is no JSON", "malformed"),
        (b"", "malformed"),
        (b"\"text\"", "unexpected_shape"),
    ];
    for (body, _) in bodies {
        let answer = post(&edge, body).await;
        assert_eq!((answer.status.as_u16(), &answer.body["rejected"]), (200, &json!(1)), "{answer:?}");
    }
    let kept = events(&edge).await;
    assert_eq!(kept.len(), bodies.len());
    for ((subject, headers, body), (sent, code)) in kept.iter().zip(bodies) {
        assert_eq!(subject, "ingest.instagram.malformed");
        assert_eq!((body.as_slice(), headers["weir-rejected"].as_str()), (sent, code));
    }
    // The rest of the delivery does not suffer from the one item.
    let mixed = r#"{"object":"instagram","entry":[{"id":"1","changes":[7,{"field":"comments","value":{"id":"1"}}]}]}"#;
    assert_eq!(
        post(&edge, mixed).await.body,
        json!({"status": "received", "received": 2, "processed": 1, "duplicates": 0, "rejected": 1})
    );
    post(&edge, r#"{"object":"instagram","entry":[]}"#).await.assert_counts(0, 0, 0);
}

#[tokio::test]
async fn a_provider_without_a_handshake_takes_no_get() {
    let edge = start().await;
    edge.get("/api/v1/webhooks/c2s?hub.mode=subscribe&hub.challenge=1&hub.verify_token=x")
        .await
        .assert_problem(405, "method_not_allowed");
}

#[tokio::test]
async fn strangers_with_large_bodies_neither_fill_the_memory_nor_shut_out_small_ones() {
    let edge = Harness::with(|settings| {
        settings.bodies_max_bytes = 1 << 20;
        instagram(settings).body_timeout_ms = 60_000;
    })
    .await;
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nHost: edge\r\nX-Hub-Signature-256: sha256={}\r\nContent-Length: 16000000\r\n\r\n",
        "0".repeat(64)
    );
    let mut stranger = TcpStream::connect(edge.address).await.unwrap();
    stranger.write_all(head.as_bytes()).await.unwrap();
    stranger.write_all(&vec![b' '; 1_040_000]).await.unwrap();
    let large = messages(0, 1_000, 100, 1_767_225_600_000);
    assert!(large.len() > 150_000, "{}", large.len());
    eventually("there is no room for another large body", SOON, async || {
        let answer = post(&edge, large.clone()).await;
        (answer.status == 503).then(|| answer.assert_problem(503, "overloaded"))
    })
    .await;
    assert_eq!(post(&edge, MESSAGE).await.status, 200, "small ones pass");
    drop(stranger);
    eventually("the room is given back", SOON, async || {
        (post(&edge, large.clone()).await.status == 200).then_some(())
    })
    .await;
}

/// What Meta's certificate must be called.
pub(crate) const COMMON_NAME: &str = "client.webhooks.fbclientcerts.com";

#[tokio::test]
async fn a_proxy_can_report_metas_certificate() {
    let edge = Harness::with(|settings| {
        settings.trusted_proxies = List(vec!["127.0.0.1".parse().unwrap()]);
        settings.client_certificate_header = Some("X-Amzn-Mtls-Clientcert-Subject".to_owned());
        instagram(settings).client_certificate_cn = Some(COMMON_NAME.to_owned());
    })
    .await;
    Answer::of(signed(&edge, PATH, MESSAGE).send().await.unwrap()).await.assert_problem(403, "forbidden");
    let subject = format!("CN={COMMON_NAME},O=Meta Platforms\\, Inc.,L=Menlo Park,ST=California,C=US");
    for (subject, status) in [(subject.as_str(), 200), ("CN=other.example.com", 403), (COMMON_NAME, 403)] {
        let request = signed(&edge, PATH, MESSAGE).header("X-Amzn-Mtls-Clientcert-Subject", subject);
        assert_eq!(request.send().await.unwrap().status(), status, "{subject}");
    }
    // A certificate is no signature.
    let unsigned =
        edge.client.post(edge.url(PATH)).header("X-Amzn-Mtls-Clientcert-Subject", &subject).body(MESSAGE);
    assert_eq!(unsigned.send().await.unwrap().status(), 401);
    let query = format!("hub.mode=subscribe&hub.challenge=7&hub.verify_token={TOKEN}");
    let handshake = edge.client.get(edge.url(&format!("{PATH}?{query}")));
    assert_eq!(handshake.try_clone().unwrap().send().await.unwrap().status(), 403);
    let handshake = handshake.header("X-Amzn-Mtls-Clientcert-Subject", &subject);
    assert_eq!(handshake.send().await.unwrap().text().await.unwrap(), "7");
}
