//! Lists that go on from where the last part ended: the cursor that says where that is, and the link
//! to what follows (RFC 8288).

use super::extract::MAX_PAGE;
use super::failure::Failure;
use super::site::Site;
use http::header::LINK;
use http::{HeaderMap, HeaderValue, Uri};

/// How many items a part has of which nobody says.
const USUAL: i64 = 30;

/// How many items a part has: `limit` or `per_page`, from 1 to [`MAX_PAGE`].
pub fn limit(limit: Option<i64>, per_page: Option<i64>) -> Result<i64, Failure> {
    match limit.or(per_page) {
        None => Ok(USUAL),
        Some(limit) if limit < 1 => Err(Failure::invalid("limit", "`limit` begins at 1.")),
        Some(limit) => Ok(limit.min(MAX_PAGE)),
    }
}

/// How many items are passed over: `offset`, or those of the pages before `page`.
pub fn offset(offset: Option<i64>, page: Option<i64>, limit: i64) -> Result<i64, Failure> {
    match (offset, page) {
        (Some(offset), _) if offset < 0 => Err(Failure::invalid("offset", "`offset` begins at 0.")),
        (_, Some(page)) if page < 1 => Err(Failure::invalid("page", "`page` begins at 1.")),
        (Some(offset), _) => Ok(offset),
        (None, page) => Ok((page.unwrap_or(1) - 1).saturating_mul(limit)),
    }
}

/// What a cursor says: the numbers that it was made of, so many.
pub fn open<const N: usize>(site: &Site, cursor: Option<&str>) -> Result<Option<[i64; N]>, Failure> {
    let Some(cursor) = cursor.filter(|cursor| !cursor.is_empty()) else {
        return Ok(None);
    };
    let read = || {
        let text = String::from_utf8(site.keys.cursor.open(cursor).ok()?).ok()?;
        let numbers: Option<Vec<i64>> = text.split(':').map(|part| part.parse().ok()).collect();
        numbers?.try_into().ok()
    };
    let found: Option<[i64; N]> = read();
    found
        .map(Some)
        .ok_or_else(|| Failure::invalid("cursor", "This cursor is not one that we gave for this list."))
}

/// The cursor that says where the next part begins.
pub fn seal<const N: usize>(site: &Site, at: [i64; N]) -> Option<String> {
    let text = at.map(|number| number.to_string()).join(":");
    site.keys.cursor.seal(text.as_bytes())
}

/// The head of an answer that is a part: where the next one is, if there is more.
pub fn head(site: &Site, uri: &Uri, next: Option<&str>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let Some(next) = next else {
        return headers;
    };
    let kept: Vec<&str> = uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| {
            let name = pair.split('=').next().unwrap_or_default();
            !["", "cursor", "offset", "page"].contains(&name)
        })
        .collect();
    let mut query = kept.join("&");
    if !query.is_empty() {
        query.push('&');
    }
    let link = format!(
        "<{}{}?{query}cursor={next}>; rel=\"next\"",
        site.addresses.http,
        uri.path()
    );
    if let Ok(link) = HeaderValue::from_str(&link) {
        headers.insert(LINK, link);
    }
    headers
}
