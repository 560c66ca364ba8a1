//! CSRF tokens, and the question whether a request came from a page of ours.
//!
//! A token is the session's id under our seal: it counts for that session as long as the session
//! lives and for no other, and nothing has to be kept.

use crate::config::GatewayConfig;
use crate::routes::{Csrf, Route};
use http::HeaderMap;
use http::header::{CONTENT_TYPE, HOST, ORIGIN};
use plue_contract::headers::CSRF;
use plue_contract::seal::Keyring;
use plue_contract::{Code, Problem, SessionId};
use subtle::ConstantTimeEq;

/// Makes the token of a session; none where the ring has no key.
pub fn issue(keys: &Keyring, session: &SessionId) -> Option<String> {
    keys.seal(session.0.as_bytes())
}

/// Whether `token` is a token of `session`.
pub fn holds(keys: &Keyring, token: &str, session: &SessionId) -> bool {
    keys.open(token)
        .is_ok_and(|named| named.ct_eq(session.0.as_bytes()).into())
}

/// Where a request says that it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Site {
    /// From a page of ours, or of a site that the configuration lists.
    Ours,
    /// From another site.
    Foreign,
    /// It does not say; not a browser, or an old one.
    Untold,
}

/// Reads `Origin` and, in its absence, `Sec-Fetch-Site`.
pub(crate) fn site(config: &GatewayConfig, headers: &HeaderMap) -> Site {
    if let Some(origin) = headers.get(ORIGIN) {
        let ours = origin
            .to_str()
            .is_ok_and(|origin| is_ours(config, headers, origin));
        return if ours { Site::Ours } else { Site::Foreign };
    }
    match headers.get("sec-fetch-site").map(|value| value.as_bytes()) {
        None => Site::Untold,
        // `none`: the person typed the address or used a bookmark.
        Some(b"same-origin" | b"none") => Site::Ours,
        Some(_) => Site::Foreign,
    }
}

fn is_ours(config: &GatewayConfig, headers: &HeaderMap, origin: &str) -> bool {
    let listed = config.public_origins.iter().chain(&config.cors_origins);
    if listed.into_iter().any(|ours| ours.eq_ignore_ascii_case(origin)) {
        return true;
    }
    let Some((scheme, authority)) = origin.split_once("://") else {
        return false;
    };
    let scheme_fits = scheme == "https" || (scheme == "http" && !config.secure);
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    scheme_fits && host.is_some_and(|host| host.eq_ignore_ascii_case(authority))
}

/// Whether the request is what the person meant, where their browser would send their
/// cookie with a stranger's request too.
pub(crate) fn unforged(
    config: &GatewayConfig,
    route: &Route,
    by_cookie: Option<&SessionId>,
    headers: &HeaderMap,
) -> Result<(), Problem> {
    let forged = |detail: &str| Err(Problem::new(Code::CsrfFailed, detail));
    const FOREIGN: &str = "The request came from another site.";
    if route.method.is_safe() && route.csrf != Csrf::Socket {
        return Ok(());
    }
    let site = site(config, headers);
    match (route.csrf, by_cookie) {
        (Csrf::Never, _) => Ok(()),
        (Csrf::Token, None) | (Csrf::Socket, None) => Ok(()),
        (Csrf::Token, Some(session)) => {
            if site == Site::Foreign {
                return forged(FOREIGN);
            }
            let token = headers.get(CSRF).and_then(|token| token.to_str().ok());
            match token {
                Some(token) if holds(&config.keys.csrf, token, session) => Ok(()),
                Some(_) => forged("The CSRF token is wrong. Fetch a new one from /api/auth/csrf."),
                None => forged("The header `x-csrf-token` is missing. Fetch one from /api/auth/csrf."),
            }
        }
        (Csrf::Socket, Some(_)) if site == Site::Ours => Ok(()),
        (Csrf::Socket, Some(_)) => forged(FOREIGN),
        (Csrf::Origin | Csrf::OriginJson | Csrf::Form, by_cookie) => {
            if site == Site::Foreign {
                return forged(FOREIGN);
            }
            if by_cookie.is_some() && site == Site::Untold {
                return forged("The request does not say which site it came from.");
            }
            if route.csrf == Csrf::OriginJson && by_cookie.is_some() && !is_json(headers) {
                return forged("With a session, this address reads JSON only.");
            }
            Ok(())
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Keys;

    fn config() -> GatewayConfig {
        let mut config = GatewayConfig::new(Keys::derive(&["edge"], &["token"]));
        config.public_origins.push("https://plue.example".into());
        config.cors_origins.push("https://app.example".into());
        config
    }

    #[test]
    fn a_token_counts_for_its_session_only() {
        let keys = config().keys;
        let mine = SessionId("01ARZ3NDEKTSV4RRFFQ69G5FAV".into());
        let yours = SessionId("01ARZ3NDEKTSV4RRFFQ69G5FAW".into());
        let token = issue(&keys.csrf, &mine).expect("a key");
        assert!(holds(&keys.csrf, &token, &mine));
        assert!(!holds(&keys.csrf, &token, &yours));
        assert!(!holds(&keys.csrf, "", &mine));
        let jwt_ring_token = issue(&keys.jwt, &mine).expect("a key");
        assert!(!holds(&keys.csrf, &jwt_ring_token, &mine));
    }

    #[test]
    fn sites_are_told_apart() {
        let mut config = config();
        let told = |config: &GatewayConfig, pairs: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, "localhost:4000".parse().expect("a value"));
            for (name, value) in pairs {
                headers.insert(*name, value.parse().expect("a value"));
            }
            site(config, &headers)
        };
        for (origin, site) in [
            ("https://plue.example", Site::Ours),
            ("https://app.example", Site::Ours),
            ("http://localhost:4000", Site::Ours),
            ("https://evil.example", Site::Foreign),
            ("https://plue.example.evil.example", Site::Foreign),
            ("http://localhost:4001", Site::Foreign),
            ("null", Site::Foreign),
        ] {
            assert_eq!(told(&config, &[("origin", origin)]), site, "{origin}");
        }
        assert_eq!(told(&config, &[]), Site::Untold);
        assert_eq!(told(&config, &[("sec-fetch-site", "same-origin")]), Site::Ours);
        assert_eq!(told(&config, &[("sec-fetch-site", "same-site")]), Site::Foreign);
        assert_eq!(told(&config, &[("sec-fetch-site", "cross-site")]), Site::Foreign);
        let both = [
            ("sec-fetch-site", "same-origin"),
            ("origin", "https://evil.example"),
        ];
        assert_eq!(told(&config, &both), Site::Foreign);
        config.secure = true;
        assert_eq!(
            told(&config, &[("origin", "http://localhost:4000")]),
            Site::Foreign
        );
    }
}
