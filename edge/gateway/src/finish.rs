//! What every answer bears, whoever made it: the request id, security headers, how the limit
//! stands, who may cache it, and whose scripts may read it.

use crate::cache::Outcome;
use crate::config::GatewayConfig;
use crate::cookie;
use crate::cors::{Cors, vary};
use crate::decide::class_name;
use crate::limits::{Decision, Rate};
use crate::routes::{Cache, Class, Dialect, Route};
use http::header::{
    AGE, CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, RETRY_AFTER, SET_COOKIE,
    STRICT_TRANSPORT_SECURITY, WARNING, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, response};
use plue_contract::RepoPath;
use plue_contract::headers;

/// The request's id.
const REQUEST_ID: HeaderName = HeaderName::from_static(headers::REQUEST_ID);
/// How the edge's cache had to do with an answer.
const X_CACHE: HeaderName = HeaderName::from_static("x-cache");

/// For answers that no browser should render.
const CSP_DATA: &str = "default-src 'none'; frame-ancestors 'none'; sandbox";
/// For pages: everything from ourselves, nothing inline, no frames.
const CSP_PAGE: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// What a page's forms may lead to.
const FORMS: &str = "form-action 'self'";
/// One year, for the whole domain.
const HSTS: &str = "max-age=31536000; includeSubDomains; preload";

/// What the gateway remembers of a request until its answer is there.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The route; none where the path has none.
    pub route: Option<&'static Route>,
    /// The request's id.
    pub request_id: String,
    /// How a refusal would look.
    pub dialect: Dialect,
    /// The largest body, in bytes, to be enforced while it is read; none where what reads the
    /// stream has a limit of its own.
    pub body_limit_bytes: Option<u64>,
    /// Whether somebody known calls, so that no shared cache may keep the answer.
    pub(crate) known: bool,
    /// How the bucket stands: its rate, what it said, and when.
    pub(crate) limit: Option<(Rate, Decision, u64)>,
    pub(crate) cors: Cors,
    /// A cookie that is to be set.
    pub(crate) cookie: Option<HeaderValue>,
    /// Where a person with a browser comes back to, should they have to sign in first.
    pub(crate) back: Option<String>,
    /// The repository, where the edge asked and would keep the answer: it is to be told from which
    /// state the answer was made.
    pub marks: Option<RepoPath>,
    /// How the edge's cache had to do with the answer, and when it is; none where it had not.
    pub cached: Option<(Outcome, u64)>,
}

impl Plan {
    /// The class's name in metrics, `none` where the path has no route.
    pub fn class_name(&self) -> &'static str {
        class_name(self.route)
    }
}

/// The policy of a page whose forms may also lead on to this origin, or to a scheme of programs as in
/// `app:`; none where that is no text of one. An answer that bears it keeps it.
pub fn page_policy(forms_to: &str) -> Option<HeaderValue> {
    let is_source = |c: char| c.is_ascii_alphanumeric() || "+-.:/[]".contains(c);
    if !forms_to.chars().all(is_source) {
        return None;
    }
    HeaderValue::from_str(&CSP_PAGE.replace(FORMS, format!("{FORMS} {forms_to}").trim_end())).ok()
}

/// Adds to an answer what every answer bears.
pub(crate) fn finish(config: &GatewayConfig, plan: &Plan, parts: &mut response::Parts) {
    let headers = &mut parts.headers;
    if let Ok(id) = HeaderValue::from_str(&plan.request_id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(
        REFERRER_POLICY,
        HeaderValue::from_static("strict-origin-when-cross-origin"),
    );
    if config.secure {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HSTS));
    }
    let policy = match plan.dialect {
        Dialect::Page => CSP_PAGE,
        _ => CSP_DATA,
    };
    headers
        .entry(CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(policy));
    if let Some((rate, decision, now_ms)) = plan.limit {
        limit(headers, parts.status, rate, decision, now_ms);
    }
    // Of two cookies of one name a browser keeps the later. What a sign-in or a sign-out has just
    // set is newer than what was learned of the session that the request came with.
    if let Some(cookie) = &plan.cookie
        && !cookie::sets_session(headers)
    {
        headers.append(SET_COOKIE, cookie.clone());
    }
    cache(headers, parts.status, plan);
    if let Some((outcome, now_ms)) = plan.cached {
        tell(headers, outcome, now_ms);
    }
    plan.cors.apply(config, headers);
}

