use proptest::{prelude::*, strategy::Union};

use contract::{c2s, usage};

use super::*;

/// Every schema that a body may be read by.
fn all() -> Vec<(&'static str, &'static str)> {
    let whole = [("c2s", C2S_SCHEMA), ("instagram", INSTAGRAM_SCHEMA), ("usage", USAGE_SCHEMA)];
    whole.into_iter().chain(RECORD_SCHEMAS).collect()
}

fn of(schema: &str) -> Value {
    serde_json::from_str(schema).unwrap()
}

#[test]
fn every_schema_and_every_definition_that_is_used_can_be_compiled() {
    for (name, schema) in all() {
        assert!(compiled(schema, None).is_some(), "{name}");
    }
    for (schema, definition) in [
        (C2S_SCHEMA, "lead"),
        (USAGE_SCHEMA, "report"),
        (INSTAGRAM_SCHEMA, "change"),
        (INSTAGRAM_SCHEMA, "item"),
    ] {
        assert!(compiled(schema, Some(definition)).is_some(), "{definition}");
    }
}

#[test]
fn the_examples_of_a_schema_are_valid_and_the_parsers_take_them() {
    for (name, schema) in all() {
        let validator = compiled(schema, None).unwrap();
        for example in of(schema)["examples"].as_array().into_iter().flatten() {
            assert!(validator.is_valid(example), "{name}: {example}");
            let text = example.to_string();
            let taken = match name {
                "c2s" => c2s::events(&text).unwrap().all(|event| event.is_ok()),
                "usage" => usage::events(&text).unwrap().all(|event| event.is_ok()),
                _ => true,
            };
            assert!(taken, "{name}: {example}");
        }
    }
}

/// Values that somebody may put into a field, right ones and wrong ones.
fn word() -> impl Strategy<Value = Value> {
    let instants =
        ["2026-01-20T10:00:00Z", "2026-01-20 10:00:00.0 -0300", "2026-01-20 10:00:00", "soon", "", " "];
    Union::new(instants.into_iter().map(|text| Just(json!(text)).boxed()).chain([
        Just(Value::Null).boxed(),
        Just(json!([])).boxed(),
        Just(json!({})).boxed(),
        any::<bool>().prop_map(Value::from).boxed(),
        any::<i64>().prop_map(Value::from).boxed(),
        "\\PC{0,12}".prop_map(Value::from).boxed(),
    ]))
}

/// An object with some of these members.
fn object(names: &'static [&'static str]) -> impl Strategy<Value = Value> {
    proptest::collection::vec(proptest::option::of(word()), names.len()).prop_map(|values| {
        let members = names.iter().zip(values).filter_map(|(name, value)| Some(((*name).to_owned(), value?)));
        Value::Object(members.collect())
    })
}

proptest! {
    /// What the edge takes for a lead, the schema does: an edit that makes it so is never refused for the schema's sake.
    #[test]
    fn a_lead_that_the_edge_takes_is_one_by_the_schema(
        lead in object(&["id", "hook_action", "created_at"]), attributes in object(&["updated_at", "customer", "log"]),
        envelope in prop::option::of(prop::sample::select(vec!["lead", "data"])),
    ) {
        let mut lead = lead;
        lead["attributes"] = attributes;
        let body = envelope.map_or_else(|| lead.clone(), |name| json!({ name: lead }));
        let text = body.to_string();
        let taken = c2s::events(&text).is_ok_and(|mut events| events.next().is_some_and(|event| event.is_ok()));
        let (_, inside) = inner(body, None, &["lead", "data"]);
        let valid = compiled(C2S_SCHEMA, Some("lead")).unwrap().is_valid(&inside);
        prop_assert!(valid || !taken, "{text}");
    }

    #[test]
    fn a_report_that_the_schema_takes_is_one_for_the_edge(
        report in object(&["session_id", "event_id", "timestamp", "query", "model_name", "test"]),
    ) {
        let text = report.to_string();
        let taken = usage::events(&text).is_ok_and(|mut events| events.next().is_some_and(|event| event.is_ok()));
        let (_, inside) = inner(report, Some("session_id"), &["events", "data"]);
        let valid = compiled(USAGE_SCHEMA, Some("report")).unwrap().is_valid(&inside);
        prop_assert!(taken || !valid, "{text}");
    }
}
