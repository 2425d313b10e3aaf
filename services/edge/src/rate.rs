//! Rate limits with burst (GCRA): one for every client address, one for every provider.

use std::{
    net::IpAddr,
    num::NonZeroU32,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use governor::{
    NotUntil, Quota, RateLimiter,
    clock::{Clock, DefaultClock, Reference},
    middleware::{StateInformationMiddleware, StateSnapshot},
    state::{InMemoryState, NotKeyed, keyed::DashMapStateStore},
};

use crate::{address::subscriber, error::whole_seconds};

/// Keys are swept after so many checks: what is kept is bounded by this and by the addresses that are still in debt.
const SWEEP_EVERY: usize = 16_384;

const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// Where a sender stands with its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    limit: u32,
    remaining: u32,
    /// Until all of the limit is there again; when refused, until one request is.
    pub(crate) reset: Duration,
}

impl Standing {
    fn allowed(snapshot: &StateSnapshot) -> Self {
        let (quota, remaining) = (snapshot.quota(), snapshot.remaining_burst_capacity());
        let limit = quota.burst_size().get();
        Self {
            limit,
            remaining,
            reset: quota.replenish_interval().saturating_mul(limit.saturating_sub(remaining)),
        }
    }

    fn refused<P: Reference>(until: &NotUntil<P>, now: P) -> Self {
        Self { limit: until.quota().burst_size().get(), remaining: 0, reset: until.wait_time_from(now) }
    }

    /// The `RateLimit-*` headers.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        headers.insert(LIMIT, HeaderValue::from(self.limit));
        headers.insert(REMAINING, HeaderValue::from(self.remaining));
        headers.insert(RESET, HeaderValue::from(whole_seconds(self.reset)));
    }

    /// The one of two that runs out first.
    pub(crate) fn tighter(self, other: Option<Self>) -> Self {
        match other {
            Some(other) if other.remaining < self.remaining => other,
            _ => self,
        }
    }
}

/// A limit of zero, by the last part of its key: it would refuse everything, so it is no limit but a mistake.
#[derive(Debug)]
pub(crate) struct ZeroRate(pub(crate) &'static str);

/// The limit of one client address over all providers.
pub(crate) struct AddressLimit {
    limiter: RateLimiter<u128, DashMapStateStore<u128>, DefaultClock, StateInformationMiddleware>,
    checks: AtomicUsize,
}

impl AddressLimit {
    pub(crate) fn new(per_second: u32, burst: u32) -> Result<Self, ZeroRate> {
        let quota = Quota::per_second(NonZeroU32::new(per_second).ok_or(ZeroRate("rate_per_second"))?)
            .allow_burst(NonZeroU32::new(burst).ok_or(ZeroRate("rate_burst"))?);
        let limiter = RateLimiter::dashmap(quota).with_middleware();
        Ok(Self { limiter, checks: AtomicUsize::new(0) })
    }

    /// Counts a request of `address`; `Err` when it is one too many.
    pub(crate) fn check(&self, address: IpAddr) -> Result<Standing, Standing> {
        if self.checks.fetch_add(1, Ordering::Relaxed) % SWEEP_EVERY == SWEEP_EVERY - 1 {
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
        }
        match self.limiter.check_key(&subscriber(address)) {
            Ok(snapshot) => Ok(Standing::allowed(&snapshot)),
            Err(until) => Err(Standing::refused(&until, self.limiter.clock().now())),
        }
    }
}

/// The limit of one provider, all senders together. Only authenticated requests are counted against it, so that
/// strangers cannot spend it.
pub(crate) struct ProviderLimit(
    RateLimiter<NotKeyed, InMemoryState, DefaultClock, StateInformationMiddleware>,
);

impl ProviderLimit {
    pub(crate) fn new(per_minute: u32, burst: u32) -> Result<Self, ZeroRate> {
        let quota = Quota::per_minute(NonZeroU32::new(per_minute).ok_or(ZeroRate("rate_per_minute"))?)
            .allow_burst(NonZeroU32::new(burst).ok_or(ZeroRate("rate_burst"))?);
        Ok(Self(RateLimiter::direct(quota).with_middleware()))
    }

    pub(crate) fn check(&self) -> Result<Standing, Standing> {
        match self.0.check() {
            Ok(snapshot) => Ok(Standing::allowed(&snapshot)),
            Err(until) => Err(Standing::refused(&until, self.0.clock().now())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_burst_passes_and_the_next_is_told_when_to_come() {
        let limit = AddressLimit::new(1, 3).unwrap();
        let sender = address("192.0.2.1");
        for remaining in [2, 1, 0] {
            assert_eq!(limit.check(sender).unwrap().remaining, remaining);
        }
        let refused = limit.check(sender).unwrap_err();
        assert_eq!((refused.limit, refused.remaining), (3, 0));
        assert!(refused.reset <= Duration::from_secs(1));
        limit.check(address("192.0.2.2")).unwrap();
    }

    #[test]
    fn an_ipv6_subscriber_is_one_sender() {
        let limit = AddressLimit::new(1, 1).unwrap();
        limit.check(address("2001:db8:1:1::1")).unwrap();
        limit.check(address("2001:db8:1:1:ffff::9")).unwrap_err();
        limit.check(address("2001:db8:1:2::1")).unwrap();
    }

    #[test]
    fn addresses_that_went_away_are_forgotten() {
        let limit = AddressLimit::new(u32::MAX, 1).unwrap();
        for n in 0..u32::try_from(4 * SWEEP_EVERY).unwrap() {
            limit.check(IpAddr::from(n.to_be_bytes())).unwrap();
        }
        assert!(limit.limiter.len() <= SWEEP_EVERY, "{}", limit.limiter.len());
    }

    #[test]
    fn a_limit_of_zero_is_named() {
        assert_eq!(AddressLimit::new(0, 1).err().unwrap().0, "rate_per_second");
        assert_eq!(ProviderLimit::new(1, 0).err().unwrap().0, "rate_burst");
    }
}
