//! The vectors of `providers.md` 2 and 11, and what becomes of what nobody can read.

use axum::http::HeaderMap;
use config::{List, Secret, Settings};
use proptest::prelude::*;

use serde_json::Value;

use super::*;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const TOKEN: &str = "test-verify-0001";
/// Body and the SHA-256 signature that [`SECRET`] makes of it.
const VECTORS: [(&str, &str); 4] = [
    (
        r#"{"object":"instagram","entry":[]}"#,
        "8912de8ce2cf02fdf72be5dee010dc1bf8145745d177db4fb80b628f8bccf8de",
    ),
    (
        r#"{"object": "instagram", "entry": [{"id": "17841400000000001", "time": 1767225600, "changes": [{"value": {"id": "18000000000000001", "text": "ol\u00e1 \ud83d\ude00"}, "field": "comments"}]}]}"#,
        "f1834e539017bd289e7d6700f2e82d5f97570e231674c35ddb72548a93fcf86b",
    ),
    (
        r#"{"object": "instagram", "entry": [{"id": "17841400000000001", "time": 1767225600, "changes": [{"value": {"id": "18000000000000001", "text": "olá 😀"}, "field": "comments"}]}]}"#,
        "34c3fa03b7a41805346fc218787959dc00d35f35127f10481c5ff7c94d33c301",
    ),
    (
        r#"{"object":"instagram","entry":[{"id":"17841400000000001","time":1767225600123,"messaging":[{"sender":{"id":"9000000000000001"},"recipient":{"id":"17841400000000001"},"timestamp":1767225600001,"message":{"mid":"aWdfZAG1faXRlbToxTEST","text":"hello"}}]}]}"#,
        "5200624ebf50fede700c1480dcda63752de29ceccffb7d77ed8ebd7e5eb4d3db",
    ),
];
/// The SHA-1 of the first vector, which some receivers still take.
const LEGACY: &str = "sha1=c2318068f171f2a2db8e5857573f191e5f6561c4";

fn instagram(secrets: &[&str], tokens: &[&str]) -> Arc<dyn Provider> {
    let mut settings = Settings::for_tests().edge.providers.remove("instagram").unwrap();
    let list = |texts: &[&str]| List(texts.iter().copied().map(Secret::from).collect());
    settings.secrets = list(secrets);
    settings.verify_tokens = list(tokens);
    provider(Secrets::new(&settings.secrets).unwrap(), &settings)
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, value.parse().unwrap());
    }
    headers
}

