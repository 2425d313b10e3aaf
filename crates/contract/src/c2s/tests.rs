//! The forms of `providers.md` 3.3, and what senders get wrong.

use time::macros::datetime;

use super::*;

const FORM_A: &str = r#"{"id":"lead-12345","hook_action":"lead.created","attributes":{"updated_at":"2026-01-20T10:00:00Z",
 "customer":{"name":"Joao Exemplo","email":"joao@example.com","phone":"+5511987654321"},
 "product":{"description":"Apartamento 3 quartos","prop_ref":"APT-001","price":"R$ 500.000"},
 "lead_status":{"alias":"new","name":"Novo Lead"}}}"#;
const FORM_C: &str = r#"{"hook_action":"on_create_lead","lead":{"id":"a1b2","internal_id":1234567,"attributes":{
 "customer":{"name":"Joao Exemplo","phone":"5511987654321","phone2":""},"seller":{"id":"s-1","name":"Vendedor Um"},
 "lead_source":{"id":3,"name":"Portal"},"created_at":"2026-01-20T07:00:00.000-03:00","updated_at":"2026-01-20T07:00:00.000-03:00"}}}"#;
const FORM_D: &str = r#"{"hook_action":"on_update_lead","timestamp":"2026-01-20T10:00:05Z","data":{"type":"lead","id":"a1b2",
 "attributes":{"updated_at":"2026-01-20T07:00:00.000-03:00","customer":{"name":"Joao Exemplo"}}}}"#;

fn only(body: &str) -> Result<LeadEvent<'_>, Rejected<'_>> {
    let mut events = split(body).unwrap();
    assert_eq!(events.len(), 1);
    events.remove(0)
}

#[test]
fn every_form_yields_lead_id_instant_and_action() {
    for (body, lead_id, action) in [
        (FORM_A, "lead-12345", Action::Created),
        (FORM_C, "a1b2", Action::Created),
        (FORM_D, "a1b2", Action::Updated),
    ] {
        let event = only(body).unwrap();
        assert_eq!(event.lead_id, lead_id);
        assert_eq!(event.updated_at, datetime!(2026-01-20 10:00:00 UTC));
        assert_eq!(Action::from_hook_action(event.hook_action.as_deref()), action);
        assert_eq!(event.body, body, "the event keeps the provider's own bytes");
    }
}

#[test]
fn a_batch_keeps_the_exact_bytes_of_each_element() {
    let body = r#"[ {"id":"b-1", "attributes":{"updated_at":"2026-01-20T10:02:00Z"}} ,{"id":"b-2","attributes":{"updated_at":"x"}},
        {"attributes":{"updated_at":"2026-01-20T10:02:00Z"}}, {"id":"b-4","attributes":[]}, 7 ]"#;
    let events = split(body).unwrap();
    assert_eq!(
        events[0].as_ref().unwrap().body,
        r#"{"id":"b-1", "attributes":{"updated_at":"2026-01-20T10:02:00Z"}}"#
    );
    assert_eq!(Action::from_hook_action(events[0].as_ref().unwrap().hook_action.as_deref()), Action::Other);
    let codes: Vec<_> = events[1..].iter().map(|event| event.as_ref().unwrap_err().code).collect();
    assert_eq!(
        codes,
        [code::INVALID_UPDATED_AT, code::MISSING_ID, code::MISSING_UPDATED_AT, code::UNEXPECTED_SHAPE]
    );
}

#[test]
fn data_may_be_an_array_and_its_elements_inherit_the_action() {
    let body = r#"{"hook_action":"on_close_lead","data":[{"id":1,"attributes":{"updated_at":"2026-01-20T10:00:00Z"}},
        {"id":2,"attributes":{"updated_at":"2026-01-20T10:00:00Z"}}]}"#;
    let events: Vec<_> = split(body).unwrap().into_iter().map(Result::unwrap).collect();
    assert_eq!(events.iter().map(|event| event.lead_id.as_str()).collect::<Vec<_>>(), ["1", "2"]);
    assert!(events.iter().all(|event| event.hook_action.as_deref() == Some("on_close_lead")));
}

