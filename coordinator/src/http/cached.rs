//! Answers that a client may have already: the entity tag, and 304 for those who hold it.

use super::failure::Failure;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;

/// An answer that is ready to be sent, with its entity tag.
#[derive(Debug)]
pub struct Rendered {
    body: Bytes,
    tag: String,
}

impl Rendered {
    /// Writes JSON.
    pub fn json(answer: &impl Serialize) -> Result<Self, Failure> {
        let body = serde_json::to_vec(answer).map_err(Failure::internal)?;
        let tag = plue_contract::credentials::secret_hash(&String::from_utf8_lossy(&body));
        let tag: String = tag[..16].iter().map(|b| format!("{b:02x}")).collect();
        Ok(Self {
            body: body.into(),
            tag: format!("\"{tag}\""),
        })
    }

    /// How much memory it takes, in bytes.
    pub fn size_bytes(&self) -> usize {
        self.body.len() + self.tag.len()
    }

    /// Answers it as JSON, or 304 where the client holds the very same.
    pub fn answer(&self, headers: &HeaderMap) -> Response {
        tagged(headers, &self.tag, || {
            ([(CONTENT_TYPE, "application/json")], self.body.clone()).into_response()
        })
    }
}

/// Answers JSON, or 304 where the client holds the very same.
pub fn json(headers: &HeaderMap, answer: &impl Serialize) -> Result<Response, Failure> {
    Ok(Rendered::json(answer)?.answer(headers))
}

/// Answers what `answer` makes under the entity tag, or 304 where the client names it.
pub fn tagged(headers: &HeaderMap, tag: &str, answer: impl FnOnce() -> Response) -> Response {
    let mut response = if holds(headers, tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        answer()
    };
    if let Ok(tag) = HeaderValue::from_str(tag) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

/// Whether `If-None-Match` names the tag (RFC 9110, 13.1.2: by weak comparison).
pub fn holds(headers: &HeaderMap, tag: &str) -> bool {
    let strong = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|held| held.trim() == "*" || strong(held) == strong(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_compared_weakly() {
        let of = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(IF_NONE_MATCH, HeaderValue::from_static(value));
            holds(&headers, "\"abc\"")
        };
        assert!(of("\"abc\"") && of("W/\"abc\"") && of("\"x\", \"abc\"") && of("*"));
        assert!(!of("\"abcd\"") && !of("abc") && !of(""));
        assert!(!holds(&HeaderMap::new(), "\"abc\""));
    }

    #[test]
    fn the_same_answer_is_not_sent_twice() {
        let first = json(&HeaderMap::new(), &["a"]).unwrap();
        assert_eq!(first.status(), StatusCode::OK);
        let mut headers = HeaderMap::new();
        headers.insert(IF_NONE_MATCH, first.headers()[ETAG].clone());
        let again = json(&headers, &["a"]).unwrap();
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(again.headers()[ETAG], first.headers()[ETAG]);
        assert_eq!(json(&headers, &["b"]).unwrap().status(), StatusCode::OK);
    }
}
