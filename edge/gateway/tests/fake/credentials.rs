//! Ada's credentials, and the placeholders that stand for them in the cases.

use super::NOW_MS;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use plue_contract::credentials::{Credential, SessionCookie};
use plue_contract::statement::Statement;
use plue_contract::{AccountId, Caller, Scopes, SessionId, TokenId, Via, Who};
use plue_gateway::conformance::Asked;
use plue_gateway::jwt::{Claims, Signer};
use plue_gateway::{Keys, SessionState, csrf};

/// Our own authority.
pub const HOST: &str = "plue.example";
/// Her account.
pub const ADA: AccountId = AccountId(1);
const PASSWORD: &str = "correct horse battery staple";

pub fn keys() -> Keys {
    Keys::derive(&["between edge and coordinator"], &["what users hold"])
}

fn ada(via: Via) -> Who {
    Who::Account {
        id: ADA,
        name: "ada".parse().expect("a name"),
        admin: false,
        via,
        scopes: Scopes::ALL,
        repositories: None,
    }
}

fn session_id() -> SessionId {
    SessionId("01ARZ3NDEKTSV4RRFFQ69G5FAV".into())
}

pub fn token() -> String {
    format!("plt_{}", "a1".repeat(32))
}

pub fn session_cookie() -> SessionCookie {
    SessionCookie::parse(&SessionCookie::value(&session_id(), &[7; 32])).expect("its own form")
}

/// Name and value of the cookie.
pub fn cookie() -> String {
    format!("plue_session={}", SessionCookie::value(&session_id(), &[7; 32]))
}

pub fn session(rotated: bool) -> SessionState {
    SessionState {
        who: ada(Via::Session(session_id())),
        session: session_id(),
        expires_ms: NOW_MS + 1_000_000,
        replacement: rotated.then(|| SessionCookie::value(&session_id(), &[8; 32])),
    }
}

pub fn who_shows(credential: &Credential) -> Option<Who> {
    match credential {
        Credential::Token { secret } if *secret == token() => Some(ada(Via::Token(TokenId(1)))),
        Credential::Password { name, password } if name == "ada" && password == PASSWORD => {
            Some(ada(Via::Password))
        }
        _ => None,
    }
}

fn jwt() -> String {
    let now_s = NOW_MS / 1_000;
    let claims = Claims {
        sub: ADA,
        sid: session_id(),
        name: "ada".parse().expect("a name"),
        admin: false,
        scopes: Scopes::ALL,
        iat: now_s,
        exp: now_s + 900,
        nbf: None,
        iss: "plue".into(),
        aud: "plue".into(),
    };
    Signer::new(&keys().jwt).expect("a key").sign(&claims)
}

fn statement(method: &str, target: &str) -> String {
    let caller = Caller {
        who: ada(Via::Token(TokenId(1))),
        address: Some("203.0.113.7".parse().expect("an address")),
        request_id: "request-of-the-edge".into(),
    };
    Statement::new(caller, method, target, NOW_MS)
        .seal(&keys().caller)
        .expect("a key")
}

/// Replaces the placeholders of a header's value.
pub fn fill(value: &str, request: &Asked) -> String {
    let other = value
        .strip_prefix("{statement:ada:")
        .and_then(|rest| rest.strip_suffix('}'))
        .and_then(|rest| rest.split_once(':'));
    if let Some((method, target)) = other {
        return statement(method, target);
    }
    value
        .replace("{host}", HOST)
        .replace("{token:ada}", &token())
        .replace("{cookie:ada}", &cookie())
        .replace("{jwt:ada}", &jwt())
        .replace(
            "{basic:ada:password}",
            &STANDARD.encode(format!("ada:{PASSWORD}")),
        )
        .replace("{basic:ada:token}", &STANDARD.encode(format!("ada:{}", token())))
        .replace(
            "{csrf:ada}",
            &csrf::issue(&keys().csrf, &session_id()).expect("a key"),
        )
        .replace("{statement:ada}", &statement(&request.method, &request.target))
}
