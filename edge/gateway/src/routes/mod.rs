//! The route table: every address that the server promises, and what the gateway has to know
//! about each. What a route *does* is its door's business, which finds it by [`Route::name`].
//!
//! A route that is promised and not yet built is [`State::Owed`] and answers 501.

mod cockpit;
mod git;
mod happy;
mod matcher;
mod plue;
mod wit;

pub use matcher::{Matched, Outcome, Params, Router};

use crate::limits::Preset;

/// Every route, in groups, one list of groups for each system that they come from.
pub const TABLE: &[&[&[Route]]] = &[
    plue::OWN,
    plue::SEED,
    git::ALL,
    wit::ALL,
    happy::ALL,
    cockpit::ALL,
];

/// Every route.
pub fn all() -> impl Iterator<Item = &'static Route> {
    TABLE.iter().copied().flatten().copied().flatten()
}

/// One method of one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Method and path, as in `GET /api/{owner}/{repo}`: by this name doors find their handler,
    /// logs and metrics speak of it, and no two routes share it.
    pub name: &'static str,
    /// The method; a route for `GET` answers `HEAD` as well.
    pub method: Verb,
    /// The path. `{x}` stands for one segment, `{x:digits}` for one of digits only, `{x:slash}`
    /// for one in which `%2F` is part of the value, `{x:scope}` for one that begins with `@`,
    /// `{x:rest}` for one or more segments, and `{owner}` for no word that the server keeps for
    /// itself.
    pub path: &'static str,
    /// What kind of traffic it is.
    pub class: Class,
    /// Who may call.
    pub access: Access,
    /// How its errors look.
    pub dialect: Dialect,
    /// How forged requests are told from honest ones.
    pub csrf: Csrf,
    /// The limit that it draws from; none where watching programs must never be turned away.
    pub preset: Option<Preset>,
    /// What may be kept of its answers, and by whom.
    pub cache: Cache,
    /// What body it reads.
    pub body: Body,
    /// Whether it is there yet.
    pub state: State,
}

/// A method that a route may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verb {
    /// Reads; `HEAD` too.
    Get,
    /// Makes or does something.
    Post,
    /// Puts something in its place.
    Put,
    /// Changes something.
    Patch,
    /// Removes something.
    Delete,
}

impl Verb {
    /// The method of a request; none where no route ever has it.
    pub fn of(method: &http::Method) -> Option<Self> {
        match method.as_str() {
            "GET" | "HEAD" => Some(Self::Get),
            "POST" => Some(Self::Post),
            "PUT" => Some(Self::Put),
            "PATCH" => Some(Self::Patch),
            "DELETE" => Some(Self::Delete),
            _ => None,
        }
    }

    /// Whether it only reads.
    pub const fn is_safe(self) -> bool {
        matches!(self, Self::Get)
    }

    /// The method in capitals.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// What kind of traffic a route carries. Identity, the answer to a failing port and the metrics
/// go by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Pages for people.
    Page,
    /// Style sheets, scripts and pictures.
    Asset,
    /// What watching programs ask.
    Health,
    /// Signing in and out.
    Login,
    /// Plue's own interface.
    Api,
    /// Git's reading side.
    GitRead,
    /// A push.
    GitWrite,
    /// Large files.
    Lfs,
    /// wit's view of repositories.
    Wit,
    /// The GitHub-like interface.
    V1,
    /// The typed and batched interface.
    Trpc,
    /// The npm registry.
    Npm,
    /// The container registry.
    Oci,
    /// The OAuth provider.
    OAuth,
    /// Happy's interface.
    Happy,
    /// Cockpit's interface.
    Cockpit,
    /// Sockets that browsers hold open.
    Socket,
    /// Webhooks from elsewhere.
    Hook,
    /// What agents and runners ask of the coordinator.
    Runner,
    /// What Plue's own programs ask of the coordinator; never through the edge.
    Internal,
}

impl Class {
    /// The class's name in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Asset => "asset",
            Self::Health => "health",
            Self::Login => "login",
            Self::Api => "api",
            Self::GitRead => "git_read",
            Self::GitWrite => "git_write",
            Self::Lfs => "lfs",
            Self::Wit => "wit",
            Self::V1 => "v1",
            Self::Trpc => "trpc",
            Self::Npm => "npm",
            Self::Oci => "oci",
            Self::OAuth => "oauth",
            Self::Happy => "happy",
            Self::Cockpit => "cockpit",
            Self::Socket => "socket",
            Self::Hook => "hook",
            Self::Runner => "runner",
            Self::Internal => "internal",
        }
    }

    /// Whether the session cookie counts.
    pub const fn reads_cookies(self) -> bool {
        matches!(
            self,
            Self::Page
                | Self::Login
                | Self::Api
                | Self::Wit
                | Self::Trpc
                | Self::OAuth
                | Self::Cockpit
                | Self::Socket
        )
    }

    /// Whether `Authorization: Basic` counts.
    pub const fn reads_basic(self) -> bool {
        matches!(
            self,
            Self::GitRead | Self::GitWrite | Self::Lfs | Self::Npm | Self::Oci
        )
    }

    /// Whether somebody may ask who calls at all: health checks and sealed conversations do not.
    pub const fn asks_identity(self) -> bool {
        !matches!(self, Self::Health | Self::Asset | Self::Hook | Self::Internal)
    }
}

