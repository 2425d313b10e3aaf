use std::io::Write as _;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use contract::code;
use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;

use super::*;
use crate::{provider::Head, streaming::Intake as _};

const RULES: Rules = Rules {
    caps: Caps { bytes: 1 << 30, ratio: 200 },
    limits: Limits { records: 3, bytes: 4_000 },
    record_max_bytes: 100_000,
    takes_csv: false,
};

#[derive(Default)]
struct Sent<'a> {
    headers: &'a [(&'static str, &'static str)],
    query: &'a [(&'static str, &'static str)],
    to_notify: bool,
    takes_csv: bool,
}

/// An event, in short: subject token, type, key, snapshot, what is wrong, extensions, body.
type Event = (String, String, String, Option<String>, Option<&'static str>, String, String);

impl Sent<'_> {
    fn intake(&self) -> Intake {
        let mut headers = HeaderMap::new();
        for (name, value) in self.headers {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let query: Vec<_> = self.query.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let head = Head { headers: &headers, path_secret: None, query: &query };
        let rules = Rules { takes_csv: self.takes_csv, ..RULES };
        Intake::new(About::of(&head), Uuid::nil(), self.to_notify, rules)
    }

    fn events_in(&self, body: &[u8], mut piece: impl FnMut() -> usize) -> (Vec<Event>, Value) {
        let (mut intake, mut events) = (self.intake(), Vec::new());
        let mut rest = body;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(piece().clamp(1, rest.len()));
            intake.feed(Bytes::copy_from_slice(piece));
            while let Some(draft) = intake.next().unwrap() {
                events.push(event(&draft));
            }
            rest = after;
        }
        intake.end();
        while let Some(draft) = intake.next().unwrap() {
            events.push(event(&draft));
        }
        (events, intake.answer(&Tally::default()).1)
    }

    fn events(&self, body: &str) -> (Vec<Event>, Value) {
        self.events_in(body.as_bytes(), || 1 << 16)
    }
}

