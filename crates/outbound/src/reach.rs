//! Whether there is somebody at an address, found out without asking anything: a call to a hook costs its owner money.

use std::time::Duration;

use reqwest::Url;
use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};

use crate::{Client, Error};

/// Why nobody is there.
#[derive(Debug, thiserror::Error)]
pub enum Unreachable {
    /// It must not be called.
    #[error(transparent)]
    NotAllowed(#[from] Error),
    /// Its name has no address.
    #[error("its name has no address")]
    Unknown(#[source] std::io::Error),
    /// Nothing answers there.
    #[error("cannot connect")]
    Silent(#[source] std::io::Error),
    /// Nothing answers there in time.
    #[error("no connection within {0:?}")]
    Timeout(Duration),
}

impl Client {
    /// Connects, and says nothing.
    ///
    /// # Errors
    /// Nobody is there, or none whom the settings allow to be called.
    pub async fn reach(&self, url: &Url) -> Result<(), Unreachable> {
        self.guard.check(url)?;
        let host = url.host_str().ok_or(Error::Scheme)?.trim_matches(['[', ']']);
        let port = url.port_or_known_default().ok_or(Error::Scheme)?;
        let limit = self.settings.connect_timeout();
        let connecting = async {
            let addresses = lookup_host((host, port)).await.map_err(Unreachable::Unknown)?;
            let permitted: Vec<_> = addresses.filter(|address| self.guard.permits(address.ip())).collect();
            if permitted.is_empty() {
                return Err(Unreachable::NotAllowed(Error::Forbidden));
            }
            TcpStream::connect(permitted.as_slice()).await.map(drop).map_err(Unreachable::Silent)
        };
        timeout(limit, connecting).await.unwrap_or(Err(Unreachable::Timeout(limit)))
    }
}
