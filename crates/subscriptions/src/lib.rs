//! Instagram accounts' subscriptions to webhooks: asked for at Meta, kept with their sealed tokens, and watched.
//!
//! What is wanted is committed before Meta is asked, and what Meta said after it; a process that dies in between leaves a
//! row that says so (`pending`, `removing`), and the next [`Subscriptions::check`] finishes it. Proved by
//! `a_check_finishes_what_a_dead_process_began`.
//!
//! Meta unsubscribes an app from an account whose endpoint fails for an hour, and says nothing. The check asks about
//! accounts that have been silent, and subscribes those that Meta has forgotten.

mod check;
mod error;
mod listed;

use std::collections::BTreeSet;

use config::Secret;
use graph_api::{Field, GraphApi};
use seal::{Keyring, Place};
use sqlx::PgPool;
use store::instagram_subscriptions::{self as table, Asked, Outcome, Status, Subscription};
use time::OffsetDateTime;

pub use check::{Checked, Finding};
pub use error::Error;
pub use listed::Listed;

/// The subscriptions of our app.
#[derive(Debug)]
pub struct Subscriptions {
    graph: GraphApi,
    keys: Keyring,
    pool: PgPool,
}

impl Subscriptions {
    /// Works on this database, with these keys, through this API.
    pub fn new(graph: GraphApi, keys: Keyring, pool: PgPool) -> Self {
        Self { graph, keys, pool }
    }

    /// Subscribes an account to exactly these fields, or changes them. Without a token the one that is kept is used.
    ///
    /// # Errors
    /// See [`Error`]. The account is kept as wanted all the same, unless it has no token.
    pub async fn subscribe(
        &self,
        account: &str,
        fields: &[Field],
        token: Option<&Secret>,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let mut connection = self.pool.acquire().await?;
        let token = match (token, table::find(&mut connection, account).await?) {
            (Some(token), _) => token.clone(),
            (None, Some(kept)) => self.token(&kept)?,
            (None, None) => return Err(Error::NoToken),
        };
        let fields: Vec<Field> = fields.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect();
        let names: Vec<String> = fields.iter().map(ToString::to_string).collect();
        let sealed = self.keys.seal(token.expose().as_bytes(), &place(account));
        table::want(&mut connection, account, &names, &sealed, now).await?;
        // Meta may take its time, and a connection is not to be held for that.
        drop(connection);
        let answer = self.ask_for(account, &fields, &token).await;
        self.settle(Asked { account_id: account, fields: &names, token_sealed: &sealed }, answer, now).await
    }

    /// Unsubscribes an account and forgets its token. With `forget` it is forgotten even if Meta cannot be told (a dead
    /// token cannot unsubscribe).
    ///
    /// # Errors
    /// See [`Error`]. It is kept as to be removed then, and the next check tries again.
    pub async fn unsubscribe(&self, account: &str, forget: bool, now: OffsetDateTime) -> Result<(), Error> {
        let mut connection = self.pool.acquire().await?;
        let kept = table::find(&mut connection, account).await?.ok_or(Error::Unknown)?;
        table::unwant(&mut connection, account, now).await?;
        drop(connection);
        let told = self.tell_removal(&kept).await;
        if told.is_ok() || forget {
            table::remove(&mut *self.pool.acquire().await?, account).await?;
        }
        if forget { Ok(()) } else { told }
    }

    /// Every subscription, without its token.
    ///
    /// # Errors
    /// The database fails.
    pub async fn list(&self) -> Result<Vec<Listed>, Error> {
        list(&self.pool).await
    }

    async fn tell_removal(&self, kept: &Subscription) -> Result<(), Error> {
        let token = self.token(kept)?;
        Ok(self.graph.unsubscribe(&kept.account_id, &token).await?)
    }

    /// Brings Meta to exactly these fields. Meta adds to what is there, so a field too many costs the whole subscription
    /// for a moment.
    async fn ask_for(&self, account: &str, fields: &[Field], token: &Secret) -> Result<(), graph_api::Error> {
        self.graph.subscribe(account, fields, token).await?;
        let wanted: BTreeSet<_> = fields.iter().map(Field::as_str).collect();
        let has = self.graph.subscribed(account, token).await?.unwrap_or_default();
        if has.iter().any(|field| !wanted.contains(field.as_str())) {
            self.graph.unsubscribe(account, token).await?;
            self.graph.subscribe(account, fields, token).await?;
        }
        Ok(())
    }

    /// Commits what Meta said.
    async fn settle(
        &self,
        asked: Asked<'_>,
        answer: Result<(), graph_api::Error>,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let message = answer.as_ref().err().map(ToString::to_string);
        let outcome = match (&answer, &message) {
            (Err(error), Some(message)) => {
                let is_dead = matches!(error, graph_api::Error::TokenDead { .. });
                let status = if is_dead { Status::TokenDead } else { Status::Failed };
                Outcome::Failed { status, code: error.code(), message }
            }
            _ => Outcome::Confirmed,
        };
        table::settle(&mut *self.pool.acquire().await?, asked, outcome, now).await?;
        Ok(answer?)
    }

    fn token(&self, kept: &Subscription) -> Result<Secret, Error> {
        Ok(self.keys.open_text(&kept.token_sealed, &place(&kept.account_id))?)
    }
}

/// Every subscription, without its token. Needs neither keys nor Meta.
///
/// # Errors
/// The database fails.
pub async fn list(pool: &PgPool) -> Result<Vec<Listed>, Error> {
    let kept = table::list(&mut *pool.acquire().await?).await?;
    Ok(kept.into_iter().map(Listed::from).collect())
}

/// Where the token of an account lies.
fn place(account: &str) -> Place<'_> {
    Place { table: table::TABLE, column: table::TOKEN_COLUMN, row: account }
}
