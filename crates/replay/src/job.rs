//! Starting a job: its row and its items, in one transaction.

use serde_json::Value;
use sqlx::{Acquire as _, PgConnection};
use store::replays::{self, Edit, Job, NewJob};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::Plan;

/// Events that a job publishes in a second when nobody says otherwise: below what any consumer of ours takes, so that
/// events of now do not wait behind those of then.
pub const RATE_DEFAULT: u32 = 200;
/// Most events that a job may be told to publish in a second.
pub const RATE_MAX: u32 = 10_000;
/// Longest name, bytes.
const NAME_MAX_BYTES: usize = 64;
/// How many items go into one statement.
const CHUNK: usize = 1_000;

/// How a job is to be done.
#[derive(Debug, Clone)]
pub struct Order {
    /// What people call it; absent: made from its id.
    pub name: Option<String>,
    /// Events in a second, at most.
    pub rate_per_second: u32,
    /// Effects are wanted also where the original had them.
    pub force_effects: bool,
}

impl Default for Order {
    fn default() -> Self {
        Self { name: None, rate_per_second: RATE_DEFAULT, force_effects: false }
    }
}

/// Why a job was not started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is nothing that it could publish.
    #[error("there is nothing to replay")]
    Nothing,
    /// Another job has the name.
    #[error("there is a job called {0} already")]
    NameTaken(String),
    /// Not a name.
    #[error("a name has 1 to {NAME_MAX_BYTES} letters, digits, dots, dashes or underscores")]
    InvalidName,
    /// The database failed.
    #[error("cannot write the job")]
    Database(#[from] sqlx::Error),
}

/// Starts a job: whoever runs [`run`](crate::run) works on it from now on.
///
/// # Errors
/// See [`StartError`]; nothing was started then.
pub async fn start(
    connection: &mut PgConnection,
    plan: &Plan,
    selection: &Value,
    consumer: Option<&str>,
    order: &Order,
    edit: Option<&Edit>,
    now: OffsetDateTime,
) -> Result<Job, StartError> {
    if plan.publishable() == 0 {
        return Err(StartError::Nothing);
    }
    let id = Uuid::now_v7();
    let name = match &order.name {
        Some(name) if is_name(name) => name.clone(),
        Some(_) => return Err(StartError::InvalidName),
        None => generated(id),
    };
    let job = NewJob {
        id,
        name: &name,
        selection,
        consumer,
        rate_per_second: order.rate_per_second.clamp(1, RATE_MAX),
        force_effects: order.force_effects,
        total: plan.items.len(),
    };
    let mut transaction = connection.begin().await?;
    if !replays::add(&mut transaction, &job, now).await? {
        return Err(StartError::NameTaken(name));
    }
    for (chunk, items) in plan.items.chunks(CHUNK).enumerate() {
        let items: Vec<_> = items
            .iter()
            .map(|item| (&item.candidate, item.consumer.as_deref(), item.refusal.as_ref()))
            .collect();
        replays::insert(&mut transaction, id, chunk * CHUNK, &items, now).await?;
    }
    if let Some(edit) = edit {
        replays::add_edit(&mut transaction, id, edit, now).await?;
    }
    let job = replays::find(&mut transaction, &name).await?.ok_or(sqlx::Error::RowNotFound)?;
    transaction.commit().await?;
    Ok(job)
}

/// The random end of the id: its beginning is the time, which jobs of one minute share.
fn generated(id: Uuid) -> String {
    let text = id.simple().to_string();
    format!("replay-{}", text.get(22..).unwrap_or(&text))
}

fn is_name(name: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    (1..=NAME_MAX_BYTES).contains(&name.len()) && name.chars().all(is_letter)
}
