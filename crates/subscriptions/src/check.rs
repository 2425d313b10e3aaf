//! The check: every subscription is what it shall be, or it is known why not.

use std::{collections::BTreeSet, time::Duration};

use graph_api::Field;
use serde::Serialize;
use store::{
    Turn,
    instagram_subscriptions::{self as table, Asked, Status, Subscription},
};
use time::OffsetDateTime;

use crate::{Error, Subscriptions, place};

/// What a check found, and did, about one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "finding", rename_all = "snake_case")]
pub enum Finding {
    /// Webhooks came, or Meta confirmed it, not long ago.
    Alive,
    /// No webhooks came, and Meta says that it is subscribed: perhaps nothing happened. It is subscribed again.
    Quiet,
    /// Meta had forgotten it, or some of its fields; it is subscribed again.
    Resubscribed,
    /// Its removal is finished.
    Removed,
    /// The token is dead: somebody has to get a new one.
    TokenDead,
    /// It is not known, or not as it shall be.
    Failed {
        /// Why.
        reason: String,
        /// Whether the next check may find it better.
        may_pass: bool,
    },
}

/// One account, checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Meta's id of the account.
    pub account_id: String,
    /// What was found and done.
    #[serde(flatten)]
    pub finding: Finding,
    /// Whether its token was sealed again, with the first key.
    pub resealed: bool,
}

impl Finding {
    /// Whether a person has to do something.
    pub fn needs_attention(&self) -> bool {
        matches!(self, Self::TokenDead | Self::Failed { may_pass: false, .. })
    }

    /// Whether Meta could not be asked, and the next check will.
    pub fn is_unsettled(&self) -> bool {
        matches!(self, Self::Failed { may_pass: true, .. })
    }
}

impl Subscriptions {
    /// Checks every subscription. Meta is asked about those without a webhook for `silence`, and about those that are not
    /// known to be as they shall be. Tokens sealed with an older key are sealed again.
    ///
    /// # Errors
    /// The database fails, or another check is at work ([`Error::Busy`]). What is wrong with an account is a finding.
    pub async fn check(&self, silence: Duration, now: OffsetDateTime) -> Result<Vec<Checked>, Error> {
        let turn = Turn::take(&self.pool, "weir: check of Instagram's subscriptions").await?;
        let turn = turn.ok_or(Error::Busy)?;
        let checked = self.check_each(silence, now).await;
        turn.end().await?;
        checked
    }

    async fn check_each(&self, silence: Duration, now: OffsetDateTime) -> Result<Vec<Checked>, Error> {
        let kept = table::list(&mut *self.pool.acquire().await?).await?;
        let mut checked = Vec::with_capacity(kept.len());
        for mut subscription in kept {
            let resealed = self.reseal(&mut subscription).await?;
            let finding = match self.check_one(&subscription, silence, now).await {
                Ok(finding) => finding,
                Err(Error::Database(error)) => return Err(error.into()),
                Err(Error::Graph(graph_api::Error::TokenDead { .. })) => Finding::TokenDead,
                Err(error) => {
                    let may_pass = matches!(&error, Error::Graph(error) if error.may_pass());
                    Finding::Failed { reason: format!("{:#}", anyhow::Error::from(error)), may_pass }
                }
            };
            tracing::debug!(instagram.account = subscription.account_id, ?finding, "subscription checked");
            checked.push(Checked { account_id: subscription.account_id, finding, resealed });
        }
        Ok(checked)
    }

    async fn check_one(
        &self,
        kept: &Subscription,
        silence: Duration,
        now: OffsetDateTime,
    ) -> Result<Finding, Error> {
        match kept.status {
            Status::Removing => self.finish_removal(kept, now).await,
            Status::TokenDead => Ok(Finding::TokenDead),
            Status::Active if !is_silent(kept, silence, now) => Ok(Finding::Alive),
            Status::Active | Status::Pending | Status::Failed => self.ask(kept, now).await,
        }
    }

    async fn finish_removal(&self, kept: &Subscription, now: OffsetDateTime) -> Result<Finding, Error> {
        self.tell_removal(kept).await?;
        let mut connection = self.pool.acquire().await?;
        if table::remove(&mut connection, &kept.account_id).await? {
            return Ok(Finding::Removed);
        }
        // Somebody wants it again since, and Meta has just been told otherwise.
        let wanted = table::find(&mut connection, &kept.account_id).await?;
        drop(connection);
        match wanted {
            Some(wanted) => self.ask(&wanted, now).await,
            None => Ok(Finding::Removed),
        }
    }

    /// Subscribes it again.
    async fn ask(&self, kept: &Subscription, now: OffsetDateTime) -> Result<Finding, Error> {
        let token = self.token(kept)?;
        // They were fields when they were written.
        let fields: Vec<Field> = kept.fields.iter().filter_map(|field| field.parse().ok()).collect();
        let asking = async {
            let has = self.graph.subscribed(&kept.account_id, &token).await?.unwrap_or_default();
            let is_right = kept.fields.iter().collect::<BTreeSet<_>>() == has.iter().collect::<BTreeSet<_>>();
            // Subscribed again in any case: what Meta lists it does not always send.
            self.ask_for(&kept.account_id, &fields, &token).await?;
            Ok(is_right)
        };
        let answer: Result<bool, graph_api::Error> = asking.await;
        let finding = if matches!(answer, Ok(true)) { Finding::Quiet } else { Finding::Resubscribed };
        let asked =
            Asked { account_id: &kept.account_id, fields: &kept.fields, token_sealed: &kept.token_sealed };
        self.settle(asked, answer.map(drop), now).await?;
        Ok(finding)
    }

    async fn reseal(&self, kept: &mut Subscription) -> Result<bool, Error> {
        if self.keys.is_current(&kept.token_sealed) {
            return Ok(false);
        }
        // A token that does not open is found out, and reported, when it is needed.
        let Ok(token) = self.keys.open(&kept.token_sealed, &place(&kept.account_id)) else {
            return Ok(false);
        };
        let sealed = self.keys.seal(&token, &place(&kept.account_id));
        let mut connection = self.pool.acquire().await?;
        let is_resealed =
            table::reseal(&mut connection, &kept.account_id, &kept.token_sealed, &sealed).await?;
        if is_resealed {
            kept.token_sealed = sealed;
        }
        Ok(is_resealed)
    }
}

/// Whether neither a webhook nor Meta's own word is younger than that.
fn is_silent(kept: &Subscription, silence: Duration, now: OffsetDateTime) -> bool {
    let last = kept.last_webhook_at.max(kept.subscribed_at);
    last.is_none_or(|last| now - last >= silence)
}
