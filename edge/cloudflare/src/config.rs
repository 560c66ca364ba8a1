//! What the worker is told by its environment, read once; the only place that knows the names.

use plue_contract::seal::{Keyring, Purpose};
use plue_gateway::limits::{Preset, Presets};
use plue_gateway::{AddressRange, AddressSource, GatewayConfig, Keys, Statements};
use std::time::Duration;
use worker::Env;

/// Why the worker cannot run as it is configured.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A variable or secret has no value.
    #[error("{0} is not set: {1}")]
    Missing(&'static str, &'static str),
    /// A variable has a value that means nothing.
    #[error("{name} is `{value}`: expected {expected}")]
    Bad {
        /// The variable.
        name: &'static str,
        /// Its value, which is no secret.
        value: String,
        /// What would be right.
        expected: &'static str,
    },
    /// A Durable Object class is not bound.
    #[error("the Durable Object binding {0} is missing; it stands in wrangler.toml")]
    Unbound(&'static str),
    /// The secret cannot seal anything.
    #[error("EDGE_SECRET gives no key")]
    NoKey,
}

/// The whole configuration of the worker.
pub struct EdgeConfig {
    /// Where the coordinator answers: scheme and authority, without a slash at the end.
    pub origin: String,
    /// How long the coordinator may take before an answer begins.
    pub origin_deadline: Duration,
    /// Secrets shared with the coordinator, the current one first.
    edge_secrets: Vec<String>,
    /// Secrets of the coordinator's tokens, the current one first.
    token_secrets: Vec<String>,
    addresses: AddressSource,
    public_origins: Vec<String>,
    cors_origins: Vec<String>,
    behind_tls: bool,
    limits: Presets,
    /// For how long an isolate believes how a repository stands, in milliseconds.
    pub memo_ms: u64,
    /// The secret of notices in the seed's words, where there are any.
    pub push_secret: Option<String>,
    /// The key and the addresses of those who may read the figures.
    pub metrics_key: Option<String>,
    /// The addresses of those who may read the figures without a key.
    pub metrics_from: Vec<AddressRange>,
}