/// Who may call a route, as far as the gateway can tell. What a known caller may do there is
/// decided by the forge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody; what they may see is the forge's to say.
    Anyone,
    /// Somebody who is known.
    Known,
    /// An administrator of the site.
    Admin,
    /// One of Plue's own programs, by a sealed text that the door verifies.
    Sealed,
}

/// How an error looks. All are rendered from one problem by [`crate::refusal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// `application/problem+json` with an `error` member.
    Plue,
    /// A small page.
    Page,
    /// Text that git prints.
    Git,
    /// `{"message": …}` in the media type of LFS.
    Lfs,
    /// `{"message": …}`.
    Message,
    /// `{"error", "message", "statusCode"}`.
    Happy,
    /// `{"error", "error_description"}`.
    OAuth,
    /// `{"errors": [{"code", "message"}]}`.
    Oci,
    /// tRPC's envelope.
    Trpc,
    /// `{"code", "message"}`, as Better-Auth's client reads them.
    BetterAuth,
    /// Plain text.
    Text,
}

/// How a route tells honest requests with cookies from forged ones. Nobody else is asked: a
/// token in a header cannot be sent by a foreign page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Csrf {
    /// No cookie counts, or nothing changes.
    Never,
    /// Our token in `x-csrf-token`, and no foreign origin.
    Token,
    /// A page of ours by `Origin` or `Sec-Fetch-Site`; asked of everybody, since signing in
    /// under a stranger's name is a forgery too.
    Origin,
    /// The same, and a JSON body, which no form can send.
    OriginJson,
    /// A form of ours: by `Origin` or `Sec-Fetch-Site`, and our token in a field of it. The gateway
    /// reads no bodies, so that the door compares the token with the session, before anything else.
    Form,
    /// A socket with cookies: `Origin` must be ours, although the method only reads.
    Socket,
}

/// What may be kept of an answer. Whatever the door says, an answer to somebody known is never
/// for shared caches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cache {
    /// Nothing.
    NoStore,
    /// It may be kept and must be asked for again each time.
    Revalidate,
    /// It is read from a repository as it stands: the edge keeps it for as long as nothing is
    /// pushed. It must be made from the repository's row and content alone, and on a page its
    /// answer may depend on who calls, and on nothing else of the request than its URL.
    Ref,
    /// The same, and it names an object by its id: the edge keeps it over pushes.
    Object,
    /// Its name changes with its content, and it is public whatever happens: for good. Not for
    /// what is read from a repository: an object never changes, but who may read it does, and a
    /// cache beyond our reach would go on showing what has become private.
    Fingerprinted,
    /// What the door says.
    Door,
}

/// What body a route reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// At most so many bytes.
    UpTo(u64),
    /// A stream of exactly this media type, limited by what reads it.
    Stream(&'static str),
    /// A stream of any media type, limited by what reads it.
    AnyStream,
}

impl Body {
    /// The largest body, in bytes; none where the reader of the stream limits it.
    pub const fn limit_bytes(self) -> Option<u64> {
        match self {
            Self::UpTo(bytes) => Some(bytes),
            Self::Stream(_) | Self::AnyStream => None,
        }
    }
}

/// Whether a route is there yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It has a handler.
    Built,
    /// It is promised.
    Owed,
}

const MEBIBYTE: u64 = 1 << 20;

impl Route {
    /// The start of a route, with what a route of its class usually has.
    const fn of(class: Class, dialect: Dialect) -> Self {
        let (csrf, preset, body) = match class {
            Class::Api | Class::Wit => (Csrf::Token, Some(Preset::Api), 10 * MEBIBYTE),
            Class::Login => (Csrf::OriginJson, Some(Preset::Login), 64 * 1024),
            Class::Page => (Csrf::Origin, Some(Preset::Relaxed), MEBIBYTE),
            Class::Asset | Class::Health => (Csrf::Never, None, 0),
            Class::GitRead | Class::GitWrite | Class::Lfs => (Csrf::Never, Some(Preset::Git), 10 * MEBIBYTE),
            Class::V1 => (Csrf::Never, Some(Preset::V1), 10 * MEBIBYTE),
            Class::Trpc => (Csrf::OriginJson, Some(Preset::Standard), 10 * MEBIBYTE),
            Class::Npm | Class::Oci => (Csrf::Never, Some(Preset::Relaxed), 100 * MEBIBYTE),
            Class::OAuth => (Csrf::Origin, Some(Preset::Auth), MEBIBYTE),
            Class::Happy => (Csrf::Never, Some(Preset::Relaxed), 100 * MEBIBYTE),
            Class::Cockpit => (Csrf::OriginJson, Some(Preset::Standard), 10 * MEBIBYTE),
            Class::Socket => (Csrf::Socket, Some(Preset::Relaxed), MEBIBYTE),
            Class::Hook => (Csrf::Never, Some(Preset::Webhook), 25 * MEBIBYTE),
            Class::Runner => (Csrf::Never, Some(Preset::Relaxed), 10 * MEBIBYTE),
            Class::Internal => (Csrf::Never, None, MEBIBYTE),
        };
        Self {
            name: "",
            method: Verb::Get,
            path: "",
            class,
            access: Access::Anyone,
            dialect,
            csrf,
            preset,
            cache: Cache::NoStore,
            body: Body::UpTo(body),
            state: State::Owed,
        }
    }

