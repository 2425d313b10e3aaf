//! `weir c2s` and `weir person`.

use std::fs;

use bus::Topology;
use simulators::c2s::{C2sApi, Lead};
use testkit::{Broker, Database};

use crate::{Run, weir_in};

const TOKEN: &str = "c2s-token-invented";
const INDEX_KEY: &str = "0123456789abcdef0123456789abcdef";

struct Given {
    broker: Broker,
    database: Database,
    api: simulators::Server,
    folder: tempfile::TempDir,
}

impl Given {
    async fn new(c2s: &C2sApi) -> Self {
        let (broker, database) = (Broker::start().await, Database::create().await);
        let bus = bus::connect(&broker.config(), "test").await.unwrap();
        Topology::embedded().apply(&bus, 1).await.unwrap();
        Self { broker, database, api: c2s.start().await.unwrap(), folder: tempfile::tempdir().unwrap() }
    }

    async fn weir(&self, arguments: &[&str]) -> Run {
        let folder = self.folder.path().to_owned();
        let (nats, database) = (self.broker.url().to_owned(), self.database.url().to_owned());
        let base = format!("{}/integration", self.api.url());
        let arguments: Vec<String> =
            ["--log", "trace"].iter().chain(arguments).map(|it| (*it).to_owned()).collect();
        tokio::task::spawn_blocking(move || {
            let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
            let variables = [
                ("NATS_URL", nats.as_str()),
                ("DATABASE_URL", &database),
                ("C2S_BASE_URL", &base),
                ("C2S_TOKEN", TOKEN),
                ("WEIR_C2S__API__RATE_PER_MINUTE", "60000"),
                ("WEIR_OUTBOUND__ALLOWED_NETWORKS", "127.0.0.1"),
                ("WEIR_PEOPLE__INDEX_KEYS", INDEX_KEY),
            ];
            weir_in(&folder, &variables, &arguments)
        })
        .await
        .unwrap()
    }
}

#[tokio::test]
async fn a_poll_by_hand_publishes_once_and_a_person_is_erased_without_being_told() {
    let c2s = C2sApi::new(TOKEN);
    let mut lead = Lead::new("lead-1", "Joao Exemplo", "11987654321", "");
    lead.description = "CPF 529.982.247-25".to_owned();
    c2s.add(lead);
    c2s.add(Lead::new("lead-2", "Maria Exemplo", "21976543210", ""));
    let given = Given::new(&c2s).await;

    let poll = ["c2s", "poll", "--since", "1h", "--json"];
    let dry = given.weir(&[&poll[..], &["--dry-run"]].concat()).await.document();
    assert_eq!(
        (&dry["missing"], &dry["published"], &dry["is_complete"]),
        (&2.into(), &0.into(), &true.into())
    );
    let first = given.weir(&poll).await.document();
    assert_eq!((&first["published"], &first["waiting"]), (&2.into(), &0.into()));
    let again = given.weir(&poll).await.document();
    assert_eq!((&again["published"], &again["waiting"]), (&0.into(), &2.into()));

    let file = given.folder.path().join("cpf.txt");
    fs::write(&file, "529.982.247-25\n").unwrap();
    let erase = ["person", "erase", "--cpf-file", "cpf.txt", "--json"];
    let asked = given.weir(&erase).await;
    assert_eq!(asked.code(), 2, "nobody can be asked: {}", asked.stderr());
    let dry = given.weir(&[&erase[..], &["--dry-run"]].concat()).await.document();
    assert_eq!((&dry["erased"], &dry["places"]["stream_messages"]), (&false.into(), &1.into()));
    let run = given.weir(&[&erase[..], &["--yes"]].concat()).await;
    let done = run.document();
    assert_eq!((&done["person"], &done["erased"]), (&"***.982.247-**".into(), &true.into()));
    assert_eq!(
        (&done["places"]["stream_messages"], &done["places"]["unhandled_messages"]),
        (&1.into(), &1.into())
    );
    let again = given.weir(&[&erase[..], &["--dry-run"]].concat()).await.document();
    assert_eq!(again["places"]["stream_messages"], 0);

    let wrong = given.weir(&["person", "erase", "--cpf", "529.982.247-24", "--dry-run"]).await;
    assert_eq!(wrong.code(), 2);
    for run in [&run, &asked, &wrong] {
        for secret in ["529982247", "529.982", TOKEN, INDEX_KEY] {
            assert!(
                !run.stdout().contains(secret) && !run.stderr().contains(secret),
                "{secret}: {}",
                run.stderr()
            );
        }
    }
    let listed = given.weir(&["c2s", "enrichments", "list", "--json"]).await.document();
    assert_eq!(listed.as_array().map(Vec::len), Some(0));
}
