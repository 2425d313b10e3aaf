//! A hook whose seals are open: all that is needed to call it.

use config::Secret;
use outbound::Url;
use seal::{Keyring, Place};
use store::hooks::{Hook, SECRET_COLUMN, TABLE, URL_COLUMN};
use time::OffsetDateTime;

use crate::sign::Signer;

/// Where to send, and what signs. Never prints.
pub(crate) struct Opened {
    pub(crate) url: Url,
    pub(crate) signer: Signer,
}

impl Opened {
    /// Opens a hook. The error is a sentence about what is wrong, without the URL and the secrets.
    pub(crate) fn open(hook: &Hook, keys: &Keyring, now: OffsetDateTime) -> Result<Self, String> {
        let row = hook.id.to_string();
        let url = keys.open_text(&hook.url_sealed, &url_place(&row));
        let url = url.map_err(|error| format!("its URL: {error}"))?;
        let url = Url::parse(url.expose()).map_err(|_| "its URL is none".to_owned())?;
        let older = hook
            .older_secret_sealed
            .as_ref()
            .filter(|_| hook.older_secret_until.is_some_and(|until| until > now));
        let secrets = hook.secret_sealed.iter().chain(older).map(|sealed| secret(keys, sealed, &row));
        let secrets = secrets.collect::<Result<Vec<_>, _>>()?;
        let signer = Signer::new(secrets, &hook.manner.signature_header, &hook.manner.signature_algorithm)?;
        Ok(Self { url, signer })
    }
}

fn secret(keys: &Keyring, sealed: &[u8], row: &str) -> Result<Secret, String> {
    keys.open_text(sealed, &secret_place(row)).map_err(|error| format!("its secret: {error}"))
}

/// Where the URL of a hook lies; `row` is the hook's id.
pub(crate) fn url_place(row: &str) -> Place<'_> {
    Place { table: TABLE, column: URL_COLUMN, row }
}

/// Where the secrets of a hook lie; `row` is the hook's id.
pub(crate) fn secret_place(row: &str) -> Place<'_> {
    Place { table: TABLE, column: SECRET_COLUMN, row }
}