impl EdgeConfig {
    /// Reads every variable and secret.
    pub fn read(env: &Env) -> Result<Self, ConfigError> {
        let text = |name: &str| env.var(name).map(|value| value.to_string()).unwrap_or_default();
        let list = |name: &str| -> Vec<String> {
            let text = text(name);
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            items.map(str::to_owned).collect()
        };
        let secrets = |current: &str, previous: &str| -> Vec<String> {
            let both = [text(current), text(previous)];
            both.into_iter().filter(|secret| !secret.is_empty()).collect()
        };

        let origin = text("ORIGIN_URL");
        let edge_secrets = secrets("EDGE_SECRET", "EDGE_SECRET_PREVIOUS");
        if edge_secrets.is_empty() {
            return Err(ConfigError::Missing(
                "EDGE_SECRET",
                "the secret that the edge shares with the coordinator",
            ));
        }
        let token_secrets = secrets("JWT_SECRET", "JWT_SECRET_PREVIOUS");
        if token_secrets.is_empty() {
            return Err(ConfigError::Missing(
                "JWT_SECRET",
                "the secret of the coordinator's tokens",
            ));
        }
        let mut limits = Presets::default();
        for item in list("RATE_LIMITS") {
            let (preset, rate) = Preset::configured(&item).ok_or(ConfigError::Bad {
                name: "RATE_LIMITS",
                value: item,
                expected: "name=requests/seconds, as in login=5/60s",
            })?;
            limits.set(preset, rate);
        }
        Ok(Self {
            limits,
            memo_ms: match text("PLUE_EDGE_MEMO_MS").as_str() {
                "" => 0,
                given => given.parse().map_err(|_| ConfigError::Bad {
                    name: "PLUE_EDGE_MEMO_MS",
                    value: given.to_owned(),
                    expected: "milliseconds",
                })?,
            },
            push_secret: Some(text("EDGE_PUSH_SECRET")).filter(|secret| !secret.is_empty()),
            metrics_key: Some(text("METRICS_API_KEY")).filter(|key| !key.is_empty()),
            metrics_from: list("METRICS_ALLOWED_IPS")
                .into_iter()
                .map(|range| {
                    range.parse().map_err(|_| ConfigError::Bad {
                        name: "METRICS_ALLOWED_IPS",
                        value: range,
                        expected: "addresses or ranges, as in 10.0.0.0/8, with commas between",
                    })
                })
                .collect::<Result<_, _>>()?,
            origin: authority(&origin)?,
            origin_deadline: match text("ORIGIN_DEADLINE_MS").parse() {
                Ok(ms @ 1..=600_000) => Duration::from_millis(ms),
                _ => {
                    return Err(ConfigError::Bad {
                        name: "ORIGIN_DEADLINE_MS",
                        value: text("ORIGIN_DEADLINE_MS"),
                        expected: "milliseconds from 1 to 600000",
                    });
                }
            },
            edge_secrets,
            token_secrets,
            addresses: match text("CLIENT_ADDRESS").as_str() {
                "cf-connecting-ip" => AddressSource::CfConnectingIp,
                "socket" => AddressSource::Socket,
                other => {
                    return Err(ConfigError::Bad {
                        name: "CLIENT_ADDRESS",
                        value: other.to_owned(),
                        expected: "cf-connecting-ip or socket",
                    });
                }
            },
            public_origins: list("PUBLIC_ORIGINS"),
            cors_origins: list("CORS_ORIGINS"),
            behind_tls: match text("BEHIND_TLS").as_str() {
                "true" => true,
                "false" => false,
                other => {
                    return Err(ConfigError::Bad {
                        name: "BEHIND_TLS",
                        value: other.to_owned(),
                        expected: "true or false",
                    });
                }
            },
        })
    }

    /// The keys of one purpose that the edge shares with the coordinator.
    pub fn keys(&self, purpose: Purpose) -> Keyring {
        Keyring::derive(purpose, &self.edge_secrets)
    }

    /// What the gateway is to know.
    pub fn gateway(&self) -> Result<GatewayConfig, ConfigError> {
        let mut config = GatewayConfig::new(Keys::derive(&self.edge_secrets, &self.token_secrets));
        config.statements = Statements::Make;
        config.addresses = self.addresses.clone();
        config.cors_origins = self.cors_origins.clone();
        config.public_origins = self.public_origins.clone();
        config.secure = self.behind_tls;
        config.limits = self.limits.clone();
        Ok(config)
    }
}

/// The scheme and authority of a URL that has nothing else.
fn authority(url: &str) -> Result<String, ConfigError> {
    let bad = || ConfigError::Bad {
        name: "ORIGIN_URL",
        value: url.to_owned(),
        expected: "http://host:port or https://host",
    };
    let uri: http::Uri = url.parse().map_err(|_| bad())?;
    let (Some(scheme @ ("http" | "https")), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(bad());
    };
    if uri.path() != "/" || uri.query().is_some() || authority.as_str().contains('@') {
        return Err(bad());
    }
    Ok(format!("{scheme}://{authority}"))
}

impl From<ConfigError> for worker::Error {
    fn from(error: ConfigError) -> Self {
        Self::RustError(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_scheme_and_an_authority() {
        assert_eq!(
            authority("http://127.0.0.1:4000").expect("good"),
            "http://127.0.0.1:4000"
        );
        assert_eq!(
            authority("https://forge.example/").expect("good"),
            "https://forge.example"
        );
        for bad in [
            "",
            "forge.example",
            "ftp://forge.example",
            "http://a/b",
            "http://a?b",
            "http://u:p@a",
        ] {
            assert!(authority(bad).is_err(), "{bad}");
        }
    }
}