    const fn at(mut self, method: Verb, path: &'static str, name: &'static str) -> Self {
        self.method = method;
        self.path = path;
        self.name = name;
        self
    }

    const fn built(mut self) -> Self {
        self.state = State::Built;
        self
    }

    const fn known(mut self) -> Self {
        self.access = Access::Known;
        self
    }

    const fn anyone(mut self) -> Self {
        self.access = Access::Anyone;
        self
    }

    const fn access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    const fn csrf(mut self, csrf: Csrf) -> Self {
        self.csrf = csrf;
        self
    }

    const fn preset(mut self, preset: Preset) -> Self {
        self.preset = Some(preset);
        self
    }

    const fn cache(mut self, cache: Cache) -> Self {
        self.cache = cache;
        self
    }

    const fn body(mut self, body: Body) -> Self {
        self.body = body;
        self
    }
}

/// Lists routes: groups of `base { METHOD "path" .change() …; }`.
macro_rules! routes {
    ($(#[$doc:meta])* $name:ident: $(
        $base:ident $(. $all:ident ( $($arg:expr),* ))* {
            $($method:ident $path:literal $(. $one:ident ( $($value:expr),* ))*;)*
        }
    )*) => {
        $(#[$doc])*
        pub(super) const $name: &[&[$crate::routes::Route]] = &[$({
            const GROUP: $crate::routes::Route = $base $(. $all ($($arg),*))*;
            &[$(
                GROUP
                    .at($crate::routes::Verb::$method, $path, routes!(@name $method $path))
                    $(. $one ($($value),*))*,
            )*]
        }),*];
    };
    (@name Get $path:literal) => { concat!("GET ", $path) };
    (@name Post $path:literal) => { concat!("POST ", $path) };
    (@name Put $path:literal) => { concat!("PUT ", $path) };
    (@name Patch $path:literal) => { concat!("PATCH ", $path) };
    (@name Delete $path:literal) => { concat!("DELETE ", $path) };
}
use routes;

/// The dialect of an address that no route has, by its first segments.
pub fn dialect_of(path: &str) -> Dialect {
    let mut segments = path.split('/').skip(1);
    let first = segments.next().unwrap_or_default();
    let second = segments.next().unwrap_or_default();
    match (first, second) {
        ("api", "v1") => Dialect::Message,
        ("api", _) | ("internal" | "do" | "hooks" | "pty", _) => Dialect::Plue,
        ("v2", "sessions") | ("v1" | "v3", _) => Dialect::Happy,
        ("v2", _) => Dialect::Oci,
        ("trpc", _) => Dialect::Trpc,
        ("oauth", _) => Dialect::OAuth,
        ("ws", _) => Dialect::Text,
        _ => match segments.next() {
            Some("info" | "git-upload-pack" | "git-receive-pack") => Dialect::Git,
            _ => Dialect::Page,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plue_contract::names::RESERVED;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_routes_share_a_name() {
        let mut names = BTreeSet::new();
        for route in all() {
            assert!(names.insert(route.name), "{} is listed twice", route.name);
            assert_eq!(route.name, format!("{} {}", route.method.as_str(), route.path));
        }
        assert!(names.len() > 400, "only {} routes", names.len());
    }

    #[test]
    fn every_first_word_is_reserved() {
        for route in all() {
            let mut segments = route.path.split('/').skip(1);
            let first = segments.next().unwrap_or_default();
            let mut words = vec![first];
            if first == "api" {
                words.push(segments.next().unwrap_or_default());
            }
            for word in words {
                let is_name = !word.is_empty()
                    && !word.starts_with('{')
                    && word.parse::<plue_contract::AccountName>().is_ok();
                assert!(
                    !is_name || RESERVED.contains(&word),
                    "{word} of {} is not reserved",
                    route.name
                );
            }
        }
    }

    #[test]
    fn every_write_with_cookies_is_guarded() {
        for route in all() {
            if route.class.reads_cookies() && !route.method.is_safe() {
                assert_ne!(route.csrf, Csrf::Never, "{}", route.name);
            }
            if route.class == Class::Socket {
                assert_eq!(route.csrf, Csrf::Socket, "{}", route.name);
            }
        }
    }

    #[test]
    fn nothing_private_is_cached_for_good() {
        for route in all() {
            if route.cache == Cache::Fingerprinted {
                assert_eq!(route.class, Class::Asset, "{}", route.name);
            }
            if route.access != Access::Anyone {
                assert!(
                    matches!(route.cache, Cache::NoStore | Cache::Revalidate),
                    "{}",
                    route.name
                );
            }
        }
    }
}
