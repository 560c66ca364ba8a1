//! The files that pages name, and what browsers and robots ask for by themselves.

use super::super::extract::Path;
use super::super::failure::Failure;
use super::takes_gzip;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderValue};
use plue_pages::assets;

/// A day: these names stay when their content changes.
const A_DAY: HeaderValue = HeaderValue::from_static("public, max-age=86400");

/// One file, by the name that its content made.
pub async fn get(path: Path, headers: HeaderMap) -> Result<Response, Failure> {
    let asset = assets::find(path.text("path")).ok_or_else(Failure::not_found)?;
    let mut response = if takes_gzip(&headers) {
        let packed = HeaderValue::from_static("gzip");
        ([(CONTENT_ENCODING, packed)], asset.gzip.as_slice()).into_response()
    } else {
        asset.bytes.into_response()
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.media_type));
    headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    Ok(response)
}

/// What robots may visit.
pub async fn robots() -> Response {
    let headers = [
        (
            CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        ),
        (CACHE_CONTROL, A_DAY),
    ];
    (headers, assets::ROBOTS).into_response()
}

/// The picture for browsers that do not read the page's.
pub async fn favicon() -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("image/x-icon")),
        (CACHE_CONTROL, A_DAY),
    ];
    (headers, assets::FAVICON).into_response()
}
