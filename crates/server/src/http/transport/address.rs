//! Where a request came from, as far as it can be believed.

use std::net::IpAddr;

use axum::http::HeaderMap;

/// Headers in which proxies say for whom they ask. From anybody else they are a lie, or an error, and are taken out.
const FORWARDED: [&str; 7] = ["forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "x-forwarded-server", "x-real-ip"];
/// Most addresses of `X-Forwarded-For` that are looked at.
const MAX_HOPS: usize = 32;

/// How the caller reached this server, or the proxy in front of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// Through TLS.
    Https,
}

/// Where a request came from: an extension of every request that came over the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The caller's address.
    pub address: IpAddr,
    /// Whether the way was encrypted.
    pub scheme: Scheme,
}

impl Arrival {
    /// Where a request of `peer` came from. Takes out of the headers what `peer` may not say.
    pub(super) fn of(headers: &mut HeaderMap, peer: IpAddr, scheme: Scheme, trusts: impl Fn(IpAddr) -> bool) -> Self {
        if !trusts(peer) {
            for name in FORWARDED {
                headers.remove(name);
            }
            return Self { address: peer, scheme };
        }
        let text = |name: &str| headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect::<Vec<_>>().join(",");
        let forwarded = text("x-forwarded-proto");
        let scheme = match forwarded.split(',').next().map(str::trim) {
            Some(word) if word.eq_ignore_ascii_case("https") => Scheme::Https,
            Some(word) if word.eq_ignore_ascii_case("http") => Scheme::Http,
            Some(_) | None => scheme,
        };
        Self { address: caller(&text("x-forwarded-for"), peer, trusts), scheme }
    }
}

/// The last address of the list that no trusted proxy has: the ones before it are what that caller says of itself.
fn caller(list: &str, peer: IpAddr, trusts: impl Fn(IpAddr) -> bool) -> IpAddr {
    let mut found = peer;
    for word in list.rsplit(',').map(str::trim).filter(|word| !word.is_empty()).take(MAX_HOPS) {
        let Some(address) = address(word) else { return found };
        found = address;
        if !trusts(address) {
            break;
        }
    }
    found
}

/// An address, with or without a port.
fn address(word: &str) -> Option<IpAddr> {
    let plain = word.parse::<IpAddr>().or_else(|_| word.parse::<std::net::SocketAddr>().map(|socket| socket.ip()));
    plain.or_else(|_| word.trim_start_matches('[').trim_end_matches(']').parse()).ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn arrival(peer: &str, given: &[(&'static str, &str)]) -> (Arrival, usize) {
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            headers.append(*name, value.parse().unwrap());
        }
        let trusts = |address: IpAddr| [ip("10.0.0.1"), ip("10.0.0.2")].contains(&address);
        let arrival = Arrival::of(&mut headers, ip(peer), Scheme::Http, trusts);
        (arrival, headers.len())
    }

    #[test]
    fn strangers_are_not_believed() {
        let given = FORWARDED.map(|name| (name, "https, 1.2.3.4"));
        assert_eq!(arrival("192.0.2.1", &given), (Arrival { address: ip("192.0.2.1"), scheme: Scheme::Http }, 0));
    }

    #[test]
    fn proxies_are_believed_as_far_as_they_know() {
        for (list, expected) in [
            ("192.0.2.7", "192.0.2.7"),
            ("1.1.1.1, 192.0.2.7", "192.0.2.7"),
            ("1.1.1.1, 192.0.2.7, 10.0.0.2", "192.0.2.7"),
            ("192.0.2.7:4711", "192.0.2.7"),
            ("[2001:db8::1]:80", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("nonsense", "10.0.0.1"),
            ("1.1.1.1, nonsense", "10.0.0.1"),
            ("", "10.0.0.1"),
            (", ,", "10.0.0.1"),
        ] {
            let (found, kept) = arrival("10.0.0.1", &[("x-forwarded-for", list), ("x-forwarded-proto", "https")]);
            assert_eq!((found.address, found.scheme, kept), (ip(expected), Scheme::Https, 2), "{list}");
        }
        let (found, _) = arrival("10.0.0.1", &[("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "2.2.2.2")]);
        assert_eq!(found.address, ip("2.2.2.2"), "several headers are one list");
        assert_eq!(arrival("10.0.0.1", &[("x-forwarded-proto", "ftp")]).0.scheme, Scheme::Http);
    }
}
