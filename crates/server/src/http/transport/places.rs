//! Places for connections: so many in all, so many for one address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::Limits;

/// File descriptors that are kept for the database, the artifacts and the log.
const KEPT_DESCRIPTORS: usize = 256;

/// The places of a server.
#[derive(Debug)]
pub(super) struct Places {
    all: Arc<Semaphore>,
    most: usize,
    per_address: usize,
    addresses: Mutex<HashMap<IpAddr, usize>>,
}

/// A place of an address, given back when dropped.
#[derive(Debug)]
pub(super) struct OfAddress {
    places: Arc<Places>,
    /// Nothing for a trusted proxy, whose connections are those of everybody.
    address: Option<IpAddr>,
}

impl Places {
    /// As many as the limits say, and not more than the system allows to open.
    pub(super) fn new(limits: &Limits) -> Arc<Self> {
        let most = match descriptors() {
            Some(descriptors) if limits.connections.saturating_add(KEPT_DESCRIPTORS) > descriptors => {
                let most = descriptors.saturating_sub(KEPT_DESCRIPTORS).max(descriptors / 2).max(1);
                tracing::warn!(descriptors, most, "`limits.connections` is more than the system lets this process open; raise `ulimit -n`");
                most
            }
            Some(_) | None => limits.connections,
        };
        Arc::new(Self { all: Arc::new(Semaphore::new(most)), most, per_address: limits.connections_per_address, addresses: Mutex::default() })
    }

    /// Waits for a place. `None` never comes, as the semaphore is never closed.
    pub(super) async fn wait(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.all).acquire_owned().await.ok()
    }

    /// Connections that are open.
    pub(super) fn taken(&self) -> usize {
        self.most - self.all.available_permits()
    }

    /// A place of this address, unless it has all of its own.
    pub(super) fn of_address(self: &Arc<Self>, peer: IpAddr, trusted: bool) -> Option<OfAddress> {
        let address = (!trusted).then(|| network(peer));
        if let Some(address) = address {
            let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
            let taken = addresses.entry(address).or_insert(0);
            if *taken >= self.per_address {
                return None;
            }
            *taken += 1;
        }
        Some(OfAddress { places: Arc::clone(self), address })
    }
}

impl Drop for OfAddress {
    fn drop(&mut self) {
        let Some(address) = self.address else { return };
        let mut addresses = self.places.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = addresses.get_mut(&address) {
            *taken -= 1;
            if *taken == 0 {
                addresses.remove(&address);
            }
        }
    }
}

/// What counts as one caller: an IPv4 address, or the /64 of an IPv6 address, which is what one connection to the internet gets.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}

/// How many files this process may have open.
fn descriptors() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_places_and_gives_them_back() {
        let places = Places::new(&Limits { connections: 10, connections_per_address: 2, ..Limits::default() });
        let peer: IpAddr = "2001:db8::1".parse().unwrap();
        let neighbour: IpAddr = "2001:db8::2".parse().unwrap();
        let first = places.of_address(peer, false).unwrap();
        let second = places.of_address(neighbour, false).unwrap();
        assert!(places.of_address(peer, false).is_none(), "one /64 is one caller");
        assert!(places.of_address("2001:db8:0:1::1".parse().unwrap(), false).is_some());
        assert!(places.of_address(peer, true).is_some(), "a proxy brings everybody");
        drop(first);
        assert!(places.of_address(peer, false).is_some());
        drop(second);
        assert!(places.addresses.lock().unwrap().is_empty());
    }
}
