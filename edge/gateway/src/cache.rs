//! What the edge keeps of answers that are the same for everybody, under which key, and for whom
//! it takes them out again.
//!
//! A key holds the repository's number, its access epoch, and, where the address names a ref or
//! nothing, its generation: a push, a change of visibility, a deletion and a new repository of the
//! old name all lead to other keys, and nothing has to be removed. An answer is kept only where
//! the coordinator says from which state it was made ([`headers::MADE_FROM`]), under the key of
//! that state. What can be kept is made without cookies and without anything else that could vary
//! it; conditional requests are answered from what is kept.

use crate::routes::{Cache, Class, Matched, Verb};
use http::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING,
    CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, ETAG, IF_MATCH,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, LAST_MODIFIED, LINK, RANGE, SET_COOKIE,
    VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, request, response};
use plue_contract::edge::Stamp;
use plue_contract::{RepoPath, Who, headers};

/// When something was put into the cache, in milliseconds since 1970.
const KEPT_AT: HeaderName = HeaderName::from_static("plue-kept-at");
/// The largest answer that is kept, in bytes.
pub const MAX_KEPT_BYTES: u64 = 4 << 20;
/// The longest path and query whose answer is kept.
const MAX_TARGET_BYTES: usize = 2_048;
/// For how long a page is not asked for again, although nothing has changed, in milliseconds: it
/// says how long ago things were.
const PAGE_FRESH_MS: u64 = 10 * 60 * 1_000;
/// For how long the platform's cache keeps what nobody asks for, in seconds.
const KEPT_S: u64 = 24 * 60 * 60;

/// Below this, compression costs more than it saves, in bytes.
const WORTH_PACKING: u64 = 1_024;

/// What is left of an answer when it is kept. Everything else is one request's.
const KEPT: [HeaderName; 7] = [
    CONTENT_TYPE,
    CONTENT_LANGUAGE,
    CONTENT_DISPOSITION,
    CONTENT_SECURITY_POLICY,
    ETAG,
    LAST_MODIFIED,
    LINK,
];
/// What could vary an answer, or is about a copy that only one client has.
const VARYING: [HeaderName; 10] = [
    COOKIE,
    ACCEPT,
    ACCEPT_ENCODING,
    ACCEPT_LANGUAGE,
    IF_MATCH,
    IF_NONE_MATCH,
    IF_MODIFIED_SINCE,
    IF_UNMODIFIED_SINCE,
    IF_RANGE,
    RANGE,
];

/// How an answer came about, for people who look at headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was kept, and is current.
    Hit,
    /// It was made just now, and kept.
    Miss,
    /// It was kept, and may be out of date: the coordinator cannot be asked.
    Stale {
        /// When it was last known to be current, in milliseconds since 1970.
        current_ms: u64,
    },
    /// The cache had no say.
    Bypass,
}

impl Outcome {
    /// The value of `X-Cache`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "HIT",
            Self::Miss => "MISS",
            Self::Stale { .. } => "STALE",
            Self::Bypass => "BYPASS",
        }
    }
}

/// A request whose answer may be shared with others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared {
    /// Whose state decides; none of what is the same for good.
    pub repository: Option<RepoPath>,
    /// Whether this caller reads what is kept, and what is made for this caller is kept. Where
    /// not, because the answer could differ, it is at least shown while the coordinator is away.
    pub serves: bool,
    by_generation: bool,
    is_page: bool,
    is_head: bool,
    takes_gzip: bool,
    target: String,
    held: Vec<String>,
}

