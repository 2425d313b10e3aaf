//! The hooks that there are: making, changing and testing them.

mod seed;

use config::{HookDelivery, Secret};
use outbound::{Client, Url};
use rand::RngCore as _;
use seal::{Keyring, OpenError};
use sqlx::PgPool;
use store::{
    hook_deliveries,
    hooks::{self as table, Disabled, Hook, Kind, Manner, NewHook},
};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::{
    LimitError, Validation, limits,
    opened::{Opened, secret_place, url_place},
    validation,
};

/// Bytes of a secret that is made here.
const SECRET_LEN: usize = 32;
/// Longest name.
const NAME_MAX_CHARS: usize = 64;
/// Events taken out of a removed hook's queue in one transaction.
const SKIP_MAX: i64 = 500;

/// Hooks as an operator sees them.
#[derive(Debug)]
pub struct Catalogue {
    pool: PgPool,
    keys: Option<Keyring>,
    settings: HookDelivery,
}

/// Why a hook cannot be made or changed. No variant holds a URL or a secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no hook of this name.
    #[error("there is no hook {0}")]
    Unknown(String),
    /// There is one of this name already.
    #[error("there is a hook {0} already")]
    Taken(String),
    /// The name is none.
    #[error("a hook's name is 1 to 64 letters, digits, - and _")]
    Name,
    /// The URL or the secret is none.
    #[error("{0}")]
    Invalid(String),
    /// There are too many.
    #[error("there are {0} hooks already, as many as zapier.delivery.hooks_max allows")]
    TooMany(usize),
    /// Limits that cannot be.
    #[error(transparent)]
    Limits(#[from] LimitError),
    /// Nothing can be sealed.
    #[error("seal.keys is missing: a URL is kept sealed; make a key with `openssl rand -base64 32`")]
    NoKeys,
    /// A seal does not open.
    #[error("a seal does not open")]
    Seal(#[from] OpenError),
    /// The database fails.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// A hook that was made.
#[derive(Debug)]
pub struct Made {
    /// Its id.
    pub id: Uuid,
    /// Its secret, if it was made here: shown once, and never again.
    pub secret: Option<Secret>,
}

/// A secret that was changed.
#[derive(Debug)]
pub struct Rotated {
    /// The new one, if it was made here: shown once, and never again.
    pub secret: Option<Secret>,
    /// Until when the one before signs too.
    pub older_until: Option<OffsetDateTime>,
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

    /// Lets events through again. What has waited is sent, too. Says whether the hook was disabled.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn enable(&self, name: &str) -> Result<bool, Error> {
        let hook = self.find(name).await?;
        Ok(table::enable(&mut *self.pool.acquire().await?, hook.id, OffsetDateTime::now_utc()).await?)
    }

    /// Sends nothing more. What waits goes on waiting, and what comes is not for this hook. Says whether it was enabled.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn disable(&self, name: &str) -> Result<bool, Error> {
        let hook = self.find(name).await?;
        let now = OffsetDateTime::now_utc();
        Ok(table::disable(&mut *self.pool.acquire().await?, hook.id, Disabled::Operator, now).await?)
    }

    /// Gives a hook a new secret; without one it is made. The one before signs beside it for so long.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn rotate(
        &self,
        name: &str,
        secret: Option<&Secret>,
        keep_older: Duration,
    ) -> Result<Rotated, Error> {
        let hook = self.find(name).await?;
        let made = secret.is_none().then(new_secret);
        let secret = secret.or(made.as_ref()).ok_or(Error::NoKeys)?;
        check_secret(secret)?;
        let sealed =
            self.keys()?.seal(secret.expose().trim().as_bytes(), &secret_place(&hook.id.to_string()));
        let now = OffsetDateTime::now_utc();
        let older_until =
            (keep_older.is_positive() && hook.secret_sealed.is_some()).then(|| now + keep_older);
        table::rotate(&mut *self.pool.acquire().await?, hook.id, &sealed, older_until, now).await?;
        Ok(Rotated { secret: made, older_until })
    }

    /// Forgets a hook. What waits for it is not sent; says how many events that are.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn remove(&self, name: &str) -> Result<usize, Error> {
        let hook = self.find(name).await?;
        let mut transaction = self.pool.begin().await?;
        // From here on no event is put into its queue, and none is taken out.
        table::remove(&mut transaction, hook.id).await?;
        let mut skipped = 0;
        loop {
            let now = OffsetDateTime::now_utc();
            match hook_deliveries::skip(&mut transaction, hook.id, SKIP_MAX, now).await? {
                0 => break,
                count => skipped += count,
            }
        }
        transaction.commit().await?;
        Ok(skipped)
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

fn check_secret(secret: &Secret) -> Result<(), Error> {
    if let Some(problem) = validation::secret_problem(secret.expose()) {
        return Err(Error::Invalid(problem));
    }
    let key = outbound::SigningKey::parse(secret);
    key.map(drop).map_err(|error| Error::Invalid(error.to_string()))
}

/// A secret as Standard Webhooks has them.
fn new_secret() -> Secret {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    let mut key = [0; SECRET_LEN];
    rand::rng().fill_bytes(&mut key);
    Secret::from(format!("whsec_{}", BASE64_STANDARD.encode(key)).as_str())
}

/// What may be shown of a URL.
fn host(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}{port}", url.host_str().unwrap_or_default())
}
