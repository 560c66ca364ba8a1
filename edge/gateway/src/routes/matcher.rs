//! Finds the route of a path.
//!
//! A path is matched segment by segment, each percent-decoded by itself: words first, then
//! prefixed words, then digits, then single values, then the rest. `%2F` is a part of the value
//! where the pattern allows it and matches nothing elsewhere.

use super::{Route, Verb};
use plue_contract::names::RESERVED;

/// The account that the first start makes. Its name is one of the reserved words, and its
/// repositories have addresses all the same.
const FIRST_ACCOUNT: &str = "admin";

/// A route that was found, with the values that its path holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matched {
    /// The route.
    pub route: &'static Route,
    /// The values, percent-decoded.
    pub params: Params,
}

/// The values in a path, by the names that the pattern gives them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params {
    pairs: Vec<(&'static str, String)>,
}

impl Params {
    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// All of them, in the order of the path.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.pairs.iter().map(|(name, value)| (*name, value.as_str()))
    }
}

/// What became of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The route.
    Found(Matched),
    /// The path is there, with these methods only.
    OtherMethods(Vec<Verb>, &'static Route),
    /// No such path.
    Nothing,
}

/// What a segment of a pattern accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Digits,
    Scope,
    Owner,
    Value,
    Slash,
    Rest,
}

impl Kind {
    fn parse(parameter: &'static str) -> (Self, &'static str) {
        match parameter.split_once(':') {
            Some((name, "digits")) => (Self::Digits, name),
            Some((name, "scope")) => (Self::Scope, name),
            Some((name, "slash")) => (Self::Slash, name),
            Some((name, "rest")) => (Self::Rest, name),
            None if parameter == "owner" => (Self::Owner, parameter),
            other => {
                debug_assert!(other.is_none(), "unknown kind of parameter: {parameter}");
                (Self::Value, parameter)
            }
        }
    }

    fn accepts(self, segment: &str) -> bool {
        match self {
            Self::Digits => {
                !segment.is_empty() && segment.len() <= 19 && segment.bytes().all(|b| b.is_ascii_digit())
            }
            Self::Scope => segment.len() > 1 && segment.starts_with('@') && !segment.contains('/'),
            Self::Owner => {
                Self::Value.accepts(segment)
                    && (segment.eq_ignore_ascii_case(FIRST_ACCOUNT)
                        || !RESERVED.iter().any(|word| word.eq_ignore_ascii_case(segment)))
            }
            Self::Value => !segment.is_empty() && !segment.contains('/'),
            Self::Slash | Self::Rest => !segment.is_empty(),
        }
    }
}

#[derive(Debug, Default)]
struct Node {
    words: Vec<(&'static str, Node)>,
    /// A word and then a value, as in `org.couchdb.user:{name}`.
    prefixed: Vec<(&'static str, Node)>,
    /// In the order in which they are tried.
    values: Vec<(Kind, Node)>,
    /// Routes that end here.
    routes: Vec<&'static Route>,
}

impl Node {
    fn child<'a>(children: &'a mut Vec<(&'static str, Self)>, word: &'static str) -> &'a mut Self {
        let at = children
            .iter()
            .position(|(key, _)| *key == word)
            .unwrap_or_else(|| {
                children.push((word, Self::default()));
                children.len() - 1
            });
        &mut children[at].1
    }

    fn value(&mut self, kind: Kind) -> &mut Self {
        let at = self
            .values
            .iter()
            .position(|(key, _)| *key == kind)
            .unwrap_or_else(|| {
                self.values.push((kind, Self::default()));
                self.values.sort_by_key(|(kind, _)| *kind as u8);
                self.values
                    .iter()
                    .position(|(key, _)| *key == kind)
                    .unwrap_or_default()
            });
        &mut self.values[at].1
    }
}

/// The table, ready to be searched.
#[derive(Debug)]
pub struct Router {
    root: Node,
}

/// What a search has gathered so far.
struct Search<'a> {
    segments: &'a [String],
    verb: Option<Verb>,
    values: Vec<String>,
    others: Vec<&'static Route>,
}

