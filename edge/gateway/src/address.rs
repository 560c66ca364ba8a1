//! The client's own address: who may tell it, and how it is read.

use http::HeaderMap;
use std::net::IpAddr;
use std::str::FromStr;

/// Where the client's address is learned. Whatever else a request claims is ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddressSource {
    /// From `CF-Connecting-IP`, which Cloudflare sets and no client can. Only at the edge.
    CfConnectingIp,
    /// From the socket.
    Socket,
    /// From `X-Forwarded-For`, where the socket's other end is one of these proxies; else from
    /// the socket.
    ForwardedFrom(Vec<AddressRange>),
}

/// A range of addresses, as `10.0.0.0/8` or a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRange {
    base: IpAddr,
    prefix: u8,
}

/// A text that is not a range of addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an address or a range such as 10.0.0.0/8 or 2001:db8::/32")]
pub struct NotARange;

impl FromStr for AddressRange {
    type Err = NotARange;

    fn from_str(text: &str) -> Result<Self, NotARange> {
        let (base, prefix) = match text.split_once('/') {
            Some((base, prefix)) => (base, Some(prefix)),
            None => (text, None),
        };
        let base: IpAddr = base.trim().parse().map_err(|_| NotARange)?;
        let widest = if base.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) => prefix.trim().parse().map_err(|_| NotARange)?,
            None => widest,
        };
        (prefix <= widest)
            .then_some(Self { base, prefix })
            .ok_or(NotARange)
    }
}

impl AddressRange {
    /// Whether the range holds `address`; an IPv4 address in IPv6 clothes counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.base.to_canonical(), address.to_canonical()) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                let mask = u32::MAX
                    .checked_shl(32 - u32::from(self.prefix.min(32)))
                    .unwrap_or(0);
                u32::from(base) & mask == u32::from(address) & mask
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
                u128::from(base) & mask == u128::from(address) & mask
            }
            _ => false,
        }
    }
}

/// What the hop before us could be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    /// The client's address, where anybody told it.
    pub address: Option<IpAddr>,
    /// Whether the request came through a proxy of ours, whose request ids count.
    pub trusted_hop: bool,
}

/// Learns the client's address from what the configuration trusts.
pub(crate) fn client(source: &AddressSource, headers: &HeaderMap, peer: Option<IpAddr>) -> Client {
    let peer = peer.map(|peer| peer.to_canonical());
    match source {
        AddressSource::Socket => Client {
            address: peer,
            trusted_hop: false,
        },
        AddressSource::CfConnectingIp => {
            let mut values = headers.get_all("cf-connecting-ip").iter();
            let address = match (values.next(), values.next()) {
                (Some(value), None) => value.to_str().ok().and_then(|text| text.trim().parse().ok()),
                _ => None,
            };
            Client {
                address: address.or(peer).map(|address: IpAddr| address.to_canonical()),
                trusted_hop: false,
            }
        }
        AddressSource::ForwardedFrom(proxies) => {
            let listed = |address: IpAddr| proxies.iter().any(|range| range.contains(address));
            let Some(mut address) = peer.filter(|&peer| listed(peer)) else {
                return Client {
                    address: peer,
                    trusted_hop: false,
                };
            };
            // From the right: each proxy wrote whom it heard. The first that is none of ours is
            // the client; what stands left of it is the client's own claim.
            let hops = headers.get_all("x-forwarded-for").iter().rev();
            for hop in hops
                .filter_map(|value| value.to_str().ok())
                .flat_map(|value| value.rsplit(','))
            {
                let Ok(hop) = hop.trim().parse::<IpAddr>() else {
                    break;
                };
                address = hop.to_canonical();
                if !listed(address) {
                    break;
                }
            }
            Client {
                address: Some(address),
                trusted_hop: true,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(*name, value.parse().expect("a value"));
        }
        map
    }

    #[test]
    fn ranges() {
        let range: AddressRange = "10.1.0.0/16".parse().expect("a range");
        assert!(range.contains(ip("10.1.255.1")) && range.contains(ip("::ffff:10.1.0.9")));
        assert!(!range.contains(ip("10.2.0.1")) && !range.contains(ip("2001:db8::1")));
        let all: AddressRange = "::/0".parse().expect("a range");
        assert!(all.contains(ip("2001:db8::1")) && !all.contains(ip("10.1.0.1")));
        let one: AddressRange = "192.0.2.7".parse().expect("a range");
        assert!(one.contains(ip("192.0.2.7")) && !one.contains(ip("192.0.2.8")));
        for bad in ["", "x", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1"] {
            assert_eq!(bad.parse::<AddressRange>(), Err(NotARange), "{bad}");
        }
    }

    #[test]
    fn forwarding_counts_from_listed_proxies_only() {
        let source = AddressSource::ForwardedFrom(vec!["10.0.0.0/8".parse().expect("a range")]);
        let forwarded = headers(&[("x-forwarded-for", "1.1.1.1, 203.0.113.9, 10.0.0.2")]);
        let told = |peer| client(&source, &forwarded, Some(ip(peer)));
        assert_eq!(told("10.0.0.1").address, Some(ip("203.0.113.9")));
        assert!(told("10.0.0.1").trusted_hop);
        assert_eq!(told("198.51.100.1").address, Some(ip("198.51.100.1")));
        assert!(!told("198.51.100.1").trusted_hop);
        let split = headers(&[
            ("x-forwarded-for", "203.0.113.9"),
            ("x-forwarded-for", "10.0.0.2"),
        ]);
        assert_eq!(
            client(&source, &split, Some(ip("10.0.0.1"))).address,
            Some(ip("203.0.113.9"))
        );
        let nonsense = headers(&[("x-forwarded-for", "203.0.113.9, nonsense, 10.0.0.2")]);
        assert_eq!(
            client(&source, &nonsense, Some(ip("10.0.0.1"))).address,
            Some(ip("10.0.0.2"))
        );
    }

    #[test]
    fn each_source_believes_its_own_header_only() {
        let both = headers(&[("x-forwarded-for", "1.1.1.1"), ("cf-connecting-ip", "2.2.2.2")]);
        let peer = Some(ip("198.51.100.1"));
        assert_eq!(client(&AddressSource::Socket, &both, peer).address, peer);
        assert_eq!(
            client(&AddressSource::CfConnectingIp, &both, None).address,
            Some(ip("2.2.2.2"))
        );
        let twice = headers(&[("cf-connecting-ip", "2.2.2.2"), ("cf-connecting-ip", "3.3.3.3")]);
        assert_eq!(client(&AddressSource::CfConnectingIp, &twice, None).address, None);
    }
}
