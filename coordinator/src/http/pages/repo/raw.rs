//! The bytes of files, and archives of all of them.
//!
//! Whatever somebody pushed is shown as text, or as a picture that can do nothing: no page of ours
//! is made of it, and it is no page of its own.

use super::super::super::cached;
use super::super::super::extract::{Path, Query};
use super::super::super::failure::Failure;
use super::super::super::range::{Part, part};
use super::super::super::site::Site;
use super::super::Visit;
use super::{Entered, Room, moved};
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::{Buf, Bytes};
use futures_util::{StreamExt, stream};
use http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
};
use http::{HeaderValue, Method, StatusCode};
use plue_contract::Code;
use plue_forge::browse::{ArchiveFormat, Stream};
use plue_pages::repo::{Sight, address};
use serde::Deserialize;
use std::io;
use tokio::io::AsyncReadExt;
use tokio_util::io::ReaderStream;

/// No script, no form, no window, nothing from anywhere.
const SANDBOX: &str = "sandbox; default-src 'none'; frame-ancestors 'none'";
/// The same for a drawing, whose own style counts.
const DRAWING: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";
/// How much of a file is looked at to tell text from other bytes.
const LOOK_BYTES: usize = 8 << 10;

/// The media type of a picture that browsers show, by the name of its file.
pub fn picture_type(path: &str) -> Option<&'static str> {
    let (_, ending) = path.rsplit_once('.')?;
    Some(match ending.to_ascii_lowercase().as_str() {
        "png" | "apng" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "bmp" => "image/bmp",
        "ico" => "image/x-icon",
        "svg" => "image/svg+xml",
        _ => return None,
    })
}

/// How the bytes are asked for.
#[derive(Deserialize)]
pub struct RawQuery {
    download: Option<String>,
}

/// The bytes of a file, or a range of them.
pub async fn raw(
    State(site): State<Site>,
    method: Method,
    visit: Visit,
    path: Path,
    Query(query): Query<RawQuery>,
) -> Result<Response, Failure> {
    let room = match Room::enter(&site, &visit, &path).await? {
        Entered::Moved(there) => return Ok(there),
        Entered::Room(room) => room,
    };
    let head = room.head();
    let (view, _) = room.look(&site).await?;
    let located = view.locate(path.text("path")).await?;
    if view.tree(located.commit, &located.path).await.is_ok() {
        return moved(&address(&head, Sight::Tree, &located.name, &located.path));
    }
    let mut file = view.raw(located.commit, &located.path).await?;
    let size_bytes = file.size_bytes();
    let mut begin = Vec::with_capacity(LOOK_BYTES);
    (&mut file)
        .take(LOOK_BYTES as u64)
        .read_to_end(&mut begin)
        .await
        .map_err(Failure::internal)?;
    let picture = picture_type(&located.path);
    let is_text = !begin.contains(&0);
    let (media_type, policy) = match picture {
        Some(svg @ "image/svg+xml") => (svg, DRAWING),
        Some(picture) => (picture, SANDBOX),
        None if is_text => ("text/plain; charset=utf-8", SANDBOX),
        None => ("application/octet-stream", SANDBOX),
    };
    let attached = query.download.is_some() || (picture.is_none() && !is_text);
    let name = located.path.rsplit('/').next().unwrap_or("file").to_owned();
    let tag = format!("\"{}-{}\"", file.oid(), u8::from(attached));
    let asked = match size_bytes {
        Some(size) => part(&method, &visit.headers, &tag, size),
        None => Part::Whole,
    };
    let all = format!("*/{}", size_bytes.unwrap_or_default());
    let begin = Bytes::from(begin);
    Ok(cached::tagged(&visit.headers, &tag, || {
        let mut response = match asked {
            Part::Whole => streamed(begin, file),
            Part::Bytes { first, length } => {
                let mut response = body_of(skipped(begin, file, first, length), Some(length));
                let range = format!("{first}-{}/{}", first + length - 1, &all[2..]);
                ranged(&mut response, StatusCode::PARTIAL_CONTENT, &range);
                response
            }
            Part::Nowhere => {
                let mut response = Response::default();
                ranged(&mut response, StatusCode::RANGE_NOT_SATISFIABLE, &all);
                return response;
            }
        };
        let headers = response.headers_mut();
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        if attached {
            headers.insert(CONTENT_DISPOSITION, attachment(&name));
        }
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
        response
    }))
}

fn ranged(response: &mut Response, status: StatusCode, range: &str) {
    *response.status_mut() = status;
    if let Ok(range) = HeaderValue::from_str(&format!("bytes {range}")) {
        response.headers_mut().insert(CONTENT_RANGE, range);
    }
}

fn streamed(begin: Bytes, rest: Stream) -> Response {
    let size = rest.size_bytes();
    body_of(chunks(begin, rest), size)
}

fn chunks(begin: Bytes, rest: Stream) -> impl futures_util::Stream<Item = io::Result<Bytes>> {
    stream::iter([Ok(begin)]).chain(ReaderStream::with_capacity(rest, 64 << 10))
}

