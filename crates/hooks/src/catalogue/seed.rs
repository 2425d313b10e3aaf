//! The hook that the settings give, and seals that follow a change of keys.

use config::{Hook as Settings, Secret};
use seal::Keyring;
use sha2::{Digest as _, Sha256};
use store::hooks::{self as table, Disabled, Hook, Kind, Manner, NewHook};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Catalogue, Error, host, secret::check_secret};
use crate::{
    limits,
    opened::{secret_place, url_place},
};

/// Name of the hook that the settings give.
const NAME: &str = "zapier";

impl Catalogue {
    /// How a hook of this kind is called unless somebody says otherwise: Zapier's as the settings say, any other as fast
    /// as most receivers like.
    pub fn manner(settings: &Settings, kind: Kind) -> Manner {
        let integer = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let small = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
        let (body_form, rate_count, rate_window_ms, rate_burst) = match kind {
            Kind::Zapier => (
                "both",
                small(settings.rate_count),
                integer(settings.rate_window_seconds.saturating_mul(1_000)),
                small(settings.rate_burst),
            ),
            Kind::Webhook => ("envelope", 30, 1_000, 5),
        };
        Manner {
            event_filter: vec!["*".to_owned()],
            body_form: body_form.to_owned(),
            signature_header: settings.signature_header.clone(),
            signature_algorithm: settings.signature_algorithm.as_str().to_owned(),
            rate_count,
            rate_window_ms,
            rate_burst,
            attempts_max: small(settings.attempts_max),
            timeout_ms: integer(settings.timeout_ms),
            retry_base_ms: integer(settings.retry_base_ms),
            retry_max_ms: integer(settings.retry_max_ms),
        }
    }

    /// Makes the hook that the settings give, or changes it when they have changed. Says whether anything was done.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn seed(&self, settings: &Settings) -> Result<bool, Error> {
        let Some(url) = &settings.url else { return Ok(false) };
        let keys = self.keys()?;
        let url = self.url(url)?;
        let manner = Self::manner(settings, Kind::Zapier);
        limits::check(Kind::Zapier, &manner)?;
        let secret = settings.secret.as_ref();
        secret.map(check_secret).transpose()?;
        let mut connection = self.pool.acquire().await?;
        let known = table::find(&mut connection, NAME).await?;
        if known.as_ref().is_some_and(|known| !known.is_seeded) {
            tracing::warn!(
                hook.name = NAME,
                "zapier.hook.url has no effect: an operator made a hook of this name"
            );
            return Ok(false);
        }
        let id = known.map_or_else(Uuid::now_v7, |known| known.id);
        let row = id.to_string();
        let sealed = secret.map(|secret| keys.seal(secret.expose().trim().as_bytes(), &secret_place(&row)));
        let hook = NewHook {
            id,
            name: NAME,
            kind: Kind::Zapier,
            url_sealed: &keys.seal(url.as_str().as_bytes(), &url_place(&row)),
            host: &host(&url),
            secret_sealed: sealed.as_deref(),
            manner: &manner,
            disabled: (!settings.enabled).then_some(Disabled::Settings),
            seed: Some(&fingerprint(settings, url.as_str(), &manner)),
        };
        Ok(table::seed(&mut connection, &hook, OffsetDateTime::now_utc()).await?)
    }

    /// Seals again, with the newest key, what is sealed with older ones. Says how many hooks that were.
    ///
    /// # Errors
    /// See [`Error`]. A hook whose seal does not open is passed over: its worker says so.
    pub async fn reseal(&self) -> Result<usize, Error> {
        let Some(keys) = &self.keys else { return Ok(0) };
        let mut resealed = 0;
        for hook in self.list().await? {
            let Ok(Some(sealed)) = resealed_values(&hook, keys) else { continue };
            let mut connection = self.pool.acquire().await?;
            let [url, secret, older] = &sealed;
            let (url, secret, older) = (url.as_deref(), secret.as_deref(), older.as_deref());
            if table::reseal(&mut connection, &hook, url, secret, older).await? {
                resealed += 1;
            }
        }
        Ok(resealed)
    }
}

/// URL, secret and older secret sealed with the newest key; `None`: they are already.
fn resealed_values(hook: &Hook, keys: &Keyring) -> Result<Option<[Option<Vec<u8>>; 3]>, seal::OpenError> {
    let row = hook.id.to_string();
    let values = [
        (Some(&hook.url_sealed), url_place(&row)),
        (hook.secret_sealed.as_ref(), secret_place(&row)),
        (hook.older_secret_sealed.as_ref(), secret_place(&row)),
    ];
    if values.iter().all(|(sealed, _)| sealed.is_none_or(|sealed| keys.is_current(sealed))) {
        return Ok(None);
    }
    let again = |(sealed, place): (Option<&Vec<u8>>, seal::Place<'_>)| {
        sealed.map(|sealed| Ok(keys.seal(&keys.open(sealed, &place)?, &place))).transpose()
    };
    let [url, secret, older] = values;
    Ok(Some([again(url)?, again(secret)?, again(older)?]))
}

/// Equal as long as the settings are.
fn fingerprint(settings: &Settings, url: &str, manner: &Manner) -> Vec<u8> {
    let secret = settings.secret.as_ref().map(Secret::expose);
    let said = serde_json::json!([url, secret, settings.enabled, manner]);
    Sha256::digest(said.to_string()).to_vec()
}
