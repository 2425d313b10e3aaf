//! What is decided before anything is read: who sends, over what, and whether there is room.

use std::{net::IpAddr, sync::Arc};

use axum::http::{HeaderMap, HeaderName};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    address::Proxies,
    certificate,
    error::Refusal,
    provider::Registered,
    rate::{AddressLimit, Standing},
    server::Peer,
};

/// The checks that every delivery passes first, in this order: address, HTTPS, certificate, allow-list, rate, room.
pub(crate) struct Gate {
    pub(crate) proxies: Arc<Proxies>,
    pub(crate) require_https: bool,
    /// Where a proxy that ends TLS reports the client certificate's subject.
    pub(crate) certificate_header: Option<HeaderName>,
    pub(crate) rate: AddressLimit,
    pub(crate) in_flight: Arc<Semaphore>,
}

/// A request that may go on.
pub(crate) struct Admitted {
    /// `None` for senders on an allow-list: providers send bursts from few addresses.
    pub(crate) standing: Option<Standing>,
    /// Its place among the requests in flight.
    pub(crate) _permit: OwnedSemaphorePermit,
}

impl Gate {
    pub(crate) fn admit(
        &self,
        provider: &Registered,
        peer: &Peer,
        headers: &HeaderMap,
    ) -> Result<Admitted, Refusal> {
        let address = peer.address.ip();
        let client = self.proxies.client(address, headers);
        if self.require_https && !peer.is_https(&self.proxies, headers) {
            return Err(Refusal::HttpsRequired);
        }
        if !self.certificate_fits(provider, peer, address, headers) {
            return Err(Refusal::Forbidden);
        }
        let allow_list = &provider.allowed_ips;
        if !allow_list.is_empty() && !allow_list.iter().any(|network| network.contains(&client)) {
            return Err(Refusal::Forbidden);
        }
        let limited = allow_list.is_empty().then(|| self.rate.check(client));
        let standing = limited.transpose().map_err(Refusal::RateLimited)?;
        let permit = self.in_flight.clone().try_acquire_owned().map_err(|_| Refusal::Overloaded)?;
        Ok(Admitted { standing, _permit: permit })
    }

    fn certificate_fits(
        &self,
        provider: &Registered,
        peer: &Peer,
        address: IpAddr,
        headers: &HeaderMap,
    ) -> bool {
        let Some(expected) = &provider.certificate_cn else { return true };
        let reported = || {
            let header = self.certificate_header.as_ref()?;
            certificate::reported_common_name(&self.proxies, header, address, headers)
        };
        peer.certificate_cn.as_deref().is_some_and(|name| name == expected)
            || reported().is_some_and(|name| name == *expected)
    }
}
