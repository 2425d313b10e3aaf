//! What a job would do: which events it would publish again, and which it must refuse.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt::Write as _,
};

use bus::Topology;
use contract::stream;
use sqlx::PgConnection;
use store::{
    dead_letters,
    replays::{Candidate, Refusal, candidates, candidates_of_letters},
    webhook_events,
};
use uuid::Uuid;

use crate::Selection;

/// Most events of one job.
pub const ITEMS_MAX: usize = 250_000;
/// How many candidates are read at one time.
const PAGE: u16 = 1_000;

/// What a job would do.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Every event that was selected, in the order of their ids, which is that of their arrival.
    pub items: Vec<Planned>,
}

/// One event of a plan.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The event.
    pub candidate: Candidate,
    /// The consumer that alone shall see it.
    pub consumer: Option<String>,
    /// Why it is not to be published.
    pub refusal: Option<Refusal>,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// Nothing in particular was asked for.
    #[error("an empty filter would replay everything: say which events are meant")]
    EmptyFilter,
    /// Some ids are nobody's.
    #[error("there is no {0}")]
    Unknown(String),
    /// More than one job takes.
    #[error("more than {ITEMS_MAX} events match: narrow the filter, by time for example")]
    TooMany,
    /// No such consumer.
    #[error("there is no consumer {name} of providers' events; there are {known}")]
    UnknownConsumer {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// The database failed.
    #[error("cannot read the events")]
    Database(#[from] sqlx::Error),
}

impl Plan {
    /// How many it would publish.
    pub fn publishable(&self) -> usize {
        self.items.iter().filter(|item| item.refusal.is_none()).count()
    }

    /// What it would refuse: for each reason how many, and why in a sentence.
    pub fn refusals(&self) -> BTreeMap<&'static str, (usize, &str)> {
        let mut refusals = BTreeMap::new();
        for refusal in self.items.iter().filter_map(|item| item.refusal.as_ref()) {
            refusals.entry(refusal.code).or_insert((0, refusal.error.as_str())).0 += 1;
        }
        refusals
    }
}

/// Plans what a job of this selection would do. With `consumer`, that one alone shall see the replays.
///
/// # Errors
/// See [`PlanError`].
pub async fn plan(
    connection: &mut PgConnection,
    selection: &Selection<'_>,
    consumer: Option<&str>,
) -> Result<Plan, PlanError> {
    if selection.is_empty() {
        return Err(PlanError::EmptyFilter);
    }
    let stream = consumer.map(stream_of).transpose()?;
    let candidates = match selection {
        Selection::Events(filter) => events(connection, filter).await?,
        Selection::Letters(filter) => letters(connection, filter).await?,
    };
    if let Some(ids) = selection.ids() {
        all_found(ids, &candidates, matches!(selection, Selection::Letters(_)))?;
    }
    let target = consumer.zip(stream.as_deref());
    let mut items: Vec<_> =
        candidates.into_iter().map(|candidate| planned(candidate, target, false)).collect();
    supersede(&mut items);
    Ok(Plan { items })
}

/// Plans the replay of one event whose body was changed: what the edge refused may succeed then.
///
/// # Errors
/// See [`PlanError`].
pub async fn plan_edit(
    connection: &mut PgConnection,
    event_id: Uuid,
    consumer: Option<&str>,
) -> Result<Plan, PlanError> {
    let stream = consumer.map(stream_of).transpose()?;
    let mut found = candidates(connection, &[event_id]).await?;
    if found.is_empty() {
        let letters = dead_letters::newest_of(connection, event_id).await?;
        found = candidates_of_letters(connection, letters.get(..1).unwrap_or_default()).await?;
    }
    let candidate = found.pop().ok_or_else(|| PlanError::Unknown(format!("event {event_id}")))?;
    let target = consumer.zip(stream.as_deref());
    Ok(Plan { items: vec![planned(candidate, target, true)] })
}

async fn events(
    connection: &mut PgConnection,
    filter: &webhook_events::Filter<'_>,
) -> Result<Vec<Candidate>, PlanError> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = webhook_events::ids(connection, filter, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(found) };
        after = Some(*last);
        found.extend(candidates(connection, &page).await?);
        if found.len() > ITEMS_MAX {
            return Err(PlanError::TooMany);
        }
    }
}

