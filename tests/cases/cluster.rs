//! Three brokers, one of which is killed while messages run out of deliveries.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_nats::jetstream::{
    AckKind,
    consumer::{PullConsumer, pull},
};
use bus::{Bus, Topology};
use e2e::{Cluster, DEADLINE, Lead, SECRET};
use futures::StreamExt as _;
use sqlx::{PgPool, Row as _};
use testkit::eventually;

const STREAM: &str = "C2S";
const CONSUMER: &str = "c2s-leads";
const ADVISORIES: &str = "ADVISORIES";
/// Deliveries after which the broker gives up.
const DELIVERIES: i64 = 3;

/// Every tenth lead is refused by the database.
const POISON: &str = r"
create function refuse() returns trigger language plpgsql as $$
begin
    if new.lead_id like '%0' then
        raise exception 'never' using errcode = 'check_violation';
    end if;
    return new;
end
$$;
create trigger refuse before insert on lead_events for each row execute function refuse();
";

/// A provider that sends lead after lead, each until it is answered 200.
#[derive(Default)]
struct Sender {
    stopping: AtomicBool,
    accepted: Mutex<Vec<String>>,
}

impl Sender {
    async fn run(&self, url: &str, name: &str) {
        let http = reqwest::Client::builder().timeout(Duration::from_secs(10)).build().unwrap();
        for number in 1.. {
            if self.stopping.load(Ordering::SeqCst) {
                return;
            }
            let lead = Lead::new(format!("{name}-{number}"));
            let post = async || {
                let request = http.post(url).header("X-Webhook-Token", SECRET).json(&lead.json());
                let status = request.send().await.ok()?.status();
                assert!(status == 200 || status == 503, "{status}");
                (status == 200).then_some(())
            };
            eventually("the edge takes it", DEADLINE, post).await;
            self.accepted.lock().unwrap().push(lead.id);
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    fn count(&self) -> usize {
        self.accepted.lock().unwrap().len()
    }
}

/// A consumer that takes events and gives each back, so that they run out of deliveries without a word. Says how many it
/// took.
async fn exhaust(bus: &Bus, at_least: usize) -> usize {
    let mut taken: BTreeMap<u64, i64> = BTreeMap::new();
    eventually("enough events were taken as often as they may be", DEADLINE, async || {
        let consumer: PullConsumer =
            bus.jetstream().get_consumer_from_stream::<pull::Config, _, _>(CONSUMER, STREAM).await.ok()?;
        let batch = consumer.batch().max_messages(50).expires(Duration::from_millis(300)).messages().await;
        let messages: Vec<_> = batch.ok()?.collect().await;
        for message in messages.into_iter().flatten() {
            let Ok((sequence, delivered)) = message.info().map(|info| (info.stream_sequence, info.delivered))
            else {
                continue;
            };
            taken.insert(sequence, delivered);
            give_back(&message).await;
        }
        (taken.values().filter(|delivered| **delivered == DELIVERIES).count() >= at_least).then_some(())
    })
    .await;
    taken.len()
}

#[expect(clippy::disallowed_methods, reason = "what no consumer of ours may do")]
async fn give_back(message: &async_nats::jetstream::Message) {
    message.ack_with(AckKind::Nak(Some(Duration::from_millis(1)))).await.ok();
}

/// What the database has of each lead: ledger statuses, effects, dead letters.
async fn found(pool: &PgPool) -> BTreeMap<String, (String, i64, i64)> {
    let rows = sqlx::query(
        "select event.subject, string_agg(event.status, ' '),
            (select count(*) from lead_events effect where effect.lead_id = event.subject),
            (select count(*) from dead_letters letter where letter.subject = event.subject and body is not null)
        from webhook_events event
        group by event.subject",
    );
    let rows = rows.fetch_all(pool).await.unwrap();
    rows.into_iter()
        .map(|row| {
            let lead: Option<String> = row.get(0);
            (lead.unwrap_or_else(|| "?".to_owned()), (row.get(1), row.get(2), row.get(3)))
        })
        .collect()
}

/// Has events run out of deliveries, kills the node that leads `what` just then, and lets the rest be handled without it.
async fn torment(cluster: &mut Cluster, sender: &Sender, what: &str) {
    let before = sender.count();
    eventually("there is traffic", DEADLINE, async || (sender.count() > before + 30).then_some(())).await;
    let taken = exhaust(&cluster.bus, 20).await;
    let leader = match what {
        "stream" => cluster.stream_leader(STREAM).await,
        "consumer" => cluster.consumer_leader(STREAM, CONSUMER).await,
        _ => cluster.stream_leader(ADVISORIES).await,
    };
    cluster.nodes.kill(&leader);
    // What was taken last is given up with the next pull.
    let more = exhaust(&cluster.bus, 1).await;
    println!("{what}: {taken} taken, {leader} killed, {more} taken after it");
    let mut leads = cluster.program("weir-c2s").await;
    let before = sender.count();
    eventually("events are taken", DEADLINE, async || (sender.count() > before + 20).then_some(())).await;
    cluster.nodes.restart(&leader).await;
    leads.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_killed_while_messages_run_out_of_deliveries_loses_and_doubles_nothing() {
    let change = |topology: &mut Topology| {
        let leads = topology.consumers.get_mut(CONSUMER).unwrap();
        (leads.max_deliver, leads.ack_wait_seconds) = (DELIVERIES, 2);
        topology.consumers.get_mut("dead-letters").unwrap().ack_wait_seconds = 2;
    };
    let mut cluster = Cluster::start(change, POISON).await;
    let sender = Sender::default();
    let recorder = cluster.program("weir-dead-letters").await;
    let url = cluster.c2s_url();
    let tormenting = async {
        for what in ["stream", "consumer", "advisories"] {
            torment(&mut cluster, &sender, what).await;
        }
        sender.stopping.store(true, Ordering::SeqCst);
    };
    tokio::join!(sender.run(&url, "a"), sender.run(&url, "b"), tormenting);
    let leads = cluster.program("weir-c2s").await;
    let said = async || {
        let output = cluster.weir(&["audit", "--json"]).await;
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
        let c2s = report["providers"].as_array()?.iter().find(|report| report["provider"] == "c2s")?.clone();
        println!("{c2s}");
        (output.status.success() && c2s["pending"] == 0).then_some(c2s)
    };
    let report = eventually("the audit balances and nothing waits", DEADLINE * 2, said).await;

    let found = found(&cluster.pool).await;
    let accepted = sender.accepted.lock().unwrap().clone();
    let mut wrong = Vec::new();
    let (mut completed, mut dead) = (0, 0);
    for lead in &accepted {
        match found.get(lead) {
            Some((status, 1, 0)) if status == "completed" && !lead.ends_with('0') => completed += 1,
            Some((status, 0, 1)) if status == "dead_letter" => dead += 1,
            other => wrong.push((lead, other)),
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
    println!("{} accepted: {completed} completed, {dead} dead; {report}", accepted.len());
    assert!(dead >= 20 && completed >= 20, "{dead} dead, {completed} completed");
    drop((leads, recorder));
}
