//! The pages of this door. Each is thin: who calls → a permit → a verb → what the page shows →
//! `plue_pages` writes it. How a page answers — its entity tag, its compression, what it says
//! after something was done — is decided here, for all of them.

pub mod assets;
pub mod create;
pub mod explore;
pub mod home;
pub mod hooks;
pub mod issues;
pub mod log;
mod named;
pub mod notifications;
pub mod organisation;
pub mod person;
pub mod recover;
pub mod repo;
pub mod repository_settings;
pub mod sent;
pub mod settings;
pub mod sign_in;
pub mod sign_up;
pub mod teams;

use super::cached;
use super::extract::Asked;
use super::failure::Failure;
use super::site::Site;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, LOCATION, VARY};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use plue_contract::{Caller, Code, Via, Who};
use plue_forge::repositories::Repository;
use plue_gateway::csrf;
use plue_pages::forms::Wrong;
use plue_pages::repositories::Entry;
use plue_pages::{Frame, Notice, Viewer};
use sha2::{Digest, Sha256};

/// Below this, compression costs more than it saves, in bytes.
const WORTH_PACKING: usize = 1_024;

/// Somebody who asks for a page: who they are, and what their browser takes.
pub struct Visit {
    /// Who calls.
    pub caller: Caller,
    /// The request's headers.
    pub headers: HeaderMap,
    site: String,
    viewer: Option<Viewer>,
    path: String,
    /// The word that says what has just been done.
    done: Option<String>,
}

impl FromRequestParts<Site> for Visit {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Failure> {
        let Asked(caller) = Asked::from_request_parts(parts, site).await?;
        let viewer = match &caller.who {
            Who::Account { name, via, .. } => Some(Viewer {
                name: name.to_string(),
                csrf: match via {
                    Via::Session(session) => csrf::issue(&site.keys.csrf, session)
                        .ok_or_else(|| Failure::internal("there is no key for CSRF tokens"))?,
                    // Nobody is asked for a token who shows theirs by themselves.
                    _ => String::new(),
                },
            }),
            _ => None,
        };
        let query = parts.uri.query().unwrap_or_default();
        let done = query.split('&').find_map(|pair| pair.strip_prefix("done="));
        Ok(Self {
            viewer,
            caller,
            site: site.name.clone(),
            headers: parts.headers.clone(),
            path: parts
                .uri
                .path_and_query()
                .map_or("/", |path| path.as_str())
                .to_owned(),
            done: done.map(str::to_owned),
        })
    }
}

impl Visit {
    /// What stands around the page.
    pub fn frame(&self) -> Frame {
        Frame {
            site: self.site.clone(),
            viewer: self.viewer.clone(),
            path: self.path.clone(),
            notice: None,
        }
    }

    /// The same for the page after something was done, which `words` puts into a sentence. The
    /// word comes from the address; what it means does not.
    pub fn frame_after(&self, words: impl FnOnce(&str) -> Option<String>) -> Frame {
        Frame {
            notice: self.done.as_deref().and_then(words).map(Notice::Done),
            ..self.frame()
        }
    }

    /// The name of who is signed in.
    pub fn name(&self) -> Option<&str> {
        self.viewer.as_ref().map(|viewer| viewer.name.as_str())
    }

    /// Who is signed in. Routes that are for known callers only ask it.
    pub fn viewer(&self) -> Result<&Viewer, Failure> {
        let viewer = self.viewer.as_ref();
        viewer.ok_or_else(|| plue_forge::Error::Unauthenticated.into())
    }

