//! What an operator may set about the door, and the defaults.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::time::Duration;

/// The user name of everybody who has a key.
pub const USER: &str = "git";
/// The user name that signs in without a key, where anonymous reading is on. It is not [`USER`]
/// because OpenSSH asks for the method `none` before it shows a key: whoever lets `git` in that
/// way lets nobody else in.
pub const ANONYMOUS_USER: &str = "anonymous";

/// What bounds and adorns the door.
#[derive(Clone, Debug)]
pub struct BridgeConfig {
    /// A text that clients show before they authenticate.
    pub banner: Option<String>,
    /// Whether [`ANONYMOUS_USER`] may sign in without a key.
    pub anonymous_read: bool,
    /// Balancers that begin each connection with a PROXY header, version 1 or 2; from these, the
    /// header is required, and from nobody else is it read.
    pub proxies: Vec<Network>,
    /// How many connections may be open in all.
    pub max_connections: usize,
    /// How many of them may be held by clients that have not authenticated yet.
    pub max_unauthenticated: usize,
    /// How many connections one address (of IPv6, one /64) may hold.
    pub max_connections_per_address: u32,
    /// How many connections one address may begin in a minute.
    pub max_new_per_minute: u32,
    /// How many connections in a row may end with refused keys before their address is banned.
    pub max_auth_failures: u32,
    /// How long the first ban lasts; each further one lasts twice as long.
    pub initial_ban: Duration,
    /// How long a ban lasts at most.
    pub max_ban: Duration,
    /// How long a client may take to agree on keys.
    pub handshake_timeout: Duration,
    /// How long it may take after that to authenticate.
    pub auth_timeout: Duration,
    /// How long a connection without a command, or one on which no byte moves, is kept.
    pub idle_timeout: Duration,
    /// How often a silent client is asked whether it is still there.
    pub keepalive: Duration,
    /// How many keys one connection may try.
    pub max_auth_attempts: usize,
    /// How many channels one connection may have open.
    pub max_channels: usize,
    /// How long commands may go on after a shutdown began.
    pub shutdown_grace: Duration,
}

impl Default for BridgeConfig {
    fn default() -> Self {
        Self {
            banner: None,
            anonymous_read: false,
            proxies: Vec::new(),
            max_connections: 1_000,
            max_unauthenticated: 500,
            max_connections_per_address: 64,
            max_new_per_minute: 240,
            max_auth_failures: 5,
            initial_ban: Duration::from_secs(900),
            max_ban: Duration::from_secs(86_400),
            handshake_timeout: Duration::from_secs(15),
            auth_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(600),
            keepalive: Duration::from_secs(60),
            max_auth_attempts: 12,
            max_channels: 10,
            shutdown_grace: Duration::from_secs(30),
        }
    }
}

/// A range of addresses, as `10.0.0.0/8`, `::1` or `fd00::/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    base: IpAddr,
    prefix: u8,
}

/// Why a text names no range of addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an address or a network such as 10.0.0.0/8")]
pub struct NetworkError(String);

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let wrong = || NetworkError(text.to_owned());
        let (base, prefix) = match text.split_once('/') {
            Some((base, prefix)) => (base, Some(prefix)),
            None => (text, None),
        };
        let base = IpAddr::from_str(base).map_err(|_| wrong())?;
        let longest = if base.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) => prefix.parse().map_err(|_| wrong())?,
            None => longest,
        };
        (prefix <= longest)
            .then_some(Self { base, prefix })
            .ok_or_else(wrong)
    }
}

impl Network {
    /// Whether the range holds this address; an IPv4 address in IPv6 clothes counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.base, address.to_canonical()) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                let shift = 32 - u32::from(self.prefix);
                let cut = |a: Ipv4Addr| u32::from(a).checked_shr(shift).unwrap_or(0);
                cut(base) == cut(address)
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                let shift = 128 - u32::from(self.prefix);
                let cut = |a: Ipv6Addr| u128::from(a).checked_shr(shift).unwrap_or(0);
                cut(base) == cut(address)
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_their_own() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.1.2", "11.0.0.1"),
            ("127.0.0.1", "::ffff:127.0.0.1", "127.0.0.2"),
            ("0.0.0.0/0", "203.0.113.9", "::1"),
            ("fd00::/8", "fdff::1", "fe80::1"),
            ("::/0", "2001:db8::1", "192.0.2.1"),
        ] {
            let parsed: Network = network.parse().expect(network);
            let address = |text: &str| text.parse::<IpAddr>().expect("an address");
            assert!(parsed.contains(address(inside)), "{network} holds {inside}");
            assert!(!parsed.contains(address(outside)), "{network} lacks {outside}");
        }
        for wrong in ["", "10.0.0.0/33", "::1/129", "host", "1.2.3.4/", "1.2.3.4/-1"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }
}
