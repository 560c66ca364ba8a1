//! Who calls: the one credential of a request, read by the rules of its route's class.
//!
//! An `Authorization` header wins over a cookie, which then counts for nothing. The form of a
//! token says which system it belongs to; one of another system than the route's is refused and
//! never tried elsewhere.

use crate::cookie::{self, Sent};
use crate::routes::{Class, Route};
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use plue_contract::credentials::{Credential, Family, SessionCookie};

/// Basic credentials, padded as RFC 7617 wants them or not, as some clients have them.
const BASIC: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The longest credential, in bytes.
const MAX_CREDENTIAL_BYTES: usize = 4 * 1024;

/// What a request presents.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Presented {
    /// Nothing that counts here.
    Nothing,
    /// A session cookie; none of its content where it has not the form of one.
    Cookie(Option<SessionCookie>),
    /// A JSON Web Token.
    Jwt(String),
    /// A token or a password, which has to be looked up.
    Lookup(Credential, Lookup),
    /// A credential that cannot count on this route, and why.
    Wrong(&'static str),
}

/// What kind of credential is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// A person's token: too long to be guessed.
    Token,
    /// An agent's or a runner's token.
    RobotToken,
    /// A password, which can be guessed, and is costly to check.
    Password,
}

/// Whether a family's tokens count on the routes of a class.
fn counts(family: Family, class: Class) -> bool {
    use Family::{Agent, Jwt, Personal, Wit, WitOAuth};
    match class {
        Class::Page | Class::Login | Class::Socket => matches!(family, Jwt | Personal | Agent),
        Class::Api => matches!(family, Jwt | Personal | Agent | WitOAuth),
        Class::GitRead | Class::GitWrite | Class::Lfs => {
            matches!(family, Jwt | Personal | Agent | Wit | WitOAuth)
        }
        Class::Wit => matches!(family, Jwt | Personal | Wit | WitOAuth),
        Class::V1 | Class::Trpc | Class::OAuth | Class::Npm => matches!(family, Wit | WitOAuth),
        Class::Oci => matches!(family, Personal | Wit),
        Class::Runner => family == Agent,
        Class::Happy | Class::Cockpit | Class::Asset | Class::Health | Class::Hook | Class::Internal => false,
    }
}

/// Reads what a request presents to a route.
pub(crate) fn presented(route: &Route, headers: &HeaderMap) -> Presented {
    if !route.class.asks_identity() {
        return Presented::Nothing;
    }
    if let Some(value) = headers.get(AUTHORIZATION) {
        let Ok(value) = value.to_str() else {
            return Presented::Wrong("The header `authorization` is not plain text.");
        };
        return authorization(route.class, value);
    }
    if !route.class.reads_cookies() {
        return Presented::Nothing;
    }
    match cookie::sent(headers) {
        Sent::None => Presented::Nothing,
        // What a browser keeps after signing out.
        Sent::One("") => Presented::Nothing,
        Sent::One(value) => Presented::Cookie(SessionCookie::parse(value)),
        Sent::Several => Presented::Cookie(None),
    }
}

fn authorization(class: Class, value: &str) -> Presented {
    if value.len() > MAX_CREDENTIAL_BYTES {
        return Presented::Wrong("The credential is too long.");
    }
    let (scheme, credential) = value.split_once(' ').unwrap_or((value, ""));
    let credential = credential.trim();
    if scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("token") {
        bearer(class, credential)
    } else if scheme.eq_ignore_ascii_case("basic") && class.reads_basic() {
        basic(class, credential)
    } else if scheme.eq_ignore_ascii_case("basic") && class == Class::OAuth {
        // An application proves itself to the door, and is nobody's account.
        Presented::Nothing
    } else if scheme.eq_ignore_ascii_case("basic") {
        Presented::Wrong("Name and password count for git, LFS and package registries only; send a token.")
    } else {
        Presented::Wrong("The credential is of a kind that this server does not know.")
    }
}

fn bearer(class: Class, token: &str) -> Presented {
    match Family::of(token) {
        Some(family) if counts(family, class) => match family {
            Family::Jwt => Presented::Jwt(token.to_owned()),
            _ => looked_up(family, token),
        },
        _ => Presented::Wrong("The token is not of a kind that counts here."),
    }
}

fn looked_up(family: Family, token: &str) -> Presented {
    let lookup = match family {
        Family::Agent => Lookup::RobotToken,
        _ => Lookup::Token,
    };
    let credential = Credential::Token {
        secret: token.to_owned(),
    };
    Presented::Lookup(credential, lookup)
}

