//! What part of the connections one address may hold, so that one caller cannot shut out all others.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use crate::address::{Proxies, subscriber};

/// One address may hold one in so many connections; a trusted proxy, behind which everybody is, may hold them all.
const PART: usize = 4;

/// The connections that each address holds.
pub(crate) struct Shares {
    max: usize,
    proxies: Arc<Proxies>,
    // As many entries as there are connections, at most.
    held: Mutex<HashMap<u128, usize>>,
}

/// One connection of an address.
pub(super) struct Share {
    shares: Arc<Shares>,
    holder: u128,
}

impl Shares {
    pub(crate) fn new(connections_max: usize, proxies: Arc<Proxies>) -> Self {
        Self { max: connections_max.div_ceil(PART), proxies, held: Mutex::default() }
    }

    /// Room for one more connection of `address`; `None` when it has its share.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr) -> Option<Share> {
        let address = address.to_canonical();
        let holder = subscriber(address);
        let mut all = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let held = all.entry(holder).or_default();
        if *held >= self.max && !self.proxies.trusts(address) {
            return None;
        }
        *held += 1;
        Some(Share { shares: self.clone(), holder })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut all = self.shares.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = all.get_mut(&self.holder) {
            *held -= 1;
            if *held == 0 {
                all.remove(&self.holder);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use config::IpAddrOrNet;

    use super::*;

    #[test]
    fn one_address_holds_its_share_and_no_more() {
        let proxy: IpAddrOrNet = "10.0.0.1".parse().unwrap();
        let shares = Arc::new(Shares::new(8, Arc::new(Proxies::new(&[proxy]))));
        let take = |address: &str| shares.take(address.parse().unwrap());
        let held = [take("192.0.2.1"), take("::ffff:192.0.2.1")].map(Option::unwrap);
        assert!(take("192.0.2.1").is_none());
        assert!(take("192.0.2.2").is_some(), "another address has its own share");
        let proxied: Vec<_> = (0..8).map(|_| take("10.0.0.1").unwrap()).collect();
        drop((held, proxied));
        assert!(take("192.0.2.1").is_some());
        assert_eq!(shares.held.lock().unwrap().len(), 0, "nobody is remembered");
    }
}