impl Router {
    /// Makes the search tree of some routes.
    pub fn new(routes: impl IntoIterator<Item = &'static Route>) -> Self {
        let mut root = Node::default();
        for route in routes {
            let mut node = &mut root;
            for segment in route.path.split('/').skip(1) {
                node = match segment.split_once('{') {
                    None => Node::child(&mut node.words, segment),
                    Some(("", parameter)) => node.value(Kind::parse(parameter.trim_end_matches('}')).0),
                    Some((prefix, _)) => Node::child(&mut node.prefixed, prefix),
                };
            }
            node.routes.push(route);
        }
        Self { root }
    }

    /// Finds the route of a method and of a path's decoded segments (see
    /// [`crate::validation::segments`]).
    pub fn find(&self, verb: Option<Verb>, segments: &[String]) -> Outcome {
        let mut search = Search {
            segments,
            verb,
            values: Vec::new(),
            others: Vec::new(),
        };
        if let Some(route) = search.walk(&self.root, 0) {
            let names = route
                .path
                .split('/')
                .filter_map(|segment| segment.split_once('{'))
                .map(|(_, parameter)| Kind::parse(parameter.trim_end_matches('}')).1);
            return Outcome::Found(Matched {
                route,
                params: Params {
                    pairs: names.zip(search.values).collect(),
                },
            });
        }
        match search.others.first() {
            None => Outcome::Nothing,
            Some(first) => {
                let mut verbs: Vec<_> = search.others.iter().map(|route| route.method).collect();
                verbs.sort_unstable();
                verbs.dedup();
                Outcome::OtherMethods(verbs, first)
            }
        }
    }
}