/// Name and password of RFC 7617. Git clients put a token in the password's place, and some in
/// the name's, beside nothing or a placeholder.
fn basic(class: Class, encoded: &str) -> Presented {
    const WRONG: Presented = Presented::Wrong("The name and password cannot be read.");
    let Some(text) = BASIC
        .decode(encoded)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
    else {
        return WRONG;
    };
    let Some((name, password)) = text.split_once(':') else {
        return WRONG;
    };
    let placeholder = password.is_empty() || password == "x-oauth-basic";
    let token = if placeholder { name } else { password };
    match Family::of(token) {
        // Two dots make no token of a password.
        Some(Family::Jwt) | None => {}
        Some(family) if counts(family, class) => return looked_up(family, token),
        Some(_) => return Presented::Wrong("The token is not of a kind that counts here."),
    }
    if name.is_empty() || password.is_empty() || text.chars().any(char::is_control) {
        return WRONG;
    }
    let credential = Credential::Password {
        name: name.to_owned(),
        password: password.to_owned(),
    };
    Presented::Lookup(credential, Lookup::Password)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::all;
    use base64::engine::general_purpose::STANDARD;

    fn route(name: &str) -> &'static Route {
        all()
            .find(|route| route.name == name)
            .expect("a route of the table")
    }

    fn read(name: &str, pairs: &[(&'static str, &str)]) -> Presented {
        let mut headers = HeaderMap::new();
        for (header, value) in pairs {
            headers.append(*header, value.parse().expect("a value"));
        }
        presented(route(name), &headers)
    }

    const API: &str = "GET /api/repos";
    const GIT: &str = "GET /{owner}/{repo}/info/refs";
    const RUNNER: &str = "POST /internal/agent/messages";

    fn token(prefix: &str, digits: usize) -> String {
        format!("{prefix}{}", "0f".repeat(digits / 2))
    }

    fn basic_header(text: &str) -> String {
        format!("Basic {}", STANDARD.encode(text))
    }

    #[test]
    fn tokens_count_where_they_belong() {
        let bearer = |name, token: &str| read(name, &[("authorization", &format!("Bearer {token}"))]);
        let personal = token("plt_", 64);
        let agent = token("plat_", 64);
        let wit = token("wit_", 40);
        let lookup = |token: &str, kind| {
            Presented::Lookup(
                Credential::Token {
                    secret: token.to_owned(),
                },
                kind,
            )
        };
        assert_eq!(bearer(API, &personal), lookup(&personal, Lookup::Token));
        assert_eq!(bearer(API, &agent), lookup(&agent, Lookup::RobotToken));
        assert_eq!(bearer(RUNNER, &agent), lookup(&agent, Lookup::RobotToken));
        assert_eq!(bearer(GIT, &wit), lookup(&wit, Lookup::Token));
        assert_eq!(bearer(API, "a.b.c"), Presented::Jwt("a.b.c".into()));
        for (name, token) in [
            (API, wit.as_str()),
            (RUNNER, &personal),
            (API, "DEV"),
            (API, ""),
            ("GET /api/v1/user", &personal),
        ] {
            assert!(
                matches!(bearer(name, token), Presented::Wrong(_)),
                "{name} {token}"
            );
        }
        assert_eq!(bearer("GET /health", &personal), Presented::Nothing);
    }

    #[test]
    fn names_and_passwords_count_for_git_only() {
        let git = |text: &str| read(GIT, &[("authorization", &basic_header(text))]);
        let password = |name: &str, password: &str| {
            Presented::Lookup(
                Credential::Password {
                    name: name.into(),
                    password: password.into(),
                },
                Lookup::Password,
            )
        };
        assert_eq!(git("ada:se:cret"), password("ada", "se:cret"));
        assert_eq!(git("ada:a.b.c"), password("ada", "a.b.c"));
        let personal = token("plt_", 64);
        let by_token = Presented::Lookup(
            Credential::Token {
                secret: personal.clone(),
            },
            Lookup::Token,
        );
        for text in [
            format!("ada:{personal}"),
            format!("x-access-token:{personal}"),
            format!("{personal}:"),
            format!("{personal}:x-oauth-basic"),
        ] {
            assert_eq!(git(&text), by_token, "{text}");
        }
        for bad in ["", ":", "ada", "ada:", ":secret", "ada:sec\nret"] {
            assert!(matches!(git(bad), Presented::Wrong(_)), "{bad:?}");
        }
        assert!(matches!(
            read(API, &[("authorization", &basic_header("ada:secret"))]),
            Presented::Wrong(_)
        ));
        assert!(matches!(
            read(GIT, &[("authorization", "Basic %%%")]),
            Presented::Wrong(_)
        ));
        assert!(matches!(
            read(GIT, &[("authorization", "Digest x")]),
            Presented::Wrong(_)
        ));
        let long = format!("Bearer {}", "a".repeat(MAX_CREDENTIAL_BYTES));
        assert!(matches!(
            read(GIT, &[("authorization", &long)]),
            Presented::Wrong(_)
        ));
    }

    #[test]
    fn cookies_count_for_browsers_only_and_never_beside_a_token() {
        let value = SessionCookie::value(
            &plue_contract::SessionId("01ARZ3NDEKTSV4RRFFQ69G5FAV".into()),
            &[7; 32],
        );
        let cookie = format!("plue_session={value}");
        assert_eq!(
            read(API, &[("cookie", &cookie)]),
            Presented::Cookie(SessionCookie::parse(&value))
        );
        assert_eq!(read(GIT, &[("cookie", &cookie)]), Presented::Nothing);
        assert_eq!(
            read("GET /v1/sessions", &[("cookie", &cookie)]),
            Presented::Nothing
        );
        assert_eq!(
            read(API, &[("cookie", "plue_session=x")]),
            Presented::Cookie(None)
        );
        assert_eq!(read(API, &[("cookie", "plue_session=")]), Presented::Nothing);
        let both = [("cookie", cookie.as_str()), ("authorization", "Bearer a.b.c")];
        assert_eq!(read(API, &both), Presented::Jwt("a.b.c".into()));
    }
}
