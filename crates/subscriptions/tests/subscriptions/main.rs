//! Subscriptions with a real database, against a Graph API of our own.
#![cfg(test)]

mod check;
mod keys;
mod subscribe;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use config::Secret;
use graph_api::{Field, GraphApi};
use seal::Keyring;
use simulators::{Server, meta};
use store::instagram_accounts::{self, Sign};
use subscriptions::{Checked, Listed, Subscriptions};
use testkit::Database;
use time::{Duration, OffsetDateTime, macros::datetime};

const ACCOUNT: &str = "17841400000000001";
const TOKEN: &str = "IGAA_invented_token_123";
const NOW: OffsetDateTime = datetime!(2026-01-20 10:00 UTC);
const SILENCE: std::time::Duration = std::time::Duration::from_hours(1);

/// Meta, a database, and us between them.
struct Given {
    database: Database,
    meta: meta::GraphApi,
    server: Server,
    subscriptions: Subscriptions,
}

impl Given {
    async fn new() -> Self {
        let (database, meta) = (Database::create().await, meta::GraphApi::default());
        let server = meta.start().await.unwrap();
        let subscriptions = subscriptions(&database, &server.url(), &[("a", 1)]);
        Self { database, meta, server, subscriptions }
    }

    /// The same database and Meta, by a process with other keys.
    fn with_keys(&self, keys: &[(&str, u8)]) -> Subscriptions {
        subscriptions(&self.database, &self.server.url(), keys)
    }

    async fn subscribe(&self, names: &str) {
        let token = Secret::from(TOKEN);
        self.subscriptions.subscribe(ACCOUNT, &fields(names), Some(&token), NOW).await.unwrap();
    }

    async fn only(&self) -> Listed {
        let mut listed = self.subscriptions.list().await.unwrap();
        assert_eq!(listed.len(), 1);
        listed.remove(0)
    }

    /// A webhook for the account arrives.
    async fn webhook(&self, at: OffsetDateTime) {
        let sign = Sign { account_id: ACCOUNT, webhook_at: at, event_at: None };
        instagram_accounts::note(&mut self.database.pool().acquire().await.unwrap(), &[sign]).await.unwrap();
    }

    async fn check(&self, after: Duration) -> Checked {
        let mut checked = self.subscriptions.check(SILENCE, NOW + after).await.unwrap();
        assert_eq!(checked.len(), 1);
        checked.remove(0)
    }
}

fn subscriptions(database: &Database, url: &str, keys: &[(&str, u8)]) -> Subscriptions {
    let mut settings = config::Settings::for_tests();
    url.clone_into(&mut settings.instagram.graph.base_url);
    settings.instagram.graph.app_id = Some(meta::GraphApi::APP_ID.to_owned());
    settings.outbound.allowed_networks = config::List(vec!["127.0.0.1".parse().unwrap()]);
    settings.outbound.retry_base_ms = 5;
    let keys = keys.iter().map(|(id, byte)| format!("{id}:{}", STANDARD.encode([*byte; 32])));
    settings.seal.keys = config::List(keys.map(|key| Secret::from(key.as_str())).collect());
    let graph = GraphApi::new(&settings.instagram.graph, &settings.outbound).unwrap();
    Subscriptions::new(graph, Keyring::new(&settings.seal).unwrap(), database.pool().clone())
}

fn fields(names: &str) -> Vec<Field> {
    names.split(',').map(|name| name.parse().unwrap()).collect()
}
