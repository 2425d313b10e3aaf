//! Settings that must stop the edge before it binds, by the name of their key.

use std::path::PathBuf;

use config::{List, Secret};
use edge::Edge;

use crate::harness::{c2s, settings};

fn error(configure: impl FnOnce(&mut config::Edge)) -> String {
    let mut settings = settings();
    configure(&mut settings);
    let error = Edge::new(&settings).err().expect("refused");
    format!("{:#}", anyhow::Error::new(error))
}

#[test]
fn an_enabled_provider_without_a_secret_is_named() {
    for secrets in
        [vec![], vec![Secret::from("")], vec![Secret::from("a-good-secret-0001"), Secret::from("  ")]]
    {
        let error = error(|settings| c2s(settings).secrets = List(secrets));
        assert!(error.contains("edge.providers.c2s.secrets"), "{error}");
        assert!(!error.contains("a-good-secret"), "{error}");
    }
}

#[test]
fn a_disabled_provider_needs_no_secret() {
    let mut settings = settings();
    c2s(&mut settings).enabled = false;
    c2s(&mut settings).secrets = List(vec![]);
    assert!(Edge::new(&settings).is_ok());
}

#[test]
fn an_unknown_provider_is_named() {
    let error = error(|settings| {
        let c2s = settings.providers["c2s"].clone();
        settings.providers.insert("c3s".to_owned(), c2s);
    });
    assert!(error.contains("edge.providers.c3s") && error.contains("c2s"), "{error}");
}

#[test]
fn a_limit_of_zero_is_named() {
    assert!(error(|settings| settings.rate_per_second = 0).contains("edge.rate_per_second"));
    assert!(error(|settings| settings.rate_burst = 0).contains("edge.rate_burst"));
    assert!(error(|settings| settings.connections_max = 0).contains("edge.connections_max"));
    assert!(error(|settings| settings.requests_in_flight_max = 0).contains("edge.requests_in_flight_max"));
    assert!(
        error(|settings| c2s(settings).rate_per_minute = 0).contains("edge.providers.c2s.rate_per_minute")
    );
    assert!(error(|settings| c2s(settings).rate_burst = 0).contains("edge.providers.c2s.rate_burst"));
}

#[test]
fn tls_files_are_named_when_they_cannot_be_used() {
    let nowhere = || PathBuf::from("/nowhere/cert.pem");
    assert!(error(|settings| settings.tls_cert_file = Some(nowhere())).contains("edge.tls_key_file"));
    assert!(error(|settings| settings.tls_key_file = Some(nowhere())).contains("edge.tls_cert_file"));
    let unreadable = error(|settings| {
        settings.tls_cert_file = Some(nowhere());
        settings.tls_key_file = Some(nowhere());
    });
    assert!(
        unreadable.contains("edge.tls_cert_file") && unreadable.contains("/nowhere/cert.pem"),
        "{unreadable}"
    );
    assert!(
        error(|settings| settings.tls_client_ca_files = List(vec![nowhere()]))
            .contains("edge.tls_client_ca_files")
    );
}

#[test]
fn a_certificate_that_nobody_can_show_is_a_mistake() {
    let error = error(|settings| c2s(settings).client_certificate_cn = Some("hooks.example.com".to_owned()));
    assert!(error.contains("edge.providers.c2s.client_certificate_cn"), "{error}");
}