#[test]
fn the_same_instant_in_two_offsets_has_one_key() {
    let utc = only(FORM_A).unwrap();
    let offset = FORM_A.replace("2026-01-20T10:00:00Z", "2026-01-20T07:00:00-03:00");
    assert_eq!(utc.dedup_key(), only(&offset).unwrap().dedup_key());
    let later = FORM_A.replace("10:00:00Z", "10:00:01Z");
    assert_ne!(utc.dedup_key(), only(&later).unwrap().dedup_key());
}

#[test]
fn long_numbers_are_different_ids() {
    let event = |id: &str| format!(r#"{{"id":{id},"attributes":{{"updated_at":"2026-01-20T10:00:00Z"}}}}"#);
    for id in ["1", "-1", "1.0", "1e400", "123456789012345678901234567890", "123456789012345678901234567891"]
    {
        assert_eq!(only(&event(id)).unwrap().lead_id, id);
    }
    for id in ["true", "{}", "[1]", "null", r#"" ""#, r#""\ud800""#] {
        assert_eq!(only(&event(id)).unwrap_err().code, code::MISSING_ID, "{id}");
    }
}

#[test]
fn what_is_not_json_or_no_object_is_refused_whole() {
    for (body, code) in [
        ("", code::MALFORMED),
        ("{", code::MALFORMED),
        ("[{]", code::MALFORMED),
        ("{} {}", code::MALFORMED),
        ("\"lead\"", code::UNEXPECTED_SHAPE),
        ("42", code::UNEXPECTED_SHAPE),
        ("null", code::UNEXPECTED_SHAPE),
    ] {
        assert_eq!(split(body), Err(code), "{body}");
    }
    assert_eq!(split("[]"), Ok(vec![]));
}

#[test]
fn nesting_of_any_depth_is_an_answer_not_a_crash() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(split(&deep), Err(code::MALFORMED));
    let inside =
        format!(r#"{{"id":"x","attributes":{{"updated_at":"2026-01-20T10:00:00Z"}},"extra":{deep}}}"#);
    assert_eq!(split(&inside), Err(code::MALFORMED));
}

#[test]
fn a_lead_is_read_from_every_form_and_oddities_are_absent() {
    let lead = Lead::parse(FORM_C.as_bytes()).unwrap();
    assert_eq!(lead.internal_id.as_deref(), Some("1234567"));
    assert_eq!(lead.customer.phone.as_deref(), Some("5511987654321"));
    assert_eq!(lead.customer.phone2, None, "an empty string is absent");
    assert_eq!(lead.seller_name.as_deref(), Some("Vendedor Um"));
    assert_eq!(lead.created_at, Some(datetime!(2026-01-20 10:00:00 UTC)));

    let odd = Lead::parse(
        br#"{"id":1,"attributes":{"customer":"Joao","product":{"price":500000.5},"description":"a\u0000b"}}"#,
    )
    .unwrap();
    assert_eq!(odd.customer, Customer::default());
    assert_eq!(odd.price.as_deref(), Some("500000.5"));
    assert_eq!(odd.description.as_deref(), Some("ab"));
    assert_eq!(Lead::parse(FORM_D.as_bytes()).unwrap().customer.name.as_deref(), Some("Joao Exemplo"));
    assert_eq!(Lead::parse(b"[1]"), None);
}

#[test]
fn an_empty_data_array_hides_no_event() {
    let lead = r#"{"id":"x","attributes":{"updated_at":"2026-01-20T10:00:00Z"},"data":[]}"#;
    assert_eq!(only(lead).unwrap().lead_id, "x");
    assert_eq!(only(r#"{"data":[]}"#).unwrap_err().code, code::MISSING_ID);
}

#[test]
fn a_member_that_means_nothing_harms_only_itself() {
    let body = br#"{"id":"x","internal_id":1e400,"attributes":{"description":"half \ud800","customer":{"name":"Joao","phone":11987654321,
        "email":["a"],"name2":"\udc00"},"seller":"none","product":null,"extra":{"deep":[1e999,"\ud800"]}}}"#;
    let lead = Lead::parse(body).unwrap();
    assert_eq!(lead.customer.name.as_deref(), Some("Joao"));
    assert_eq!(lead.customer.phone.as_deref(), Some("11987654321"));
    assert_eq!((lead.customer.email, lead.description), (None, None));
    assert_eq!(lead.internal_id.as_deref(), Some("1e400"), "a number keeps its digits");
}