impl Shared {
    /// What may be shared of the answer to a request; none where nothing may.
    pub(crate) fn of(parts: &request::Parts, matched: &Matched, who: &Who) -> Option<Self> {
        let route = matched.route;
        if route.method != Verb::Get {
            return None;
        }
        let repository = match route.cache {
            Cache::Ref | Cache::Object => {
                let text = |name| matched.params.get(name).unwrap_or_default();
                Some(RepoPath::from_segments(text("owner"), text("repo")).ok()?)
            }
            Cache::Fingerprinted => None,
            Cache::NoStore | Cache::Revalidate | Cache::Door => return None,
        };
        let target = parts.uri.path_and_query()?.as_str();
        let held = parts.headers.get_all(IF_NONE_MATCH).iter();
        (target.len() <= MAX_TARGET_BYTES).then(|| Self {
            repository,
            serves: *who == Who::Anonymous || route.class != Class::Page,
            by_generation: route.cache == Cache::Ref,
            is_page: route.class == Class::Page,
            is_head: parts.method == Method::HEAD,
            takes_gzip: takes_gzip(&parts.headers),
            target: target.to_owned(),
            held: held
                .filter_map(|value| value.to_str().ok())
                .map(str::to_owned)
                .collect(),
        })
    }

    /// Takes from a request what could vary its answer.
    pub(crate) fn level(headers: &mut HeaderMap) {
        for name in VARYING {
            headers.remove(name);
        }
    }

    /// Under which URL the answer is kept that is made from this state. The host does not exist,
    /// so that no answer of anybody else is ever found under it.
    pub fn key(&self, stamp: &Stamp) -> String {
        let Stamp {
            repository,
            restore_epoch,
            access_epoch,
            generation,
            edition,
        } = stamp;
        let generation = if self.by_generation { *generation } else { 0 };
        format!(
            "https://kept.invalid/{repository}/{restore_epoch}.{access_epoch}.{generation}.{edition:x}{}",
            self.target
        )
    }

    /// Under which URL the key of the latest answer is kept, whatever the generation: what is
    /// shown while the coordinator is away, as long as nobody has hidden the repository.
    pub fn latest_key(&self, stamp: &Stamp) -> String {
        let Stamp {
            repository,
            restore_epoch,
            access_epoch,
            ..
        } = stamp;
        format!(
            "https://latest.invalid/{repository}/{restore_epoch}.{access_epoch}{}",
            self.target
        )
    }

    /// Under which URL something is kept that never changes.
    pub fn lasting_key(&self) -> String {
        format!("https://lasting.invalid{}", self.target)
    }

    /// What is kept of an answer, if anything is: its head, for the cache.
    pub fn keep(&self, answer: &response::Parts, now_ms: u64) -> Option<response::Parts> {
        let from = &answer.headers;
        let length = from.get(CONTENT_LENGTH)?.to_str().ok()?.parse::<u64>().ok()?;
        let public = from.contains_key(headers::MADE_FROM) || self.repository.is_none();
        if !self.serves
            || self.is_head
            || !public
            || answer.status != StatusCode::OK
            || length > MAX_KEPT_BYTES
        {
            return None;
        }
        let (mut kept, ()) = http::Response::new(()).into_parts();
        for name in KEPT {
            for value in from.get_all(&name) {
                kept.headers.append(&name, value.clone());
            }
        }
        kept.headers.insert(KEPT_AT, HeaderValue::from(now_ms));
        let keeping = HeaderValue::from_str(&format!("public, max-age={KEPT_S}")).ok()?;
        kept.headers.insert(CACHE_CONTROL, keeping);
        Some(kept)
    }

    /// When something that was kept was put there, in milliseconds since 1970.
    pub fn kept_ms(kept: &HeaderMap) -> Option<u64> {
        kept.get(KEPT_AT)?.to_str().ok()?.parse().ok()
    }

    /// Whether what was kept still serves, its key being the current one.
    pub fn is_fresh(&self, kept: &HeaderMap, now_ms: u64) -> bool {
        !self.is_page
            || Self::kept_ms(kept).is_some_and(|kept_ms| now_ms < kept_ms.saturating_add(PAGE_FRESH_MS))
    }