    /// Answers a page, or 304 where the browser holds the very same.
    pub fn show(&self, html: String) -> Response {
        let hash = Sha256::digest(&html);
        let hash: String = hash[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        self.show_as_version(&hash, || html)
    }

    /// The same for a page whose content `version` stands for, so that it need not be written to
    /// know that it is unchanged.
    pub fn show_as_version(&self, version: &str, html: impl FnOnce() -> String) -> Response {
        // Weak: in gzip it is the same page in other bytes.
        let tag = format!("W/\"{version}\"");
        cached::tagged(&self.headers, &tag, || self.answer(StatusCode::OK, html()))
    }

    /// Answers a page with this status.
    pub fn answer(&self, status: StatusCode, html: String) -> Response {
        const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
        let mut response = if html.len() >= WORTH_PACKING && takes_gzip(&self.headers) {
            let packed = plue_pages::assets::packed(&html);
            ([(CONTENT_ENCODING, HeaderValue::from_static("gzip"))], packed).into_response()
        } else {
            html.into_response()
        };
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HTML);
        headers.append(VARY, HeaderValue::from_static("Accept-Encoding"));
        response
    }

    /// Answers a form that cannot be taken as it is: the page again, with what is wrong. What a
    /// person cannot mend in the form is refused as everywhere.
    pub fn mend(&self, failure: Failure, page: impl FnOnce(Wrong) -> String) -> Result<Response, Failure> {
        let Failure(problem) = failure;
        match problem.code {
            Code::InvalidRequest | Code::Conflict | Code::Unprocessable | Code::Locked => {
                let status = StatusCode::from_u16(problem.code.status()).map_err(Failure::internal)?;
                let wrong = Wrong {
                    field: problem.field,
                    text: sentence(&problem.detail),
                };
                Ok(self.answer(status, page(wrong)))
            }
            _ => Err(Failure(problem)),
        }
    }
}

/// What went wrong, as a sentence of its own.
fn sentence(text: &str) -> String {
    let mut rest = text.chars();
    let first = rest.next().map(|first| first.to_uppercase().to_string());
    let end = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{}{}{end}", first.unwrap_or_default(), rest.as_str())
}

/// Whether the client reads gzip (RFC 9110, 12.5.3).
pub fn takes_gzip(headers: &HeaderMap) -> bool {
    headers
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| {
            let (name, quality) = coding.split_once(';').unwrap_or((coding, ""));
            let refused = quality
                .trim()
                .strip_prefix("q=")
                .is_some_and(|q| q.parse::<f32>().is_ok_and(|q| q <= 0.0));
            matches!(name.trim(), "gzip" | "x-gzip" | "*") && !refused
        })
}

/// Sends the browser on to an address of this site, by GET.
pub fn see_other(address: &str) -> Result<Response, Failure> {
    let location = HeaderValue::from_str(address).map_err(Failure::internal)?;
    Ok((StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response())
}

/// Whether `address` is one of this site: a path, which no browser takes for another host.
pub fn is_of_this_site(address: &str) -> bool {
    address.starts_with('/')
        && !address.starts_with("//")
        && address
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\')
}

/// A repository, as lists show it.
pub fn entry(repository: &Repository) -> Entry {
    Entry {
        owner: repository.owner.to_string(),
        name: repository.name.to_string(),
        description: repository.description.clone(),
        visibility: repository.visibility.as_str(),
        archived: repository.archived,
        pushed_at_ms: repository.pushed_at_ms,
        created_at_ms: repository.created_at_ms,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_site_are_led_to() {
        for good in ["/", "/ada/engine?tab=a&b=%20#L1", "/-/settings"] {
            assert!(is_of_this_site(good), "{good}");
        }
        for bad in [
            "",
            "ada",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/a\r\nset-cookie: x",
            "/a b",
            "\t/a",
        ] {
            assert!(!is_of_this_site(bad), "{bad:?}");
        }
    }

    #[test]
    fn what_went_wrong_is_a_sentence() {
        assert_eq!(sentence("this name is taken"), "This name is taken.");
        assert_eq!(sentence("Taken."), "Taken.");
        assert_eq!(sentence(""), ".");
    }

    #[test]
    fn gzip_is_sent_to_those_who_take_it() {
        let takes = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, value.parse().unwrap());
            takes_gzip(&headers)
        };
        assert!(takes("gzip") && takes("br, gzip;q=0.5") && takes("*"));
        assert!(!takes("br") && !takes("gzip;q=0") && !takes("identity") && !takes("gzip; q=0.0"));
        assert!(!takes_gzip(&HeaderMap::new()));
    }
}
