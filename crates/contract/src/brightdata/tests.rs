use proptest::prelude::*;

use super::*;
use crate::{Code, code};

/// What a body is found to hold.
#[derive(Debug, Clone, Default, PartialEq)]
struct Reading {
    records: Vec<String>,
    object: Option<String>,
    header: Option<String>,
    members: Vec<Notice>,
    rejected: Vec<(Code, String)>,
    /// Code and first 80 bytes of what could not be taken apart, and its length.
    rest: Vec<(Code, String, usize)>,
    groups: Vec<Group>,
}

const RECORD_MAX: usize = 2_000;
const LIMITS: Limits = Limits { records: 7, bytes: 300 };

fn read_in(body: &[u8], takes_csv: bool, mut pieces: impl FnMut(usize) -> usize) -> Reading {
    let mut splitter = Splitter::new(RECORD_MAX, takes_csv);
    let mut groups = Groups::new(LIMITS);
    let mut reading = Reading::default();
    let mut rest = body;
    while !rest.is_empty() {
        let (mut piece, after) = rest.split_at(pieces(rest.len()).clamp(1, rest.len()));
        while let Some(split) = splitter.next(&mut piece) {
            reading.add(split, &mut groups);
        }
        assert!(piece.is_empty(), "None means that all of it was taken");
        rest = after;
    }
    while let Some(split) = splitter.end() {
        reading.add(split, &mut groups);
    }
    groups.finish();
    reading.groups.extend(std::iter::from_fn(|| groups.pop()));
    reading
}

fn read(body: &str) -> Reading {
    let whole = read_in(body.as_bytes(), false, |left| left);
    assert_eq!(whole, read_in(body.as_bytes(), false, |_| 1), "byte by byte");
    assert_eq!(whole, read_in(body.as_bytes(), false, |_| 7), "in sevens");
    whole
}

fn read_csv(body: &str) -> Reading {
    let whole = read_in(body.as_bytes(), true, |left| left);
    assert_eq!(whole, read_in(body.as_bytes(), true, |_| 1), "byte by byte");
    whole
}

impl Reading {
    fn add(&mut self, split: Split<'_>, groups: &mut Groups) {
        groups.take(&split);
        self.groups.extend(std::iter::from_fn(|| groups.pop()));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match split {
            Split::Record(record) => self.records.push(text(record)),
            Split::Header(header) => self.header = Some(text(header)),
            Split::Object(object) => self.object = Some(text(object)),
            Split::Members(notice) => self.members.push(*notice),
            Split::Rejected { code, bytes } => self.rejected.push((code, text(bytes))),
            Split::Fragment { code, is_first: true, bytes } => {
                self.rest.push((code, text(bytes.get(..80).unwrap_or(bytes)), bytes.len()));
            }
            Split::Fragment { bytes, .. } => self.rest.last_mut().unwrap().2 += bytes.len(),
        }
    }
}