    /// Whether the client has the very same already.
    pub fn holds(&self, answer: &response::Parts) -> bool {
        let tag = answer.headers.get(ETAG).and_then(|tag| tag.to_str().ok());
        let tag = tag.filter(|_| answer.status == StatusCode::OK);
        tag.is_some_and(|tag| self.held.iter().any(|held| names(held, tag)))
    }

    /// Makes the head of an answer out of what was kept; whether a body belongs to it.
    pub fn serve(&self, kept: &mut response::Parts, outcome: Outcome) -> bool {
        let holds = self.holds(kept);
        // With room for what every answer bears.
        let mut of_kept = HeaderMap::with_capacity(24);
        std::mem::swap(&mut of_kept, &mut kept.headers);
        for name in KEPT {
            for value in of_kept.get_all(&name) {
                kept.headers.append(&name, value.clone());
            }
        }
        kept.status = StatusCode::OK;
        let noted = self.is_noted(outcome);
        if noted {
            // With the note in it, it is another text.
            kept.headers.remove(ETAG);
        } else if holds {
            kept.status = StatusCode::NOT_MODIFIED;
            for name in [CONTENT_TYPE, CONTENT_LANGUAGE, CONTENT_DISPOSITION] {
                kept.headers.remove(name);
            }
        }
        self.pack(kept);
        !self.is_head && kept.status == StatusCode::OK
    }

    /// Has the runtime compress a text on its way to a client that takes gzip: it does so where an
    /// answer whose body is plain says that it is packed.
    pub fn pack(&self, answer: &mut response::Parts) {
        let kind = answer
            .headers
            .get(CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok());
        let is_text = kind.is_some_and(|kind| {
            ["text/", "application/json", "image/svg"]
                .iter()
                .any(|text| kind.starts_with(text))
        });
        let length = answer
            .headers
            .get(CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse().ok());
        let is_long = length.is_none_or(|length: u64| length >= WORTH_PACKING);
        if answer.status != StatusCode::OK || !is_text || answer.headers.contains_key(CONTENT_ENCODING) {
            return;
        }
        answer
            .headers
            .append(VARY, HeaderValue::from_static("Accept-Encoding"));
        if !self.takes_gzip || !is_long || self.is_head {
            return;
        }
        answer.headers.remove(CONTENT_LENGTH);
        answer
            .headers
            .insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        // The same in other bytes.
        let tag = answer.headers.get(ETAG).and_then(|tag| tag.to_str().ok());
        if let Some(tag) = tag.filter(|tag| !tag.starts_with("W/"))
            && let Ok(weak) = HeaderValue::from_str(&format!("W/{tag}"))
        {
            answer.headers.insert(ETAG, weak);
        }
    }

    /// Whether the answer is a page into which [`note`] belongs.
    pub fn is_noted(&self, outcome: Outcome) -> bool {
        self.is_page && matches!(outcome, Outcome::Stale { .. })
    }
}

/// From which state an answer was made, where the coordinator says so. All our own headers are
/// taken off the answer.
pub fn made_from(answer: &mut HeaderMap) -> Option<Stamp> {
    let stamp = answer.get(headers::MADE_FROM)?.to_str().ok()?.parse().ok();
    let sets_cookie = answer.contains_key(SET_COOKIE);
    stamp.filter(|_| !sets_cookie)
}

/// Takes off an answer what only our own programs read.
pub fn strip_answer(answer: &mut HeaderMap) {
    let ours: Vec<HeaderName> = answer
        .keys()
        .filter(|name| name.as_str().starts_with(headers::PREFIX))
        .cloned()
        .collect();
    for name in ours {
        answer.remove(name);
    }
}

/// Whether a client takes answers in gzip.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let codings = headers.get_all(ACCEPT_ENCODING).iter();
    let mut codings = codings
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    codings.any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let is_gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let refused = parts.any(|part| {
            part.strip_prefix("q=")
                .is_some_and(|q| q.trim_matches(['0', '.']).is_empty())
        });
        is_gzip && !refused
    })
}

