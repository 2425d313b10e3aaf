//! The hooks that there are: making, changing and testing them.

mod error;
mod secret;
mod seed;
mod switch;

use config::{HookDelivery, Secret};
use outbound::{Client, Url};
use seal::Keyring;
use sqlx::PgPool;
use store::hooks::{self as table, Hook, Kind, Manner, NewHook};
use time::OffsetDateTime;
use uuid::Uuid;

use self::secret::{check_secret, new_secret};
pub use self::{error::Error, secret::Rotated};
use crate::{
    Validation, limits,
    opened::{Opened, secret_place, url_place},
    validation,
};

/// Longest name.
const NAME_MAX_CHARS: usize = 64;

/// Hooks as an operator sees them.
#[derive(Debug)]
pub struct Catalogue {
    pool: PgPool,
    keys: Option<Keyring>,
    settings: HookDelivery,
}

/// A hook that was made.
#[derive(Debug)]
pub struct Made {
    /// Its id.
    pub id: Uuid,
    /// Its secret, if it was made here: shown once, and never again.
    pub secret: Option<Secret>,
}

/// What shall be changed of a hook.
#[derive(Debug, Default)]
pub struct Change {
    /// Where it is.
    pub url: Option<Secret>,
    /// What is behind it.
    pub kind: Option<Kind>,
    /// How it is called.
    pub manner: Option<Manner>,
}

impl Catalogue {
    /// The hooks in this database.
    pub fn new(pool: PgPool, keys: Option<Keyring>, settings: &HookDelivery) -> Self {
        Self { pool, keys, settings: settings.clone() }
    }

    /// Every hook, by name.
    ///
    /// # Errors
    /// The database fails.
    pub async fn list(&self) -> Result<Vec<Hook>, Error> {
        Ok(table::all(&mut *self.pool.acquire().await?).await?)
    }

    /// The hook of this name.
    ///
    /// # Errors
    /// There is none, or the database fails.
    pub async fn find(&self, name: &str) -> Result<Hook, Error> {
        let found = table::find(&mut *self.pool.acquire().await?, name).await?;
        found.ok_or_else(|| Error::Unknown(name.to_owned()))
    }

    /// Makes a hook, enabled. Without a secret one is made.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn add(
        &self,
        name: &str,
        kind: Kind,
        url: &Secret,
        secret: Option<&Secret>,
        manner: &Manner,
    ) -> Result<Made, Error> {
        check_name(name)?;
        limits::check(kind, manner)?;
        let keys = self.keys()?;
        let url = self.url(url)?;
        let made = secret.is_none().then(new_secret);
        let secret = secret.or(made.as_ref()).ok_or(Error::NoKeys)?;
        check_secret(secret)?;
        let id = Uuid::now_v7();
        let row = id.to_string();
        let hook = NewHook {
            id,
            name,
            kind,
            url_sealed: &keys.seal(url.as_str().as_bytes(), &url_place(&row)),
            host: &host(&url),
            secret_sealed: Some(&keys.seal(secret.expose().trim().as_bytes(), &secret_place(&row))),
            manner,
            disabled: None,
            seed: None,
        };
        let mut transaction = self.pool.begin().await?;
        let count = table::all(&mut transaction).await?.len();
        if count >= self.settings.hooks_max as usize {
            return Err(Error::TooMany(count));
        }
        if !table::insert(&mut transaction, &hook, OffsetDateTime::now_utc()).await? {
            return Err(Error::Taken(name.to_owned()));
        }
        transaction.commit().await?;
        Ok(Made { id, secret: made })
    }

    /// Changes a hook.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn update(&self, name: &str, change: &Change) -> Result<(), Error> {
        let hook = self.find(name).await?;
        let (kind, manner) =
            (change.kind.unwrap_or(hook.kind), change.manner.as_ref().unwrap_or(&hook.manner));
        limits::check(kind, manner)?;
        let row = hook.id.to_string();
        let sealed = match &change.url {
            Some(url) => {
                let url = self.url(url)?;
                Some((self.keys()?.seal(url.as_str().as_bytes(), &url_place(&row)), host(&url)))
            }
            None => None,
        };
        let url = sealed.as_ref().map(|(sealed, host)| (sealed.as_slice(), host.as_str()));
        let mut connection = self.pool.acquire().await?;
        table::update(&mut connection, hook.id, kind, manner, url, OffsetDateTime::now_utc()).await?;
        Ok(())
    }

    /// Finds out whether a hook could be sent to. A message is sent only if `send` says so: on a live Zap it costs a run.
    ///
    /// # Errors
    /// See [`Error`]. What is wrong with the hook is no error.
    pub async fn validate(&self, name: &str, client: &Client, send: bool) -> Result<Validation, Error> {
        let hook = self.find(name).await?;
        let now = OffsetDateTime::now_utc();
        let opened = match &self.keys {
            Some(keys) => Opened::open(&hook, keys, now),
            None => Err(Error::NoKeys.to_string()),
        };
        let found = Validation::of(&hook, opened, client, send).await;
        if found.sent && found.valid {
            table::validated(&mut *self.pool.acquire().await?, hook.id, now).await?;
        }
        Ok(found)
    }

    fn keys(&self) -> Result<&Keyring, Error> {
        self.keys.as_ref().ok_or(Error::NoKeys)
    }

    fn url(&self, url: &Secret) -> Result<Url, Error> {
        validation::url(url.expose(), self.settings.require_https).map_err(Error::Invalid)
    }
}

fn check_name(name: &str) -> Result<(), Error> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let fits = (1..=NAME_MAX_CHARS).contains(&name.len()) && name.chars().all(is_word);
    if fits { Ok(()) } else { Err(Error::Name) }
}

/// What may be shown of a URL.
fn host(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}{port}", url.host_str().unwrap_or_default())
}