/// Whether a delivery with these headers is authenticated, as the edge asks.
fn passes(provider: &Arc<dyn Provider>, pairs: &[(&'static str, &str)], body: &str) -> bool {
    let head = Head { headers: &headers(pairs), path_secret: None, query: &[] };
    match provider.authenticate_head(&head) {
        Verdict::Allow => panic!("a body must be looked at"),
        Verdict::Deny => false,
        Verdict::AskBody => provider.authenticate_body(&head, body.as_bytes()),
    }
}

fn split(body: &Bytes) -> Vec<Draft> {
    let head = Head { headers: &HeaderMap::new(), path_secret: None, query: &[] };
    instagram(&[SECRET], &[]).split(&head, body, 100).unwrap()
}

#[test]
fn every_vector_of_the_reference_passes_and_no_other_body_does() {
    let provider = instagram(&[SECRET], &[]);
    for (body, digest) in VECTORS {
        let signed = format!("sha256={digest}");
        assert!(passes(&provider, &[("x-hub-signature-256", &signed)], body), "{body}");
        let upper = format!("sha256={}", digest.to_uppercase());
        assert!(passes(&provider, &[("x-hub-signature-256", &upper)], body), "hex is decoded, not compared");
        let others = VECTORS.iter().filter(|(other, _)| *other != body);
        for (other, _) in others {
            assert!(!passes(&provider, &[("x-hub-signature-256", &signed)], other), "{other}");
        }
        assert!(!passes(&provider, &[("x-hub-signature-256", &signed)], &format!("{body} ")));
    }
}

#[test]
fn any_of_several_secrets_may_have_signed() {
    let (body, digest) = VECTORS[0];
    let signed = format!("sha256={digest}");
    let with = |secrets: &[&str]| passes(&instagram(secrets, &[]), &[("x-hub-signature-256", &signed)], body);
    assert!(with(&["another-secret-00001", SECRET]));
    assert!(with(&[SECRET, "another-secret-00001"]));
    assert!(!with(&["another-secret-00001"]));
}

#[test]
fn only_a_well_formed_signature_is_one() {
    let digest = VECTORS[0].1;
    let wrong = [
        String::new(),
        "sha256=".to_owned(),
        digest.to_owned(),
        format!("sha1={digest}"),
        format!("SHA256={digest}"),
        format!("sha256 ={digest}"),
        format!("sha256= {digest}"),
        format!("sha256={}", &digest[..63]),
        format!("sha256={}", &digest[..62]),
        format!("sha256={digest}0"),
        format!("sha256={digest}00"),
        format!("sha256={}", digest.replace('8', "g")),
        format!("sha256={digest},sha256={digest}"),
        format!("sha256={}", "f".repeat(10_000)),
        LEGACY.to_owned(),
    ];
    for value in wrong {
        assert_eq!(Signature::of(&headers(&[("x-hub-signature-256", &value)])), None, "{value}");
    }
    assert_eq!(Signature::of(&headers(&[("x-hub-signature", LEGACY)])), None, "the legacy header alone");
    let signed = format!("sha256={digest}");
    let twice = headers(&[("x-hub-signature-256", &signed), ("x-hub-signature-256", &signed)]);
    assert_eq!(Signature::of(&twice), None);
    let beside = headers(&[("x-hub-signature", "sha1=nonsense"), ("x-hub-signature-256", &signed)]);
    assert!(Signature::of(&beside).is_some(), "the legacy header is ignored");
}

#[test]
fn a_handshake_is_answered_with_its_challenge_and_nothing_else() {
    let ask = |tokens: &[&str], pairs: &[(&str, &str)]| {
        let query: Vec<_> =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let head = Head { headers: &HeaderMap::new(), path_secret: None, query: &query };
        instagram(&[SECRET], tokens).handshake(&head).map_err(|refusal| refusal.parts().0.as_u16())
    };
    let good = [("hub.mode", "subscribe"), ("hub.challenge", "1158201444"), ("hub.verify_token", TOKEN)];
    assert_eq!(ask(&[TOKEN], &good), Ok("1158201444".to_owned()));
    assert_eq!(ask(&["another-token", TOKEN], &good), Ok("1158201444".to_owned()));
    assert_eq!(ask(&["another-token"], &good), Err(403));
    assert_eq!(ask(&[], &good), Err(403), "no token is not any token");
    let with = |name: &str, value: &'static str| {
        let changed = good.map(|(key, old)| (key, if key == name { value } else { old }));
        ask(&[TOKEN], &changed)
    };
    for wrong in ["", "test-verify-000", "test-verify-00011", "TEST-VERIFY-0001"] {
        assert_eq!(with("hub.verify_token", wrong), Err(403), "{wrong}");
    }
    for mode in ["unsubscribe", "Subscribe", ""] {
        assert_eq!(with("hub.mode", mode), Err(403), "{mode}");
    }
    for challenge in ["", "<script>alert(1) </script>", "a\nb", "é"] {
        assert_eq!(with("hub.challenge", challenge), Err(400), "{challenge}");
    }
    let long = "7".repeat(CHALLENGE_MAX_BYTES + 1);
    let [mode, _, token] = good;
    assert_eq!(ask(&[TOKEN], &[mode, ("hub.challenge", &long), token]), Err(400));
    for absent in 0..good.len() {
        let left: Vec<_> =
            good.iter().copied().enumerate().filter(|(n, _)| *n != absent).map(|(_, pair)| pair).collect();
        assert_eq!(ask(&[TOKEN], &left), Err(400), "{left:?}");
    }
    assert_eq!(ask(&[TOKEN], &[good.as_slice(), &good].concat()), Err(400), "each parameter once");
}

#[test]
fn an_event_shares_the_memory_of_its_delivery_and_says_what_it_is() {
    let body = Bytes::from_static(VECTORS[3].0.as_bytes());
    let drafts = split(&body);
    let [event] = drafts.as_slice() else { panic!("{drafts:?}") };
    let offset = VECTORS[3].0.find(r#"{"sender""#).unwrap();
    assert_eq!(event.payload.as_ptr(), body[offset..].as_ptr());
    assert_eq!((event.token, event.event_type), ("messages", "instagram.message.received"));
    assert_eq!(event.subject.as_deref(), Some("17841400000000001"));
    assert_eq!(event.action.as_deref(), Some("messages"));
    assert_eq!(event.dedup_key, "ig:17841400000000001:messages:aWdfZAG1faXRlbToxTEST");
    let extensions = [("entrytime", "1767225600123"), ("kind", "messaging"), ("platform", "instagram")];
    assert_eq!(event.extensions, extensions.map(|(name, value)| (name, value.to_owned())).into());
}

#[test]
fn what_cannot_be_read_is_kept_as_it_is() {
    for (body, code) in [
        (b"{\"object\":\"instagram\",\"entry\":[{\"id\":\"\xff\"}]}".as_slice(), code::MALFORMED),
        (b"{\"object\":", code::MALFORMED),
        (b"{\"object\":\"instagram\",\"entry\":[],\"entry\":[]}", code::MALFORMED),
        (b"", code::MALFORMED),
        (b"[[", code::MALFORMED),
        (b"42", code::UNEXPECTED_SHAPE),
    ] {
        let body = Bytes::from_static(body);
        let drafts = split(&body);
        let [draft] = drafts.as_slice() else { panic!("{drafts:?}") };
        assert_eq!((draft.token, draft.event_type), ("malformed", "instagram.malformed"));
        assert_eq!((draft.rejected, &draft.payload), (Some(code), &body));
        assert_eq!(draft.dedup_key.len(), "ig:malformed:".len() + 32);
    }
}

#[test]
fn everything_that_was_signed_is_answered_200() {
    let tally = Tally { received: 2, rejected: 2, first_problem: Some(code::MALFORMED), ..Tally::default() };
    let (status, answer) = instagram(&[SECRET], &[]).answer(&tally).unwrap();
    assert_eq!(status, StatusCode::OK);
    assert_eq!(answer, r#"{"status":"received","received":2,"processed":0,"duplicates":0,"rejected":2}"#);
}

#[test]
fn splitting_stops_at_the_first_event_too_many() {
    let body = format!(r#"{{"object":"instagram","entry":[{}0]}}"#, "0,".repeat(500_000));
    assert_eq!(split(&Bytes::from(body)).len(), 101);
}

#[test]
fn a_word_that_no_database_takes_as_text_stays_in_the_body() {
    let long = "x".repeat(900);
    let body = format!(
        r#"{{"object":"{long}","entry":[{{"id":"a\u0000b","changes":[{{"field":"{long}","value":1}}]}}]}}"#
    );
    let drafts = split(&Bytes::from(body));
    assert_eq!((&drafts[0].subject, &drafts[0].action), (&None, &None));
    assert!(!drafts[0].extensions.contains_key("platform"));
    assert!(drafts[0].dedup_key.len() < 200);
}

#[test]
fn the_examples_of_the_published_schema_are_valid_deliveries() {
    let schema: Value =
        serde_json::from_str(include_str!("../../../../../schemas/instagram/webhook.json")).unwrap();
    let examples = schema["examples"].as_array().unwrap();
    assert!(!examples.is_empty());
    for example in examples {
        let drafts = split(&Bytes::from(example.to_string()));
        let understood = |draft: &Draft| draft.rejected.is_none() && draft.event_type != "instagram.other";
        assert!(!drafts.is_empty() && drafts.iter().all(understood), "{example}");
    }
}

proptest! {
    #[test]
    fn any_bytes_become_events_that_are_parts_of_them(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let body = Bytes::from(bytes);
        for draft in split(&body) {
            prop_assert!(draft.payload.is_empty() || body.as_ptr_range().contains(&draft.payload.as_ptr()));
        }
    }
}
