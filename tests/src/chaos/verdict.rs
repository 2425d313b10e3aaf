//! Whether every promise held, event by event.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{PgPool, Row as _};
use tokio::time::{Instant, sleep};

use super::{
    cluster::Cluster,
    event::{Provider, TOKEN},
    traffic::Sent,
};
use crate::{DEADLINE, binary};

/// Sentences that are enough.
const VIOLATIONS_MAX: usize = 50;

/// Share of the accepted events, per thousand, that may become dead letters although nothing is wrong with them: the
/// broker gives an event up whose deliveries were cut short ten times, and here something dies every other second.
const CASUALTIES_MAX: usize = 5;

/// What came out.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// Every promise that did not hold, in a sentence each.
    pub(crate) violations: Vec<String>,
    /// Dead letters of events with which nothing was wrong: nothing is lost, a replay brings them in.
    pub(crate) casualties: Vec<String>,
}

/// What was found about an event.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Found {
    /// Ledger rows by status.
    ledger: Vec<String>,
    effects: i64,
    /// Reasons of its dead letters.
    dead_letters: Vec<String>,
}

impl Found {
    fn is_completed_once(&self) -> bool {
        self.ledger == ["completed"] && self.effects == 1 && self.dead_letters.is_empty()
    }

    fn is_dead_once(&self) -> bool {
        self.ledger == ["dead_letter"] && self.effects == 0 && self.dead_letters.len() == 1
    }
}

/// Looks for every event that was sent.
pub(crate) async fn of(cluster: &Cluster, sent: &[Sent], settled: Result<(), String>) -> Verdict {
    let mut violations: Vec<String> = settled.err().into_iter().collect();
    violations.extend(cluster.gaps().await);
    match audit(cluster).await {
        Ok(()) => {}
        Err(said) => violations.push(format!("the audit does not balance: {said}")),
    }
    let found = match found(cluster.pool()).await {
        Ok(found) => found,
        Err(error) => {
            violations.push(format!("the database cannot be asked: {error}"));
            return Verdict { violations, casualties: Vec::new() };
        }
    };
    let known: BTreeSet<_> =
        sent.iter().flat_map(|sent| sent.events.iter().map(|event| event.token.as_str())).collect();
    violations.extend(
        found
            .keys()
            .filter(|token| !known.contains(token.as_str()))
            .map(|token| format!("{token}: nobody sent it")),
    );
    let (mut accepted, mut casualties) = (0, Vec::new());
    for delivery in sent {
        accepted += if delivery.is_accepted() { delivery.events.len() } else { 0 };
        for event in &delivery.events {
            let found = found.get(&event.token).cloned().unwrap_or_default();
            if !event.kind.dies() && found.is_dead_once() {
                casualties.push(format!("{}: {}", event.token, found.dead_letters.join(" ")));
            } else {
                let said = judge(delivery, event.kind.dies(), &found);
                violations
                    .extend(said.map(|said| format!("{} ({} posts): {said}", event.token, delivery.posts)));
            }
        }
    }
    if casualties.len() * 1_000 > accepted * CASUALTIES_MAX {
        violations.push(format!("{} good events of {accepted} are dead: {casualties:?}", casualties.len()));
    }
    violations.truncate(VIOLATIONS_MAX);
    Verdict { violations, casualties }
}

/// What is wrong about one event.
fn judge(delivery: &Sent, dies: bool, found: &Found) -> Option<String> {
    // Refused for good at the edge: it may be on record, once.
    let may_be_absent = !delivery.is_accepted() && *found == Found::default();
    let is_right = if dies { found.is_dead_once() } else { found.is_completed_once() };
    if is_right || may_be_absent {
        return None;
    }
    let provider = match delivery.provider {
        Provider::C2s => "c2s",
        Provider::Instagram => "instagram",
    };
    Some(format!("{provider}, answered {}: {found:?}", delivery.status))
}

/// What the database has, by token.
async fn found(pool: &PgPool) -> sqlx::Result<BTreeMap<String, Found>> {
    let mut found: BTreeMap<String, Found> = BTreeMap::new();
    let ledger = sqlx::query(
        "select substring(convert_from(body, 'UTF8') from $1) as token, status from webhook_events order by 1, 2",
    );
    for row in ledger.bind(TOKEN).fetch_all(pool).await? {
        let token: Option<String> = row.get("token");
        found.entry(token.unwrap_or_else(|| "?".to_owned())).or_default().ledger.push(row.get("status"));
    }
    let effects = sqlx::query(
        "select token, count(*) from (select lead_id as token from lead_events
            union all select mid from instagram_messages) effects group by token",
    );
    for row in effects.fetch_all(pool).await? {
        found.entry(row.get(0)).or_default().effects = row.get(1);
    }
    let dead = sqlx::query(
        "select substring(convert_from(body, 'UTF8') from $1) as token, reason_code from dead_letters order by 1, 2",
    );
    for row in dead.bind(TOKEN).fetch_all(pool).await? {
        let token: Option<String> = row.get("token");
        let found = found.entry(token.unwrap_or_else(|| "?".to_owned())).or_default();
        found.dead_letters.push(row.get("reason_code"));
    }
    Ok(found)
}

/// Runs `weir audit` until it balances, for it may need what the recorder is still at.
async fn audit(cluster: &Cluster) -> Result<(), String> {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let output = tokio::process::Command::new(binary("weir"))
            .args(["audit", "--json"])
            .env_clear()
            .envs(cluster.environment().iter().map(|(name, value)| (name, value)))
            .current_dir(cluster.folder())
            .output()
            .await
            .map_err(|error| error.to_string())?;
        if output.status.success() {
            return Ok(());
        }
        if Instant::now() > deadline {
            let said = [output.stdout, output.stderr].concat();
            return Err(String::from_utf8_lossy(&said).into_owned());
        }
        sleep(std::time::Duration::from_secs(1)).await;
    }
}
