//! Secrets of hooks: making, checking and rotating them.

use config::Secret;
use rand::RngCore as _;
use store::hooks as table;
use time::{Duration, OffsetDateTime};

use super::{Catalogue, Error};
use crate::{opened::secret_place, validation};

/// Bytes of a secret that is made here.
const SECRET_LEN: usize = 32;

/// A secret that was changed.
#[derive(Debug)]
pub struct Rotated {
    /// The new one, if it was made here: shown once, and never again.
    pub secret: Option<Secret>,
    /// Until when the one before signs too.
    pub older_until: Option<OffsetDateTime>,
}

impl Catalogue {
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
}

/// Whether this may sign.
pub(super) fn check_secret(secret: &Secret) -> Result<(), Error> {
    if let Some(problem) = validation::secret_problem(secret.expose()) {
        return Err(Error::Invalid(problem));
    }
    let key = outbound::SigningKey::parse(secret);
    key.map(drop).map_err(|error| Error::Invalid(error.to_string()))
}

/// A secret as Standard Webhooks has them.
pub(super) fn new_secret() -> Secret {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    let mut key = [0; SECRET_LEN];
    rand::rng().fill_bytes(&mut key);
    Secret::from(format!("whsec_{}", BASE64_STANDARD.encode(key)).as_str())
}