fn event(draft: &Draft) -> Event {
    let extensions: Vec<_> = draft.extensions.iter().map(|(name, value)| format!("{name}={value}")).collect();
    (
        draft.token.to_owned(),
        draft.event_type.to_owned(),
        draft.dedup_key.clone(),
        draft.subject.clone(),
        draft.rejected.map(contract::Code::as_str),
        extensions.join(" "),
        String::from_utf8_lossy(&draft.payload).into_owned(),
    )
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn records_become_parts_that_say_what_they_are_about() {
    let sent = Sent {
        headers: &[("snapshot-id", "s_1"), ("x-platform", "facebook")],
        query: &[("platform", "Instagram"), ("kind", "post"), ("dataset_id", "gd_x")],
        ..Sent::default()
    };
    let (events, answer) = sent.events(r#"[{"id":1},{"id":2},{"id":3},{"id":4}]"#);
    assert_eq!(events.len(), 2);
    let (token, event_type, key, subject, rejected, extensions, payload) = &events[0];
    assert_eq!((token.as_str(), event_type.as_str()), ("delivery", "brightdata.delivery.part"));
    assert!(key.starts_with("bd:s_1:1:") && events[1].2.starts_with("bd:s_1:2:"), "{key}");
    assert_eq!((subject.as_deref(), *rejected), (Some("s_1"), None));
    assert_eq!(extensions, "dataset=gd_x format=ndjson kind=posts part=1 platform=instagram");
    assert_eq!(payload, "{\"id\":1}\n{\"id\":2}\n{\"id\":3}");
    assert!(events[1].5.contains("part=2/2"));
    assert_eq!(
        answer,
        json!({"status": "received", "snapshot_id": "s_1", "records": 4, "parts": 2, "duplicates": 0, "rejected": 0})
    );
}

#[test]
fn the_snapshots_id_stands_in_a_header_the_query_or_the_body() {
    fn id(
        headers: &[(&'static str, &'static str)],
        query: &[(&'static str, &'static str)],
        body: &str,
    ) -> Option<String> {
        Sent { headers, query, ..Sent::default() }.events(body).0[0].3.clone()
    }
    let body = r#"{"snapshot_id":"s_body","data":[{"id":1}]}"#;
    let collection = ("dca-collection-id", "s_collection");
    assert_eq!(id(&[collection, ("snapshot-id", "s_id")], &[], body).as_deref(), Some("s_id"));
    assert_eq!(id(&[collection], &[], body).as_deref(), Some("s_collection"));
    assert_eq!(id(&[("x-snapshot-id", "s_x")], &[], body).as_deref(), Some("s_x"));
    assert_eq!(id(&[], &[("snapshot_id", "s_q")], body).as_deref(), Some("s_q"));
    assert_eq!(id(&[], &[], body).as_deref(), Some("s_body"));
    assert_eq!(id(&[], &[], r#"{"data":[{"id":1}],"snapshot_id":"s_late"}"#).as_deref(), Some("s_late"));
    assert_eq!(id(&[], &[], "[{}]"), None);
}

#[test]
fn a_wrappers_parts_wait_for_the_id_behind_them_and_not_for_ever() {
    let body = |count: usize, size: usize| {
        let records = vec![format!(r#"{{"x":"{}"}}"#, "y".repeat(size)); count].join(",");
        format!(r#"{{"data":[{records}],"snapshot_id":"s_late","platform":"tiktok"}}"#)
    };
    let (short, _) = Sent::default().events(&body(10, 100));
    assert_eq!(short.len(), 4);
    assert!(
        short.iter().all(|event| event.3.as_deref() == Some("s_late") && event.5.contains("platform=tiktok"))
    );
    let (long, _) = Sent::default().events(&body(100, 1_000));
    assert!(long[0].2.starts_with("bd:unmatched:1:"), "{}", long[0].2);
}

#[test]
fn a_dataset_tells_its_platform_and_kind() {
    let query = &[("dataset_id", "gd_lu702nij2f790tmv9h")];
    let (events, _) = Sent { query, ..Sent::default() }.events("[{}]");
    assert_eq!(
        events[0].5,
        "dataset=gd_lu702nij2f790tmv9h format=ndjson kind=videos part=1/1 platform=tiktok"
    );
}

#[test]
fn a_test_is_told_apart_from_data_every_time() {
    let (events, answer) = Sent::default().events(r#"{"test": true, "platform": "facebook"}"#);
    assert_eq!((events[0].0.as_str(), events[0].1.as_str()), ("test", "brightdata.delivery.test"));
    assert!(events[0].5.contains("test=true") && events[0].2.starts_with("bd:test:"), "{:?}", events[0]);
    assert_eq!((&answer["status"], &answer["snapshot_id"]), (&json!("test_received"), &Value::Null));
    for headers in [[("x-brightdata-test", "1")], [("dca-collection-id", "test_1")]] {
        let (events, answer) = Sent { headers: &headers, ..Sent::default() }.events("[{\"id\":1}]");
        assert!(events[0].5.contains("test=true"), "{events:?}");
        assert_eq!((&answer["status"], &answer["records"]), (&json!("test_received"), &json!(1)));
    }
}

#[test]
fn a_word_about_a_job_is_a_notification_wherever_it_comes() {
    let body = r#"{"snapshot_id":"s_1","status":"ready"}"#;
    for to_notify in [false, true] {
        let (events, answer) = Sent { to_notify, ..Sent::default() }.events(body);
        assert_eq!(
            (events.len(), events[0].0.as_str(), events[0].2.as_str()),
            (1, "notify", "bdn:s_1:ready")
        );
        assert_eq!((&answer["snapshot_id"], &answer["job_status"]), (&json!("s_1"), &json!("ready")));
    }
    let (events, _) = Sent { to_notify: true, ..Sent::default() }.events(r#"{"id":"s_1","state":"ready"}"#);
    assert_eq!(events[0].0, "notify", "no word of it is known, and it is kept");
    let (events, _) = Sent { to_notify: true, ..Sent::default() }.events("[{\"id\":1}]");
    assert_eq!(events[0].0, "delivery", "records are records");
    let (events, _) = Sent::default().events(r#"{"snapshot_id":"s_1","result_url":"https://x"}"#);
    assert_eq!((events[0].0.as_str(), events[0].1.as_str()), ("reference", "brightdata.delivery.reference"));
}

#[test]
fn a_job_without_results_is_news() {
    let headers = &[("snapshot-id", "s_1")];
    for body in ["[]", "", "\n"] {
        let (events, answer) = Sent { headers, ..Sent::default() }.events(body);
        assert_eq!(
            (events[0].1.as_str(), events[0].6.as_str()),
            ("brightdata.delivery.empty", "[]"),
            "{body:?}"
        );
        assert_eq!((&answer["records"], &answer["status"]), (&json!(0), &json!("received")));
    }
    let (events, _) = Sent { headers, takes_csv: true, ..Sent::default() }.events("url,text\n");
    assert_eq!((events[0].1.as_str(), events[0].6.as_str()), ("brightdata.delivery.empty", "url,text"));
}

#[test]
fn what_is_no_record_is_kept_beside_the_others() {
    let headers = &[("snapshot-id", "s_1")];
    let (events, answer) =
        Sent { headers, ..Sent::default() }.events("{\"id\":1}\nbad\n{\"id\":2}\nworse\n[1]\n");
    let rejected: Vec<_> = events.iter().filter(|event| event.4.is_some()).collect();
    assert_eq!(rejected.iter().map(|event| event.6.as_str()).collect::<Vec<_>>(), ["bad\nworse", "[1]"]);
    assert_eq!(rejected[0].4, Some(code::MALFORMED.as_str()));
    assert_eq!(rejected[0].0, "malformed");
    assert_eq!((&answer["records"], &answer["rejected"]), (&json!(2), &json!(3)));

    let (events, answer) = Sent { headers, ..Sent::default() }.events(r#"[{"id":1},{"id":2}} and a rest"#);
    assert_eq!(
        events.iter().map(|event| event.6.as_str()).collect::<Vec<_>>(),
        ["} and a rest", "{\"id\":1}\n{\"id\":2}"]
    );
    assert_eq!((&answer["records"], &answer["rejected"]), (&json!(2), &json!(1)));
}

#[test]
fn damaged_compression_costs_what_comes_after_it() {
    let records: Vec<_> =
        (0..2_000_u32).map(|n| format!("{{\"id\":{}}}", n.wrapping_mul(2_654_435_761))).collect();
    let mut body = gzip(format!("[{}]", records.join(",")).as_bytes());
    let middle = body.len() / 2;
    body.truncate(middle);
    body.extend_from_slice(&[0xff; 600]);
    let (events, answer) = Sent::default().events_in(&body, || 100);
    let kept: usize =
        events.iter().filter(|event| event.4.is_none()).map(|event| event.6.lines().count()).sum();
    assert!(kept > 500 && answer["records"] == kept, "{kept} {answer}");
    assert_eq!(answer["rejected"], 1);
}

#[test]
fn a_notification_without_a_word_is_no_empty_delivery() {
    let headers = &[("snapshot-id", "s_1")];
    for body in ["", "[]", "{}"] {
        let sent = Sent { headers, to_notify: true, takes_csv: true, ..Sent::default() };
        let (events, answer) = sent.events(body);
        assert_eq!(
            (events[0].0.as_str(), events[0].1.as_str()),
            ("notify", "brightdata.job.notify"),
            "{body:?}"
        );
        assert_eq!((&events[0].2, events.len()), (&"bdn:s_1:unknown".to_owned(), 1));
        assert_eq!(answer["status"], "received");
    }
    let sent = Sent { headers, to_notify: true, takes_csv: true, ..Sent::default() };
    let (events, _) = sent.events("snapshot_id=s_1&status=ready");
    assert_eq!(events[0].0, "malformed", "no notification is CSV, nor a job that found nothing");
}

#[test]
fn several_notifications_may_come_together() {
    for body in [
        r#"[{"snapshot_id":"s_1","status":"ready"},{"snapshot_id":"s_2","status":"failed"}]"#,
        "{\"snapshot_id\":\"s_1\",\"status\":\"ready\"}\n{\"snapshot_id\":\"s_2\",\"status\":\"failed\"}\n",
    ] {
        let (events, _) = Sent { to_notify: true, ..Sent::default() }.events(body);
        let keys: Vec<_> = events.iter().map(|event| (event.2.as_str(), event.3.as_deref())).collect();
        assert_eq!(keys, [("bdn:s_1:ready", Some("s_1")), ("bdn:s_2:failed", Some("s_2"))]);
        let (events, _) = Sent::default().events(body);
        assert_eq!(events[0].0, "delivery", "where records are sent, elements are records");
    }
}

#[test]
fn a_wrapper_that_calls_itself_a_test_is_one() {
    let (events, answer) =
        Sent::default().events(r#"{"test":true,"platform":"facebook","data":[{"post_id":"1"}]}"#);
    assert!(events[0].5.contains("test=true"), "{events:?}");
    assert_eq!(answer["status"], "test_received");
}

#[test]
fn words_that_no_database_takes_stay_in_the_body() {
    let body = r#"{"snapshot_id":"s\u0000","status":"re\u0000ady","platform":"a\nb"}"#;
    let (events, _) = Sent { to_notify: true, ..Sent::default() }.events(body);
    assert_eq!((&events[0].3, events[0].6.as_str()), (&None, body));
    assert!(
        events[0].2.starts_with("bdn:unmatched:ready:") && !events[0].5.contains("platform"),
        "{:?}",
        events[0]
    );
    let long = format!(r#"{{"snapshot_id":"s_1","status":"{}"}}"#, "x".repeat(5_000));
    let (events, answer) = Sent::default().events(&long);
    assert_eq!((events[0].0.as_str(), answer.get("job_status")), ("notify", None));
}

/// The same keys as `contract::brightdata` has for this body, and whoever fetches a lost delivery.
#[test]
fn the_keys_of_a_known_body_are_those_of_a_fetched_one() {
    let headers = &[("snapshot-id", "s_1")];
    let (events, _) = Sent { headers, ..Sent::default() }.events(r#"[{"id":1}, 7,{ "id": 2}, nul]"#);
    assert_eq!(
        events.iter().map(|event| event.2.as_str()).collect::<Vec<_>>(),
        [
            "bd:s_1:1:24aa28db84069a65f9ee0170a70b378e",
            "bd:s_1:malformed:1:7902699be42c8a8e46fbbb4501726517",
            "bd:s_1:malformed:2:99e6242759016035192f8efe5f53878a",
        ]
    );
}

#[test]
fn another_products_records_are_marked() {
    let headers = &[("dca-dataset", "false"), ("snapshot-id", "s_1")];
    let (events, _) = Sent { headers, ..Sent::default() }.events("[{\"id\":1}]");
    assert_eq!(events[0].1, "brightdata.delivery.foreign");
}

proptest! {
    #[test]
    fn a_retry_gives_the_same_events_however_it_arrives(
        sizes in proptest::collection::vec(0_usize..2_500, 0..40),
        pieces in proptest::collection::vec(1_usize..3_000, 1..6),
        form in 0..4,
        compressed: bool,
        cut in 0.0..1.0,
    ) {
        let records: Vec<_> = sizes.iter().enumerate().map(|(n, size)| format!(r#"{{"id":{n},"x":"{}"}}"#, "é".repeat(*size))).collect();
        let plain = match form {
            0 => format!("[{}]", records.join(", ")),
            1 => records.join("\n"),
            2 => format!(r#"{{"snapshot_id":"s","data":[{}]}}"#, records.join(",")),
            _ => format!(r#"{{"data":[{}],"snapshot_id":"s"}}"#, records.join(",")),
        };
        let (whole, answer) = Sent::default().events_in(plain.as_bytes(), || usize::MAX);
        prop_assert_eq!(&answer["records"], records.len());
        let body = if compressed { gzip(plain.as_bytes()) } else { plain.into_bytes() };
        let mut pieces = pieces.into_iter().cycle();
        prop_assert_eq!(&Sent::default().events_in(&body, || pieces.next().unwrap()).0, &whole);

        // Cut off: what was there before the connection broke is the beginning of the same events.
        let mut intake = Sent::default().intake();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "any place will do")]
        let at = (body.len() as f64 * cut) as usize;
        intake.feed(Bytes::copy_from_slice(&body[..at]));
        let mut before = Vec::new();
        while let Some(draft) = intake.next().unwrap() {
            before.push(event(&draft));
        }
        prop_assert_eq!(&before[..], &whole[..before.len()]);
    }
}
