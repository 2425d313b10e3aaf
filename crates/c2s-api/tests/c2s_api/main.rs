//! Calls against a Contact2Sale of our own.
#![cfg(test)]

mod failures;
mod leads;
mod messages;
mod replicas;

use c2s_api::C2sApi;
use config::Secret;
use simulators::{
    Server,
    c2s::{self, Lead},
};

const TOKEN: &str = "t0ken-of-the-test";

/// Contact2Sale, and us calling it.
struct Given {
    c2s: c2s::C2sApi,
    _server: Server,
    api: C2sApi,
}

async fn given() -> Given {
    given_with(|_| {}).await
}

async fn given_with(change: impl FnOnce(&mut config::Settings)) -> Given {
    let c2s = c2s::C2sApi::new(TOKEN);
    let server = c2s.start().await.unwrap();
    let mut settings = config::Settings::for_tests();
    settings.c2s.api.base_url = format!("{}/integration", server.url());
    settings.c2s.api.token = Some(Secret::from(TOKEN));
    settings.c2s.api.timeout_ms = 500;
    settings.outbound.allowed_networks = config::List(vec!["127.0.0.1".parse().unwrap()]);
    change(&mut settings);
    let api = C2sApi::new(&settings.c2s.api, &settings.outbound).unwrap();
    Given { c2s, _server: server, api }
}

fn joao(id: &str) -> Lead {
    Lead::new(id, "Joao Exemplo", "+55 11 98765-4321", "joao@example.com")
}