/// Whether `If-None-Match` names the tag (RFC 9110, 13.1.2: by weak comparison).
fn names(held: &str, tag: &str) -> bool {
    let strong = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    held.split(',')
        .any(|held| held.trim() == "*" || strong(held) == strong(tag))
}

/// A page with a note that it may be out of date, above everything else that it shows.
pub fn note(page: &str, current_ms: u64) -> String {
    let (text, exact) = moment(current_ms);
    let note = format!(
        "\n<p class=\"stale\" role=\"status\">This page may be out of date: the forge cannot be reached at the \
         moment. It shows what was here on <time datetime=\"{exact}\">{text}</time>.</p>"
    );
    let start = page
        .find("<body")
        .and_then(|at| page[at..].find('>').map(|end| at + end + 1));
    let (before, after) = page.split_at(start.unwrap_or(0));
    format!("{before}{note}{after}")
}

/// A moment as programs read it, in UTC.
pub fn timestamp(ms: u64) -> String {
    moment(ms).1
}

/// A moment for people and for programs, in UTC.
fn moment(ms: u64) -> (String, String) {
    // Civil from days, by the usual arithmetic of the proleptic Gregorian calendar.
    let (days, second) = (ms / 86_400_000, ms / 1_000 % 86_400);
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 {
        month_index + 3
    } else {
        month_index - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    (
        format!("{year:04}-{month:02}-{day:02} at {hour:02}:{minute:02} UTC"),
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::{self, Router};
    use plue_contract::RepoId;

    const STAMP: Stamp = Stamp {
        repository: RepoId(7),
        restore_epoch: 0,
        access_epoch: 2,
        generation: 40,
        edition: 0xfe,
    };

    fn shared(target: &str, pairs: &[(&'static str, &str)], who: &Who) -> Option<Shared> {
        let mut builder = http::Request::builder().uri(target);
        for (name, value) in pairs {
            builder = builder.header(*name, *value);
        }
        let (parts, ()) = builder.body(()).expect("a request").into_parts();
        let segments = crate::validation::segments(parts.uri.path()).ok()?;
        let router = Router::new(routes::all());
        let routes::Outcome::Found(matched) = router.find(Some(Verb::Get), &segments) else {
            panic!("{target} has no route");
        };
        Shared::of(&parts, &matched, who)
    }

    fn answer(pairs: &[(&'static str, &str)]) -> response::Parts {
        let mut builder = http::Response::builder();
        for (name, value) in pairs {
            builder = builder.header(*name, *value);
        }
        builder.body(()).expect("an answer").into_parts().0
    }

    #[test]
    fn what_changes_the_answer_changes_the_key() {
        let by_ref = shared("/api/Ada/engine/refs/main?x=1", &[], &Who::Anonymous).expect("it is shared");
        assert_eq!(
            by_ref.key(&STAMP),
            "https://kept.invalid/7/0.2.40.fe/api/Ada/engine/refs/main?x=1"
        );
        let oid = "0f".repeat(20);
        let by_object =
            shared(&format!("/api/ada/engine/tree/{oid}"), &[], &Who::Anonymous).expect("it is shared");
        let later = Stamp {
            generation: 41,
            ..STAMP
        };
        assert_ne!(by_ref.key(&STAMP), by_ref.key(&later));
        assert_eq!(
            by_object.key(&STAMP),
            by_object.key(&later),
            "an object never changes"
        );
        for other in [
            Stamp {
                repository: RepoId(8),
                ..STAMP
            },
            Stamp {
                restore_epoch: 1,
                ..STAMP
            },
            Stamp {
                access_epoch: 3,
                ..STAMP
            },
        ] {
            assert_ne!(by_object.key(&STAMP), by_object.key(&other));
            assert_ne!(by_object.latest_key(&STAMP), by_object.latest_key(&other));
        }
        assert_eq!(by_ref.latest_key(&STAMP), by_ref.latest_key(&later));
    }

    #[test]
    fn only_what_the_coordinator_marked_is_kept_and_nothing_of_one_client() {
        let shared = shared("/api/ada/engine/commits", &[], &Who::Anonymous).expect("it is shared");
        let mark = STAMP.to_string();
        let good = [
            ("plue-made-from", mark.as_str()),
            ("content-length", "12"),
            ("etag", "\"a\""),
            ("x-request-id", "one"),
            ("cache-control", "public, no-cache"),
        ];
        let kept = shared.keep(&answer(&good), 1_000).expect("it is kept");
        let names: Vec<_> = kept.headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["etag", "plue-kept-at", "cache-control"]);
        for without in ["plue-made-from", "content-length"] {
            let less: Vec<_> = good.into_iter().filter(|(name, _)| *name != without).collect();
            assert!(shared.keep(&answer(&less), 1_000).is_none(), "{without}");
        }
        let large = [("plue-made-from", mark.as_str()), ("content-length", "4194305")];
        assert!(shared.keep(&answer(&large), 1_000).is_none());
        let mut cookie = answer(&[("plue-made-from", &mark), ("set-cookie", "a=b")]).headers;
        assert_eq!(made_from(&mut cookie), None);
    }

    #[test]
    fn whoever_holds_it_is_told_so() {
        let target = "/api/ada/engine/commits";
        let shared =
            |held: &str| shared(target, &[("if-none-match", held)], &Who::Anonymous).expect("it is shared");
        let serve = |held: &str| {
            let mut kept = answer(&[
                ("etag", "\"a\""),
                ("content-type", "application/json"),
                ("plue-kept-at", "5"),
            ]);
            let body = shared(held).serve(&mut kept, Outcome::Hit);
            (kept.status.as_u16(), body, kept.headers.len())
        };
        assert_eq!(serve("\"b\", W/\"a\""), (304, false, 1));
        assert_eq!(serve("\"b\""), (200, true, 3));
    }

    #[test]
    fn a_text_is_packed_for_whoever_takes_that() {
        let pack = |accepts: &str, kind: &str| {
            let target = "/api/ada/engine/commits";
            let shared =
                shared(target, &[("accept-encoding", accepts)], &Who::Anonymous).expect("it is shared");
            let mut answer = answer(&[("content-type", kind), ("etag", "\"a\"")]);
            shared.pack(&mut answer);
            let text = |name| {
                answer
                    .headers
                    .get(name)
                    .map(|value: &HeaderValue| value.to_str().expect("text").to_owned())
            };
            (text(CONTENT_ENCODING), text(ETAG), text(VARY))
        };
        let told = |texts: [Option<&str>; 3]| {
            let [a, b, c] = texts.map(|text| text.map(str::to_owned));
            (a, b, c)
        };
        let varies = Some("Accept-Encoding");
        assert_eq!(
            pack("br, gzip;q=0.5", "application/json"),
            told([Some("gzip"), Some("W/\"a\""), varies])
        );
        for refused in ["gzip;q=0", "br", "gzip; q=0.000"] {
            assert_eq!(
                pack(refused, "text/html"),
                told([None, Some("\"a\""), varies]),
                "{refused}"
            );
        }
        assert_eq!(pack("gzip", "image/png"), told([None, Some("\"a\""), None]));
    }

    #[test]
    fn the_note_stands_at_the_top_of_the_page() {
        let page = note("<html><body class=\"a\"><main>x</main>", 1_732_500_000_000);
        assert!(
            page.starts_with("<html><body class=\"a\">\n<p class=\"stale\""),
            "{page}"
        );
        assert!(
            page.contains("datetime=\"2024-11-25T02:00:00Z\">2024-11-25 at 02:00 UTC<"),
            "{page}"
        );
        assert!(page.ends_with("</p><main>x</main>"), "{page}");
        assert_eq!(moment(951_782_400_000).1, "2000-02-29T00:00:00Z");
        assert_eq!(moment(0).1, "1970-01-01T00:00:00Z");
    }
}