async fn letters(
    connection: &mut PgConnection,
    filter: &dead_letters::Filter<'_>,
) -> Result<Vec<Candidate>, PlanError> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = dead_letters::ids(connection, filter, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(found) };
        after = Some(*last);
        found.extend(candidates_of_letters(connection, &page).await?);
        if found.len() > ITEMS_MAX {
            return Err(PlanError::TooMany);
        }
    }
}

/// Ids that were asked for by name must all be there. Dead letters have ids of their own, and the caller has resolved
/// them.
fn all_found(ids: &[Uuid], candidates: &[Candidate], letters: bool) -> Result<(), PlanError> {
    const NAMED_MAX: usize = 5;
    if letters {
        return Ok(());
    }
    let found: HashSet<_> = candidates.iter().map(|candidate| candidate.event_id).collect();
    let missing: Vec<_> = ids.iter().filter(|id| !found.contains(id)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut text = String::from("event ");
    for (index, id) in missing.iter().take(NAMED_MAX).enumerate() {
        write!(text, "{}{id}", if index > 0 { ", " } else { "" }).expect("a String takes every write");
    }
    if let Some(more) = missing.len().checked_sub(NAMED_MAX).filter(|more| *more > 0) {
        write!(text, " and {more} more").expect("a String takes every write");
    }
    Err(PlanError::Unknown(text))
}

/// The stream of a consumer of providers' events.
fn stream_of(consumer: &str) -> Result<String, PlanError> {
    let consumers = Topology::embedded().consumers;
    let mut known = consumers.iter().filter(|(_, spec)| stream::of_name(&spec.stream).is_some());
    if let Some((_, spec)) = known.clone().find(|(name, _)| *name == consumer) {
        return Ok(spec.stream.clone());
    }
    let names = known.by_ref().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
    Err(PlanError::UnknownConsumer { name: consumer.to_owned(), known: names })
}

fn planned(candidate: Candidate, target: Option<(&str, &str)>, is_edited: bool) -> Planned {
    let consumer = target.map(|(consumer, _)| consumer.to_owned()).or_else(|| candidate.consumer.clone());
    let refusal = refusal(&candidate, target, is_edited);
    Planned { candidate, consumer, refusal }
}

/// Why an event cannot be published again, or could never succeed.
fn refusal(candidate: &Candidate, target: Option<(&str, &str)>, is_edited: bool) -> Option<Refusal> {
    let refuse = |code, error: String| Some(Refusal { code, error });
    if candidate.is_erased {
        return refuse("erased", "its body was removed: erased for a person, or by retention".to_owned());
    }
    if candidate.reason_code.as_deref() == Some("envelope_invalid") {
        return refuse(
            "envelope_invalid",
            "it is no event of ours: without an envelope nobody could handle it".to_owned(),
        );
    }
    if let Some(code) = candidate.rejected.as_deref().filter(|_| !is_edited) {
        let hint = "it can never succeed as it is; `weir replay edit` can mend it";
        return refuse("rejected", format!("the edge refused it ({code}): {hint}"));
    }
    if stream::of_name(&candidate.stream).is_none() {
        let stream = &candidate.stream;
        return refuse("unknown_stream", format!("{stream} is no stream of providers' events"));
    }
    match target {
        Some((consumer, stream)) if stream != candidate.stream => {
            refuse("other_stream", format!("{consumer} reads stream {stream}, not {}", candidate.stream))
        }
        _ => None,
    }
}

/// Of an original and its replays in one plan the newest is published: it is what the others became.
fn supersede(items: &mut [Planned]) {
    let mut newest: HashMap<(Uuid, Option<String>), usize> = HashMap::new();
    for index in 0..items.len() {
        let Some(item) = items.get(index).filter(|item| item.refusal.is_none()) else { continue };
        let key = (item.candidate.root_id, item.consumer.clone());
        let id = item.candidate.event_id;
        let older = match newest.get(&key).copied() {
            Some(known) if items.get(known).is_some_and(|known| known.candidate.event_id > id) => index,
            Some(known) => {
                newest.insert(key, index);
                known
            }
            None => {
                newest.insert(key, index);
                continue;
            }
        };
        if let Some(item) = items.get_mut(older) {
            item.refusal = Some(Refusal {
                code: "superseded",
                error: "a newer replay of it is in the same selection".to_owned(),
            });
        }
    }
}
