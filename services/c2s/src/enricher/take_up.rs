//! Taking a lead up: what it says of its person, and whether anything is to be done about it.

use std::{
    collections::HashMap,
    sync::{Arc, MutexGuard, PoisonError},
    time::Duration,
};

use consumer::{Failure, Message};
use contract::EventId;
use store::lead_enrichments::{self, Claim, Claimed, Wish};
use uuid::Uuid;

use super::{
    Enricher, limit,
    wanted::{Asked, Wanted},
};

/// Leads in memory, at most; more than events can be in hand.
const FETCHED_MAX: usize = 256;
/// How long after its time of handling an attempt surely has ended.
const LEASE_MARGIN: Duration = Duration::from_secs(30);
/// How often it is looked whether somebody else is done with a lead.
pub(super) const BUSY_RETRY: Duration = Duration::from_secs(2);

/// What became of taking a lead up.
pub(super) enum Taken {
    /// It is ours.
    Up(Task),
    /// There is nothing to do, and why.
    Unchanged(&'static str),
}

/// An enrichment in our hands.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) claimed: Claimed,
    /// The replay that wants it done again: also the same text is another message then.
    pub(super) again: Option<EventId>,
}

impl Enricher {
    /// What the lead says of its person. Where the event says nothing that somebody could be found by, the lead itself
    /// is read; `None`: there is no such lead.
    pub(super) async fn asked(&self, message: &Message, wanted: &Wanted) -> Result<Option<Asked>, Failure> {
        let asked = Asked::of(&message.payload, self.area_code());
        if asked.is_anybody() {
            return Ok(Some(asked));
        }
        let id = message.envelope.id;
        let known = self.fetched().get(&id).cloned();
        let lead = match known {
            Some(lead) => lead,
            None => match self.limits.lead(&self.api, &wanted.lead_id).await? {
                Some(lead) => self.remember(id, lead),
                None => return Ok(None),
            },
        };
        Ok(Some(Asked::of(lead.body.as_bytes(), self.area_code())))
    }

    /// Takes up what the lead asks for, unless there is nothing to do (any more). A replay that is told to have effects
    /// in any case does again what another event did; what itself did, it does not.
    pub(super) async fn take_up(
        &self,
        message: &Message,
        wanted: &Wanted,
        asked: &Asked,
    ) -> Result<Taken, Failure> {
        let force = message.envelope.replayed_from.is_some_and(|replay| replay.force_effects);
        let fingerprints = asked.fingerprints(&self.index);
        let again = force.then_some(message.envelope.id);
        match self.claim(message, wanted, &fingerprints, force).await? {
            Claim::Done { is_own: false } if force => {
                // A thing of its own, so that it is done once however often this replay is attempted.
                let fingerprints = self.index.all("lead again", &[&message.envelope.id.to_string()]);
                let claim = self.claim(message, wanted, &fingerprints, force).await?;
                taken(claim, again)
            }
            claim => taken(claim, None),
        }
    }

    async fn claim(
        &self,
        message: &Message,
        wanted: &Wanted,
        fingerprints: &[Vec<u8>],
        force: bool,
    ) -> Result<Claim, Failure> {
        let lease = Duration::from_millis(self.settings.consumer.handle_timeout_ms) + LEASE_MARGIN;
        let claiming = async {
            let mut transaction = self.pool.begin().await?;
            let now = store::now(&mut transaction).await?;
            let wish = Wish {
                id: Uuid::now_v7(),
                lead_id: &wanted.lead_id,
                fingerprints,
                event_id: message.envelope.id,
                updated_at: wanted.updated_at,
                force,
                leased_until: now + lease,
            };
            let claim = lead_enrichments::claim(&mut transaction, &wish, now).await?;
            transaction.commit().await?;
            Ok(claim)
        };
        claiming.await.map_err(service::failure)
    }

    fn area_code(&self) -> Option<people::AreaCode> {
        self.settings.default_area_code.as_deref().and_then(|code| code.parse().ok())
    }

    pub(super) fn fetched(&self) -> MutexGuard<'_, HashMap<EventId, Arc<c2s_api::Lead>>> {
        self.fetched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, id: EventId, lead: c2s_api::Lead) -> Arc<c2s_api::Lead> {
        let lead = Arc::new(lead);
        let mut fetched = self.fetched();
        if fetched.len() >= FETCHED_MAX {
            fetched.clear();
        }
        fetched.insert(id, Arc::clone(&lead));
        lead
    }
}

fn taken(claim: Claim, again: Option<EventId>) -> Result<Taken, Failure> {
    match claim {
        Claim::Claimed(claimed) => Ok(Taken::Up(Task { claimed, again })),
        Claim::Busy(remaining) => {
            let remaining = remaining.try_into().unwrap_or(BUSY_RETRY);
            Err(Failure::Wait { after: BUSY_RETRY.min(remaining), code: limit::LEAD_BUSY })
        }
        Claim::Done { .. } => Ok(Taken::Unchanged("unchanged")),
        Claim::Superseded => Ok(Taken::Unchanged("superseded")),
    }
}