/// So many bytes after the first ones. Objects are compressed as a whole, so those before are read
/// and not sent; nothing is read behind the last.
fn skipped(
    begin: Bytes,
    rest: Stream,
    first: u64,
    length: u64,
) -> impl futures_util::Stream<Item = io::Result<Bytes>> {
    let from_here = (first, length);
    let cut = chunks(begin, rest).scan(from_here, |(before, left), chunk| {
        let chunk = chunk.map(|mut chunk| {
            let skip = usize::try_from(*before).unwrap_or(usize::MAX).min(chunk.len());
            chunk.advance(skip);
            chunk.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
            *before -= skip as u64;
            *left -= chunk.len() as u64;
            (chunk, *left == 0)
        });
        std::future::ready(Some(chunk))
    });
    // The last piece is sent, and ends it.
    let ended = cut.scan(false, |ended, piece| {
        let goes_on = !std::mem::replace(ended, matches!(&piece, Ok((_, true)) | Err(_)));
        std::future::ready(goes_on.then(|| piece.map(|(chunk, _)| chunk)))
    });
    ended.filter(|piece| std::future::ready(!matches!(piece, Ok(chunk) if chunk.is_empty())))
}

fn body_of(
    chunks: impl futures_util::Stream<Item = io::Result<Bytes>> + Send + 'static,
    size: Option<u64>,
) -> Response {
    let mut response = Body::from_stream(chunks).into_response();
    if let Some(size) = size {
        response
            .headers_mut()
            .insert(CONTENT_LENGTH, HeaderValue::from(size));
    }
    response
}

/// To be kept as a file of this name (RFC 6266): in ASCII, and once more as it is.
fn attachment(name: &str) -> HeaderValue {
    let plain: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '/' | '%') {
                c
            } else {
                '_'
            }
        })
        .take(150)
        .collect();
    let mut whole = String::new();
    for byte in name.bytes().take(300) {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => whole.push(byte.into()),
            _ => whole.push_str(&format!("%{byte:02X}")),
        }
    }
    HeaderValue::from_str(&format!(
        "attachment; filename=\"{plain}\"; filename*=UTF-8''{whole}"
    ))
    .unwrap_or(HeaderValue::from_static("attachment"))
}

/// Everything at a ref, as an archive: `/archive/main.tar.gz`.
pub async fn archive(State(site): State<Site>, visit: Visit, path: Path) -> Result<Response, Failure> {
    let room = match Room::enter(&site, &visit, &path).await? {
        Entered::Moved(there) => return Ok(there),
        Entered::Room(room) => room,
    };
    let file = path.text("file");
    let (name, format, media_type) = if let Some(name) = file.strip_suffix(".tar.gz") {
        (name, ArchiveFormat::TarGz, "application/gzip")
    } else if let Some(name) = file.strip_suffix(".zip") {
        (name, ArchiveFormat::Zip, "application/zip")
    } else {
        return Err(Failure::new(Code::NotFound, "Archives end in .tar.gz or .zip."));
    };
    let head = room.head();
    let (view, _) = room.look(&site).await?;
    let located = view.locate(name).await?;
    if !located.path.is_empty() {
        return Err(Failure::not_found());
    }
    let folder = format!("{}-{}", head.name, located.name.replace('/', "-"));
    let tag = format!("\"{}.{}\"", located.commit, format.extension());
    if cached::holds(&visit.headers, &tag) {
        return Ok(cached::tagged(&visit.headers, &tag, Response::default));
    }
    let archive = view.archive(located.commit, format, &folder).await?;
    Ok(cached::tagged(&visit.headers, &tag, || {
        let mut response = streamed(Bytes::new(), archive);
        let headers = response.headers_mut();
        headers.remove(CONTENT_LENGTH);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        headers.insert(
            CONTENT_DISPOSITION,
            attachment(&format!("{folder}.{}", format.extension())),
        );
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(SANDBOX));
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("none"));
        response
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names that would end the header or the quotes: GHSA-3qq3.
    #[test]
    fn a_name_stays_inside_its_quotes_ghsa_3qq3() {
        let value = attachment("a\"; x=\r\nset-cookie: é%s.txt");
        assert_eq!(
            value.to_str().unwrap(),
            "attachment; filename=\"a_;_x=__set-cookie:___s.txt\"; filename*=UTF-8''a%22%3B%20x%3D%0D%0Aset-cookie%3A%20%C3%A9%25s.txt"
        );
    }

    #[test]
    fn only_pictures_are_shown_as_what_they_say_they_are() {
        assert_eq!(picture_type("a/B.PNG"), Some("image/png"));
        for other in [
            "a.html", "a.xhtml", "a.xml", "a.pdf", "a.svgz", "a.js", "png", "a.swf",
        ] {
            assert_eq!(picture_type(other), None, "{other}");
        }
    }
}
