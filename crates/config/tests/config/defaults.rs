//! `config.default.toml` is the documentation, so it must be whole and true.

use std::collections::BTreeSet;

use config::{DEFAULTS, Settings, keys};

/// The default file with its absent settings (`#key = example`) brought in.
fn whole() -> toml::Table {
    let is_absent_setting =
        |line: &str| line.starts_with('#') && line.chars().nth(1).is_some_and(|c| c.is_ascii_lowercase());
    let lines = DEFAULTS.lines().map(|line| if is_absent_setting(line) { &line[1..] } else { line });
    toml::from_str(&lines.collect::<Vec<_>>().join("\n")).unwrap()
}

fn paths(table: &toml::Table, section: &str, into: &mut BTreeSet<String>) {
    for (name, value) in table {
        let path = if section.is_empty() { name.clone() } else { format!("{section}.{name}") };
        match value {
            toml::Value::Table(table) => paths(table, &path, into),
            _ => assert!(into.insert(path)),
        }
    }
}

#[test]
fn the_default_file_has_every_setting_and_nothing_else() {
    let mut written = BTreeSet::new();
    paths(&whole(), "", &mut written);
    let known: BTreeSet<_> = keys().iter().map(|key| key.path.clone()).collect();
    assert_eq!(written, known);
}

#[test]
fn every_setting_of_the_default_file_is_explained_above_it() {
    let mut explained = false;
    for line in DEFAULTS.lines() {
        let is_setting = line.contains(" = ") && !line.starts_with("# ");
        // Settings of one kind may share the comment above the first of them.
        assert!(!is_setting || explained, "{line:?} has no comment");
        explained = line.starts_with("# ") || (is_setting && explained);
    }
    for key in keys() {
        assert!(!key.description.is_empty(), "{} has no doc comment", key.path);
    }
}

#[test]
fn the_defaults_are_settings() {
    let settings = Settings::for_tests();
    assert_eq!(settings.edge.listen.port(), 8000);
    assert!(settings.postgres.url.is_none());
    assert!(settings.edge.providers["c2s"].secrets.is_empty());
}

#[test]
fn the_committed_schema_is_the_one_the_types_make() {
    let committed = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas/weir-config.schema.json");
    let made = format!("{:#}\n", config::schema());
    // Not assert_eq: it would print both documents.
    assert!(
        std::fs::read_to_string(committed).unwrap_or_default() == made,
        "renew it: `weir config schema > schemas/weir-config.schema.json`"
    );
}