impl Search<'_> {
    fn walk(&mut self, node: &Node, at: usize) -> Option<&'static Route> {
        let Some(segment) = self.segments.get(at) else {
            let found = node.routes.iter().find(|route| Some(route.method) == self.verb);
            if found.is_none() {
                self.others.extend(&node.routes);
            }
            return found.copied();
        };
        for (word, child) in &node.words {
            if word == segment
                && let Some(route) = self.walk(child, at + 1)
            {
                return Some(route);
            }
        }
        for (prefix, child) in &node.prefixed {
            if let Some(value) = segment.strip_prefix(prefix)
                && Kind::Value.accepts(value)
                && let Some(route) = self.walk_with(child, at + 1, value.to_owned())
            {
                return Some(route);
            }
        }
        for (kind, child) in &node.values {
            if *kind == Kind::Rest {
                let rest = &self.segments[at..];
                if rest.iter().all(|segment| kind.accepts(segment))
                    && let Some(route) = self.walk_with(child, self.segments.len(), rest.join("/"))
                {
                    return Some(route);
                }
            } else if kind.accepts(segment)
                && let Some(route) = self.walk_with(child, at + 1, segment.clone())
            {
                return Some(route);
            }
        }
        None
    }

    fn walk_with(&mut self, node: &Node, at: usize, value: String) -> Option<&'static Route> {
        let depth = self.values.len();
        self.values.push(value);
        let found = self.walk(node, at);
        if found.is_none() {
            self.values.truncate(depth);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::all;
    use crate::validation::segments;

    fn find(method: Verb, path: &str) -> String {
        let router = Router::new(all());
        let segments = segments(path).expect("a good path");
        match router.find(Some(method), &segments) {
            Outcome::Found(matched) => {
                let values: Vec<_> = matched
                    .params
                    .iter()
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect();
                format!("{} [{}]", matched.route.name, values.join(" "))
            }
            Outcome::OtherMethods(verbs, _) => format!("other methods: {verbs:?}"),
            Outcome::Nothing => "nothing".to_owned(),
        }
    }

    #[test]
    fn every_route_is_found_by_an_address_of_its_own() {
        let router = Router::new(all());
        for route in all() {
            let path = route
                .path
                .split('/')
                .map(|segment| match segment.split_once('{') {
                    None => segment.to_owned(),
                    Some((prefix, parameter)) => {
                        let value = match Kind::parse(parameter.trim_end_matches('}')).0 {
                            Kind::Digits => "17",
                            Kind::Scope => "@scope",
                            Kind::Slash => "x%2Fy",
                            Kind::Rest => "x/y.z",
                            Kind::Owner => "ada",
                            Kind::Value => "some-value",
                        };
                        format!("{prefix}{value}")
                    }
                })
                .collect::<Vec<_>>()
                .join("/");
            let segments = segments(&path).expect("a good path");
            match router.find(Some(route.method), &segments) {
                Outcome::Found(matched) => assert_eq!(matched.route.name, route.name, "{path}"),
                other => panic!("{} is not found at {path}: {other:?}", route.name),
            }
        }
    }

    #[test]
    fn words_win_over_values_and_digits_over_words() {
        use Verb::{Get, Patch, Post};
        for (method, path, expected) in [
            (Get, "/api/auth/me", "GET /api/auth/me []"),
            (Get, "/api/git/diff", "GET /api/git/diff []"),
            (
                Get,
                "/api/ada/engine",
                "GET /api/{owner}/{repo} [owner=ada repo=engine]",
            ),
            (Get, "/api/repos/search", "GET /api/repos/search []"),
            (
                Get,
                "/api/repos/ada/engine/issues/board",
                "GET /api/repos/{owner}/{repo}/issues/board [owner=ada repo=engine]",
            ),
            (
                Get,
                "/api/repos/ada/engine/issues/12",
                "GET /api/repos/{owner}/{repo}/issues/{number:digits} [owner=ada repo=engine number=12]",
            ),
            (
                Get,
                "/api/ada/engine/issues/counts",
                "GET /api/{owner}/{repo}/issues/counts [owner=ada repo=engine]",
            ),
            (Get, "/api/ada/engine/issues/12x", "nothing"),
            (
                Get,
                "/ada/engine.git/info/refs",
                "GET /{owner}/{repo}/info/refs [owner=ada repo=engine.git]",
            ),
            (
                Post,
                "/admin/engine/git-receive-pack",
                "POST /{owner}/{repo}/git-receive-pack [owner=admin repo=engine]",
            ),
            (
                Get,
                "/api/ada/engine/refs/heads%2Fmain",
                "GET /api/{owner}/{repo}/refs/{ref:slash} [owner=ada repo=engine ref=heads/main]",
            ),
            (
                Get,
                "/api/ada/engine/blob/0f/src/a%20b.rs",
                "GET /api/{owner}/{repo}/blob/{oid}/{path:rest} [owner=ada repo=engine oid=0f path=src/a b.rs]",
            ),
            (Get, "/api/ada%2Fengine/x", "nothing"),
            (Get, "/api/%72epos", "GET /api/repos []"),
            (Get, "/api/session/abc", "GET /api/session/{id} [id=abc]"),
            (Get, "/api/sessions/abc", "GET /api/sessions/{id} [id=abc]"),
            (Get, "/v2/sessions/active", "GET /v2/sessions/active []"),
            (
                Get,
                "/v2/ada/engine/manifests/latest",
                "GET /v2/{path:rest} [path=ada/engine/manifests/latest]",
            ),
            (Get, "/v2/", "GET /v2/ []"),
            (Get, "/api/packages/-/ping", "GET /api/packages/-/ping []"),
            (
                Get,
                "/api/packages/@scope%2fname",
                "GET /api/packages/{package:slash} [package=@scope/name]",
            ),
            (
                Get,
                "/api/packages/@scope/name",
                "GET /api/packages/{scope:scope}/{package} [scope=@scope package=name]",
            ),
            (
                Get,
                "/api/packages/name/1.0.0",
                "GET /api/packages/{package:slash}/{version} [package=name version=1.0.0]",
            ),
            (Patch, "/api/auth/me", "other methods: [Get]"),
            (Get, "/api/v1/unknown", "nothing"),
            (Get, "/API/repos", "nothing"),
            (Get, "/api/ws/engine", "nothing"),
            (Get, "/api/sandbox/pool/stats", "GET /api/sandbox/pool/stats []"),
            (
                Get,
                "/api/sandbox/ws/9f",
                "GET /api/sandbox/ws/{repoId} [repoId=9f]",
            ),
            (Get, "/ws/pty", "GET /ws/pty []"),
            (Get, "/", "GET / []"),
            (Get, "/ada/engine/", "nothing"),
        ] {
            assert_eq!(find(method, path), expected, "{path}");
        }
    }

    #[test]
    fn finding_is_total() {
        let router = Router::new(all());
        for path in ["/a".repeat(256), "/x/y/z".repeat(85), "/".to_owned()] {
            let segments = segments(&path).expect("a good path");
            let _ = router.find(Some(Verb::Get), &segments);
            let _ = router.find(None, &segments);
        }
    }
}