fn limit(headers: &mut HeaderMap, status: StatusCode, rate: Rate, decision: Decision, now_ms: u64) {
    let reset_s = decision.reset_ms.div_ceil(1_000);
    let resets_at_s = now_ms.saturating_add(decision.reset_ms).div_ceil(1_000);
    let mut set = |name: &'static str, value: HeaderValue| {
        headers.insert(HeaderName::from_static(name), value);
    };
    for (name, value) in [
        ("ratelimit-limit", u64::from(decision.limit)),
        ("ratelimit-remaining", u64::from(decision.remaining)),
        ("ratelimit-reset", reset_s),
        ("x-ratelimit-limit", u64::from(decision.limit)),
        ("x-ratelimit-remaining", u64::from(decision.remaining)),
        ("x-ratelimit-reset", resets_at_s),
    ] {
        set(name, HeaderValue::from(value));
    }
    let policy = format!("{};w={}", rate.burst, rate.per_ms.div_ceil(1_000));
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        set("ratelimit-policy", policy);
    }
    if status == StatusCode::TOO_MANY_REQUESTS && !decision.allowed {
        let wait_s = decision.retry_after_ms.div_ceil(1_000);
        headers.insert(RETRY_AFTER, HeaderValue::from(wait_s));
    }
}

/// Says how the edge's cache had to do with an answer.
fn tell(headers: &mut HeaderMap, outcome: Outcome, now_ms: u64) {
    headers.insert(X_CACHE, HeaderValue::from_static(outcome.as_str()));
    if let Outcome::Stale { current_ms } = outcome {
        headers.insert(AGE, HeaderValue::from(now_ms.saturating_sub(current_ms) / 1_000));
        headers.insert(WARNING, HeaderValue::from_static("110 - \"Response is Stale\""));
    }
}

fn cache(headers: &mut HeaderMap, status: StatusCode, plan: &Plan) {
    let class = plan.route.map_or(Cache::NoStore, |route| route.cache);
    let keepable = status.is_success() || status == StatusCode::NOT_MODIFIED || status.is_redirection();
    // A cookie is one browser's: a shared cache that kept it would hand it to the next one.
    let sets_cookie = headers.contains_key(SET_COOKIE);
    let says = |word: &str| {
        headers
            .get(CACHE_CONTROL)
            .is_some_and(|value| value.to_str().is_ok_and(|value| value.contains(word)))
    };
    // A door may ask for less than its route allows, never for more.
    let door_says_no = says("no-store") || (says("private") && !sets_cookie);
    let stated = match (class, plan.known || sets_cookie) {
        _ if door_says_no => None,
        _ if !keepable => Some("no-store"),
        (Cache::NoStore, _) => Some("no-store"),
        (Cache::Door, _) if !headers.contains_key(CACHE_CONTROL) => Some("no-store"),
        (_, true) => Some("private, no-cache"),
        (Cache::Door, false) => None,
        (Cache::Revalidate | Cache::Ref | Cache::Object, false) => Some("public, no-cache"),
        (Cache::Fingerprinted, false) => Some("public, max-age=31536000, immutable"),
    };
    if let Some(stated) = stated {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(stated));
    }
    let by_caller = plan.route.is_some_and(|route| {
        route.cache != Cache::NoStore && !matches!(route.class, Class::Asset | Class::Health)
    });
    if by_caller {
        vary(headers, "Authorization");
        vary(headers, "Cookie");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_where_else_its_forms_may_lead() {
        let forms = |to| {
            let policy = page_policy(to)?;
            let text = policy.to_str().expect("text").to_owned();
            let (_, rest) = text.split_once("form-action ").expect("a rule for forms");
            Some(rest.split(';').next().unwrap_or_default().to_owned())
        };
        assert_eq!(forms("").as_deref(), Some("'self'"));
        assert_eq!(
            forms("https://github.example:8443").as_deref(),
            Some("'self' https://github.example:8443")
        );
        assert_eq!(forms("app:").as_deref(), Some("'self' app:"));
        for bad in [
            "https://a.example; script-src *",
            "'unsafe-inline'",
            "*",
            "a b",
            "a\r\nb",
            "a,b",
        ] {
            assert_eq!(forms(bad), None, "{bad}");
        }
    }
}