const RECORDS: [&str; 3] = [r#"{"id":1}"#, r#"{ "id" : "é]},{" }"#, r#"{"a":{"b":[[],{}]},"n":5.5e+32}"#];

#[test]
fn every_form_of_records_is_understood_byte_by_byte() {
    let [a, b, c] = RECORDS;
    for body in [
        format!("[{a},{b},{c}]"),
        format!(" \n[ {a} ,\n{b}\t,{c} , ]\n "),
        format!("\u{feff}[{a},{b},{c}]"),
        format!("{a}\n{b}\n{c}"),
        format!("{a}\r\n\n  {b}  \n{c}\n\n"),
        format!("{a}{b} {c}"),
        format!(r#"{{"snapshot_id":"s_1","platform":"instagram","data":[{a},{b},{c}]}}"#),
        format!("{{ \"data\" : [ {a},{b},{c} ] , \"snapshot_id\" : \"s_1\" }}\n"),
    ] {
        let reading = read(&body);
        assert_eq!(reading.records, RECORDS, "{body}");
        assert!(reading.rejected.is_empty() && reading.rest.is_empty(), "{body}: {reading:?}");
    }
}

#[test]
fn a_wrappers_members_are_known_before_or_after_its_records() {
    let before = read(r#"{"snapshot_id":"s_1","platform":"instagram","data":[{"id":1}]}"#);
    let said = |snapshot: &str, platform: Option<&str>| Notice {
        snapshot_id: Some(snapshot.to_owned()),
        platform: platform.map(str::to_owned),
        ..Notice::default()
    };
    assert_eq!(before.members, [said("s_1", Some("instagram")), Notice::default()]);
    let after = read(r#"{"data":[{"id":1}],"snapshot_id":"s_1","n":[1]}"#);
    assert_eq!(after.members, [Notice::default(), said("s_1", None)]);
    let none = read(r#"{"snapshot_id":"s_1","data":[]}"#);
    assert!(none.records.is_empty() && none.object.is_none());
    assert_eq!(none.members, [said("s_1", None), Notice::default()]);
    let nobodys = read(r#"{"snapshot_id":null,"data":[{"id":1}]}"#);
    assert_eq!((nobodys.records.len(), nobodys.members.len()), (1, 2));
}

#[test]
fn data_in_a_record_is_the_records_own() {
    for record in [
        r#"{"url":"https://x","data":[{"id":1}]}"#,
        r#"{"id":"p","tags":["a"],"data":[1,2],"url":"https://x"}"#,
        r#"{"text":"\"data\":[","n":{"data":[1]}}"#,
        r#"{"text":"data","x":[1]}"#,
    ] {
        assert_eq!(read(record).object.as_deref(), Some(record));
        assert_eq!(read(&format!("{record}\n{record}")).records, [record, record]);
    }
    // Only the end of an object tells that it was a record; what it held is not lost.
    let late = read(r#"{"data":[{"id":1}],"url":"https://x"}"#);
    assert_eq!((late.records.len(), late.rejected.len()), (1, 1), "{late:?}");
}

#[test]
fn an_object_alone_is_told_apart_from_lines() {
    let pretty = "{\n  \"test\": true,\n  \"x\": [\n 1 ]\n}\n";
    assert_eq!(read(pretty).object.unwrap(), pretty.trim().replace('\n', " "));
    let two = read(&format!("{pretty}{pretty}"));
    assert_eq!(two.records, [pretty.trim().replace('\n', " "), pretty.trim().replace('\n', " ")]);
}

#[test]
fn nothing_is_an_empty_body() {
    for body in ["", " \n", "[]", "[ ]\n"] {
        assert_eq!(read(body), Reading::default(), "{body:?}");
    }
}

#[test]
fn one_bad_line_costs_its_neighbours_nothing() {
    let [a, b, c] = RECORDS;
    for bad in
        ["{\"id\":", "nonsense", "{\"id\":1}}", "{\"id\":\"x", "{\"id\":tru}", "{\"a\":[1}", "42", "[1]"]
    {
        let middle = read(&format!("{a}\n{bad}\n{b}\n{c}"));
        assert_eq!(middle.records, RECORDS, "{bad}: {middle:?}");
        assert_eq!((middle.rejected.len(), middle.rejected[0].1.as_str()), (1, bad));
        let last = read(&format!("{a}\n{b}\n{c}\n{bad}"));
        assert_eq!((last.records.len(), last.rejected.len()), (3, 1), "{bad}: {last:?}");
    }
    for bad in ["{\"id\":", "{\"id\":1}}", "{\"id\":\"x", "{\"id\":tru}", "{\"a\":[1}", "{\"id\":1},"] {
        let first = read(&format!("{bad}\n{a}\n{b}\n{c}\n"));
        assert_eq!(first.records, RECORDS, "{bad}: {first:?}");
        assert_eq!(first.rejected, [(code::MALFORMED, bad.to_owned())]);
    }
    let shapes = read("{\"id\":1}\n[1]\n\"x\"");
    assert_eq!(
        shapes.rejected.iter().map(|(code, _)| *code).collect::<Vec<_>>(),
        [code::UNEXPECTED_SHAPE; 2]
    );
}

#[test]
fn a_bad_element_between_commas_costs_its_neighbours_nothing() {
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(100), "]".repeat(100));
    for (bad, expected) in [
        ("{\"id\":NaN}", code::MALFORMED),
        ("{\"id\" 1}", code::MALFORMED),
        ("{\"id\":\"a\nb\"}", code::MALFORMED),
        (deep.as_str(), code::MALFORMED),
        ("42", code::UNEXPECTED_SHAPE),
        ("null", code::UNEXPECTED_SHAPE),
        ("nul", code::MALFORMED),
        ("\"x,]\"", code::UNEXPECTED_SHAPE),
        ("[{\"id\":1}]", code::UNEXPECTED_SHAPE),
    ] {
        let reading = read(&format!("[{},{bad},{}]", RECORDS[0], RECORDS[1]));
        assert_eq!(reading.records, RECORDS[..2], "{bad}");
        assert_eq!(reading.rejected, [(expected, bad.to_owned())]);
        assert!(reading.rest.is_empty(), "{bad}: {reading:?}");
    }
    let invalid = read_in(b"[{\"a\":\"\xff\"},{\"b\":2}]", false, |_| 3);
    assert_eq!((invalid.records.len(), invalid.rejected.len()), (1, 1));
}

#[test]
fn from_where_the_structure_breaks_the_rest_is_kept() {
    let [a, ..] = RECORDS;
    for (rest, kept) in [
        (r#"{"id":[1},{"id":2}]"#, r#"{"id":[1},{"id":2}]"#),
        (r#"{"id":2} {"id":3}]"#, ""),
        (r#"{"id":"cut off"#, r#"{"id":"cut off"#),
        ("} ]", "} ]"),
        (",]", ",]"),
        ("", ""),
    ] {
        let reading = read(&format!("[{a},{rest}"));
        assert_eq!(reading.records[0], a);
        let (code, start, _) = &reading.rest[0];
        assert_eq!((*code, reading.rest.len()), (code::MALFORMED, 1), "{rest}: {reading:?}");
        assert!(start.starts_with(kept), "{rest}: {reading:?}");
    }
    let after = read(&format!("[{a}] and more"));
    assert_eq!(after.rest, [(code::MALFORMED, "and more".to_owned(), 8)]);
    for body in ["nonsense", "\"text\"", "42", "\u{0}"] {
        assert_eq!(read(body).rest, [(code::MALFORMED, body.to_owned(), body.len())]);
    }
    assert_eq!(read("{\n \"a\": 1,\n \"b\": ").rest.len(), 1, "an object over lines is no lines");
}

#[test]
fn a_record_above_the_limit_leaves_alone() {
    let [a, b, _] = RECORDS;
    let large = format!(r#"{{"x":"{}"}}"#, "y".repeat(1_200_000));
    for body in [format!("[{a},{large},{b}]"), format!("{a}\n{large}\n{b}\n"), format!("{large}\n{a}\n{b}")] {
        let reading = read_in(body.as_bytes(), false, |_| 60_000);
        assert_eq!(reading, read_in(body.as_bytes(), false, |left| left));
        assert_eq!(reading.records, [a, b]);
        assert_eq!(reading.rest, [(code::EVENT_TOO_LARGE, large[..80].to_owned(), large.len())]);
    }
    let alone = read_in(large.as_bytes(), false, |_| 60_000);
    assert_eq!((alone.object, alone.rest[0].2), (None, large.len()));
}

#[test]
fn rows_may_hold_line_breaks_in_quotes() {
    let reading = read_csv("url,text\r\nhttps://x,\"a \"\"b\"\"\nc\"\r\n\r\nhttps://y,z");
    assert_eq!(reading.header.as_deref(), Some("url,text"));
    assert_eq!(reading.records, ["https://x,\"a \"\"b\"\"\nc\"", "https://y,z"]);
    assert_eq!(reading.groups[0].format, FORMAT_CSV);
    assert_eq!(reading.groups[0].payload, b"url,text\nhttps://x,\"a \"\"b\"\"\nc\"\nhttps://y,z");
    assert_eq!(read_csv("[{\"id\":1}]").records.len(), 1, "JSON is JSON");
    assert_eq!(read_csv("url,text\n").header.as_deref(), Some("url,text"));
}

#[test]
fn a_part_is_bounded_in_records_and_bytes_and_the_last_one_is_marked() {
    let body = |count: usize| format!("[{}]", vec![r#"{"id":1}"#; count].join(","));
    let numbers = |reading: &Reading| -> Vec<(String, usize)> {
        let lines = |group: &Group| group.payload.split(|byte| *byte == b'\n').count();
        reading.groups.iter().map(|group| (group.mark.to_string(), lines(group))).collect()
    };
    let (one, two) = (("1/1".to_owned(), 7), vec![("1".to_owned(), 7), ("2/2".to_owned(), 1)]);
    assert_eq!(numbers(&read(&body(7))), [one]);
    assert_eq!(numbers(&read(&body(8))), two);
    let large = format!(r#"{{"x":"{}"}}"#, "y".repeat(400));
    let reading = read(&format!("[{{}},{large},{{}}]"));
    assert_eq!(numbers(&reading).iter().map(|(_, lines)| *lines).collect::<Vec<_>>(), [1, 1, 1]);
    assert_eq!(reading.groups[1].payload, large.as_bytes());
    for mark in ["3", "7/7"] {
        assert_eq!(mark.parse::<PartMark>().unwrap().to_string(), mark);
    }
}

#[test]
fn a_body_of_one_object_is_told_by_its_members() {
    let of = |object: &str| Body::of(object, false);
    let Body::Test(test) = of(r#"{"test": true, "platform": "facebook"}"#) else { panic!() };
    assert_eq!(test.platform.as_deref(), Some("facebook"));
    let Body::Notify(notice) = of(r#"{"snapshot_id":"s_x","status":"ready","records":"12","new":{"a":1}}"#)
    else {
        panic!()
    };
    assert_eq!((notice.snapshot_id.as_deref(), notice.records), (Some("s_x"), Some(12)));
    let Body::Reference(reference) = of(r#"{"snapshot_id":"s_x","status":"ready","result_url":"https://a"}"#)
    else {
        panic!()
    };
    assert_eq!(reference.url.as_deref(), Some("https://a"));
    assert!(matches!(of(r#"{"file_url":"https://a"}"#), Body::Reference(_)));
    for record in [
        r#"{"url":"https://x","test":true}"#,
        r#"{"input":{"url":"x"},"error":"gone","error_code":"dead_page"}"#,
        r#"{"id":1,"status":"x"}"#,
        "{}",
    ] {
        assert_eq!(of(record), Body::Record, "{record}");
    }
    assert!(matches!(Body::of(r#"{"id":"s_x","state":"ready"}"#, true), Body::Notify(_)));
}

#[test]
fn every_word_for_a_status_is_understood() {
    for (word, status) in [
        ("ready", JobStatus::Completed),
        (" Done ", JobStatus::Completed),
        ("digesting", JobStatus::Processing),
        ("canceled", JobStatus::Cancelled),
        ("failed", JobStatus::Failed),
    ] {
        assert_eq!(word.parse(), Ok(status));
    }
    assert_eq!("exploded".parse::<JobStatus>(), Err(words::UnknownWord));
    assert_eq!(dataset("gd_lk5ns7kz21pck8jpis"), Some((Platform::Instagram, Kind::Posts)));
    assert!(Platform::ALL.iter().all(|platform| platform.as_str().parse() == Ok(*platform)));
    assert!(Kind::ALL.iter().all(|kind| kind.as_str().parse() == Ok(*kind)));
}

#[test]
fn keys_tell_repeats_from_news() {
    assert_eq!(part_key(Some("s_1"), 3, b"x"), "bd:s_1:3:2d711642b726b04401627ca9fbac32f5");
    assert!(part_key(None, 1, b"x").starts_with("bd:unmatched:1:"));
    assert!(part_key(Some(&"s".repeat(500)), 1, b"x").len() < 128);
    assert_eq!(notify_key(Some("s_1"), Some("Ready"), b"a"), notify_key(Some("s_1"), Some("ready"), b"b"));
    assert_ne!(notify_key(None, Some("ready"), b"a"), notify_key(None, Some("ready"), b"b"));
}

fn json_value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        "[ -~é\\n\"\\\\{}\\[\\],:]{0,20}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
            proptest::collection::btree_map("[a-z\"]{1,6}", inner, 0..5)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

fn record() -> impl Strategy<Value = String> {
    let members = proptest::collection::btree_map("[a-z]{1,5}", json_value(), 0..6);
    (members, any::<bool>()).prop_map(|(members, pretty)| {
        let value = serde_json::Value::Object(members.into_iter().collect());
        if pretty { format!("{value:#}") } else { value.to_string() }
    })
}

proptest! {
    #[test]
    fn records_come_out_as_they_went_in(records in proptest::collection::vec(record(), 0..30), sizes in proptest::collection::vec(1_usize..90, 1..9)) {
        let body = format!("[{}]", records.join(","));
        let mut sizes = sizes.into_iter().cycle();
        let reading = read_in(body.as_bytes(), false, |_| sizes.next().unwrap());
        let expected: Vec<_> = records.iter().map(|record| record.replace('\n', " ")).collect();
        prop_assert_eq!(&reading.records, &expected);
        let parts: Vec<_> = reading.groups.iter().map(|group| group.payload.clone()).collect();
        prop_assert_eq!(parts.join(&b'\n'), expected.join("\n").into_bytes());
        prop_assert!(parts.iter().all(|part| part.split(|byte| *byte == b'\n').count() <= LIMITS.records));
    }

    #[test]
    fn a_body_gives_the_same_groups_however_it_is_cut(
        mut body in proptest::collection::vec(record(), 0..12).prop_flat_map(|records| {
            let forms = vec![
                format!("[{}]", records.join(",")),
                records.join("\n"),
                records.join(" "),
                format!(r#"{{"snapshot_id":"s","data":[{}],"n":1}}"#, records.join(",")),
                format!(r#"{{"data":[{}],"snapshot_id":"s"}}"#, records.join(",\n")),
            ];
            proptest::sample::select(forms).prop_map(String::into_bytes)
        }),
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), "[ -~\\n\"{}\\[\\],]{0,3}"), 0..4),
        takes_csv: bool,
        sizes in proptest::collection::vec(1_usize..90, 1..9),
    ) {
        for (place, bytes) in damage {
            let at = place.index(body.len() + 1);
            body.splice(at..(at + 1).min(body.len()), bytes.bytes());
        }
        let mut sizes = sizes.into_iter().cycle();
        let whole = read_in(&body, takes_csv, |left| left);
        prop_assert_eq!(read_in(&body, takes_csv, |_| sizes.next().unwrap()), whole);
    }
}

#[test]
fn members_called_data_are_looked_at_once() {
    // Looking at all that came before each of them would take hours.
    let body = format!(r#"{{"x":1{}}}"#, r#","data":[]"#.repeat(100_000));
    let reading = read_in(body.as_bytes(), false, |_| 60_000);
    assert_eq!(reading.rest[0].2, body.len(), "larger than a record may be, and kept");
    let small = format!(r#"{{"x":1{}}}"#, r#","data":[{"id":1}]"#.repeat(20));
    assert_eq!(read(&small).object.as_deref(), Some(small.as_str()));
}

#[test]
fn arrays_behind_one_another_are_one_body() {
    for body in ["[{\"id\":1}][{\"id\":2}]", "[{\"id\":1}]\n[]\r\n[{\"id\":2}]\n"] {
        let reading = read(body);
        assert_eq!((reading.records.len(), reading.rest.len()), (2, 0), "{reading:?}");
    }
    assert_eq!(read("[{\"id\":1}]]").rest, [(code::MALFORMED, "]".to_owned(), 1)]);
}

#[test]
fn a_quote_inside_of_a_field_is_text() {
    let reading =
        read_csv("url,text\nhttps://a,a 5\" pipe\nhttps://b,\"q\"\"\n,\"\nhttps://c,\"x\"y\"\nhttps://d,z");
    assert_eq!(
        reading.records,
        ["https://a,a 5\" pipe", "https://b,\"q\"\"\n,\"", "https://c,\"x\"y\"", "https://d,z"]
    );
}

#[test]
fn a_header_row_that_nobody_could_have_meant_is_none() {
    let body = format!("{}\n1,2\n", "x,".repeat(40_000));
    for (record_max, expected) in [(RECORD_MAX, code::EVENT_TOO_LARGE), (1_000_000, code::MALFORMED)] {
        let (mut splitter, mut input) = (Splitter::new(record_max, true), body.as_bytes());
        let mut rest = 0;
        let mut add = |split: Split<'_>| match split {
            Split::Fragment { code, bytes, .. } if code == expected => rest += bytes.len(),
            other => panic!("{other:?}"),
        };
        while let Some(split) = splitter.next(&mut input) {
            add(split);
        }
        while let Some(split) = splitter.end() {
            add(split);
        }
        assert_eq!(rest, body.len() - 1, "all but the line break behind the row");
    }
}

#[test]
fn a_word_that_no_database_takes_is_kept_out_of_keys() {
    let key = notify_key(Some("s_1"), Some("rea\u{0}dy\u{7f}é!"), b"");
    assert_eq!(key, "bdn:s_1:ready!");
    assert_eq!(notify_key(Some("s_1"), Some("\u{0}"), b""), "bdn:s_1:unknown");
}

#[test]
fn a_control_body_is_read_without_holding_the_rest_of_it() {
    let body = format!(
        r#"{{"test":"TRUE","status":["x"],"status":" ready ","snapshot_id":12,"large":[{}0],"records":"7"}}"#,
        "0,".repeat(1_000)
    );
    let Body::Test(notice) = Body::of(&body, false) else { panic!() };
    assert_eq!((notice.snapshot_id.as_deref(), notice.status.as_deref()), (Some("12"), Some("ready")));
    assert_eq!(notice.records, Some(7));
    let huge = format!(r#"{{"snapshot_id":"s","status":"{}"}}"#, "x".repeat(100_000));
    assert_eq!(
        Body::of(&huge, true),
        Body::Notify(Notice { snapshot_id: Some("s".to_owned()), ..Notice::default() })
    );
}

#[test]
fn what_is_wrong_in_two_ways_by_turns_makes_two_groups() {
    let reading = read(&format!("[{}{{\"id\":1}}]", "nul,null,".repeat(6)));
    let found: Vec<_> = reading.groups.iter().map(|group| (group.rejected, group.mark.to_string())).collect();
    assert_eq!(
        found,
        [
            (None, "1/1".to_owned()),
            (Some(code::MALFORMED), "1".to_owned()),
            (Some(code::UNEXPECTED_SHAPE), "2".to_owned())
        ]
    );
    assert_eq!(reading.groups[1].payload, "nul\n".repeat(6).trim_end().as_bytes());
    assert_eq!((reading.groups[1].token(), reading.groups[1].event_type()), (MALFORMED, TYPE_MALFORMED));
    assert_ne!(reading.groups[1].dedup_key(None), reading.groups[2].dedup_key(None));
}

#[test]
fn what_is_wrong_over_several_lines_or_large_is_kept_in_pieces_of_its_own() {
    let large = format!("[{}]", "1,".repeat(400));
    let reading = read(&format!("[\n{{\"id\":\"a\nb\"}}, 7, {large}]"));
    let formats: Vec<_> = reading.groups.iter().map(|group| group.format).collect();
    assert_eq!(formats, [FORMAT_RAW, FORMAT_RAW, FORMAT_RAW, FORMAT_RAW, FORMAT_NDJSON]);
    assert_eq!(
        reading.groups[1..4].iter().map(|group| group.payload.clone()).collect::<Vec<_>>().concat(),
        large.as_bytes()
    );
}

/// No version may change them: the stream and the ledger know repeats by them. The edge and whoever fetches a lost
/// delivery are held to the same keys.
#[test]
fn the_keys_of_a_known_body_stay_what_they_are() {
    let groups = read(r#"[{"id":1}, 7,{ "id": 2}, nul]"#).groups;
    let keys: Vec<_> = groups.iter().map(|group| group.dedup_key(Some("s_1"))).collect();
    assert_eq!(
        keys,
        [
            "bd:s_1:1:24aa28db84069a65f9ee0170a70b378e",
            "bd:s_1:malformed:1:7902699be42c8a8e46fbbb4501726517",
            "bd:s_1:malformed:2:99e6242759016035192f8efe5f53878a",
        ]
    );
}
