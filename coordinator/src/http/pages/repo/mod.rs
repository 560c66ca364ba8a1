//! The pages of one repository.
//!
//! Each handler enters ([`Room::enter`]: a permit, or the new address of a repository that was
//! renamed), answers what is kept ([`Room::kept`]), and else looks, writes the page and shows it
//! ([`Show::page`]). What an anonymous visitor sees of a public repository depends on the
//! repository's state and the address alone; so it is kept under both, for every such visitor.

mod changes;
mod files;
mod history;
mod names;
mod raw;
mod shown;
mod stars;

pub use changes::{commit, compare, compare_form};
pub use files::{blame, blob, find, home, in_time, tree};
pub use history::{commits, commits_of, contributors};
pub use names::{bookmarks, tags};
pub use raw::{archive, raw};
pub use stars::{star, stargazers, watch};

use super::super::cached;
use super::super::extract::Path;
use super::super::failure::Failure;
use super::super::shelf::Shelf;
use super::super::site::Site;
use super::{Visit, takes_gzip};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, LOCATION, VARY};
use http::{HeaderValue, StatusCode};
use plue_contract::Who;
use plue_forge::Permit;
use plue_forge::access::repositories::{ReadRepo, read_as};
use plue_forge::browse::{self, Located, LocatedKind, RefNames, View};
use plue_forge::repositories::{Repository, Role, Visibility};
use plue_pages::highlight::Lines;
use plue_pages::repo::{Head, RefKind, Spot};
use sha2::{Digest, Sha256};
use std::sync::OnceLock;

/// The largest memory that whole pages take, in bytes.
const PAGES_BYTES: usize = 48 << 20;
/// The largest memory that coloured files take, in bytes.
const LINES_BYTES: usize = 32 << 20;
/// How many files are coloured at once.
const COLOURING: usize = 2;
/// How many names the ref chooser shows of each kind.
const CHOICE: usize = 25;

/// A page as it was written once.
pub struct Written {
    html: Bytes,
    /// The same packed, once somebody has asked for that.
    gzip: OnceLock<Bytes>,
}

impl Written {
    fn gzip(&self) -> Bytes {
        let pack = || plue_pages::assets::packed(&self.html).into();
        self.gzip.get_or_init(pack).clone()
    }
}

/// What was made of repositories' content and may be shown again.
pub struct Kept {
    pages: Shelf<Written>,
    lines: Shelf<std::sync::Arc<Lines>>,
    colouring: tokio::sync::Semaphore,
}

impl Default for Kept {
    fn default() -> Self {
        Self {
            pages: Shelf::new(PAGES_BYTES),
            lines: Shelf::new(LINES_BYTES),
            colouring: tokio::sync::Semaphore::new(COLOURING),
        }
    }
}

/// A repository that the visitor may see.
pub struct Room {
    permit: Permit<ReadRepo>,
    /// What the visitor may do there.
    role: Role,
    /// What stands for everything that the page is made from, where everybody gets the same.
    version: Option<String>,
}

/// A room, or the address to which it moved.
pub enum Entered {
    /// A room.
    Room(Box<Room>),
    /// The answer that leads there.
    Moved(Response),
}

impl Room {
    /// Permits the visitor to see the repository that the path names.
    pub async fn enter(site: &Site, visit: &Visit, path: &Path) -> Result<Entered, Failure> {
        let named = path.repository()?;
        let (permit, role) = read_as(&site.forge, &visit.caller, &named, site.now_ms()).await?;
        let repository = permit.on();
        let address = visit.frame().path;
        let there = repository.path();
        if there.to_string().to_lowercase() != named.to_string().to_lowercase() {
            let rest = address
                .splitn(4, '/')
                .nth(3)
                .map_or(String::new(), |rest| format!("/{rest}"));
            let query = match (rest.is_empty(), address.split_once('?')) {
                (true, Some((_, query))) => format!("?{query}"),
                _ => String::new(),
            };
            return moved(&format!("/{there}{rest}{query}")).map(Entered::Moved);
        }
        let everybody =
            matches!(visit.caller.who, Who::Anonymous) && repository.visibility == Visibility::Public;
        let version = everybody.then(|| {
            let hash = Sha256::digest(format!("{} {address}", site.stamp(repository)));
            hash[..16].iter().map(|byte| format!("{byte:02x}")).collect()
        });
        Ok(Entered::Room(Box::new(Self {
            permit,
            role,
            version,
        })))
    }

    /// The repository.
    pub fn repository(&self) -> &Repository {
        self.permit.on()
    }

    /// What the head of its pages says.
    pub fn head(&self) -> Head {
        Head {
            administers: self.role == Role::Admin,
            ..head(self.repository())
        }
    }

    /// What the visitor may do there.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The leave to read it.
    pub fn permit(&self) -> &Permit<ReadRepo> {
        &self.permit
    }

    /// Gives the leave to read away, for a page that is not made of what was pushed.
    pub fn into_permit(self) -> Permit<ReadRepo> {
        self.permit
    }

    /// The answer, where nothing has to be looked up for it: the visitor has the page already, or
    /// it was written before.
    pub fn kept(&self, site: &Site, visit: &Visit) -> Option<Response> {
        let version = self.version.as_ref()?;
        if cached::holds(&visit.headers, &format!("W/\"{version}\"")) {
            return Some(cached::tagged(
                &visit.headers,
                &format!("W/\"{version}\""),
                Response::default,
            ));
        }
        let written = site.kept().pages.get(version)?;
        Some(sent(visit, version, &written))
    }

    /// Opens the repository for looking, and gives back what to show the page with.
    pub async fn look(self, site: &Site) -> Result<(View, Show), Failure> {
        let show = Show {
            version: self.version,
        };
        Ok((browse::look(&site.forge, self.permit).await?, show))
    }
}

/// How a page is shown.
pub struct Show {
    version: Option<String>,
}

impl Show {
    /// Shows a page. One that is not complete, because something is still being looked up, is not
    /// kept.
    pub fn page(self, site: &Site, visit: &Visit, html: String, complete: bool) -> Response {
        match self.version {
            Some(version) if complete => {
                let written = Written {
                    gzip: OnceLock::new(),
                    html: html.into(),
                };
                // Packed it takes a part of that again.
                let bytes = written.html.len() / 2 * 3;
                let written = site.kept().pages.put(&version, written, bytes);
                sent(visit, &version, &written)
            }
            Some(_) => {
                let mut response = visit.show(html);
                response
                    .headers_mut()
                    .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
                response
            }
            None => visit.show(html),
        }
    }
}

fn sent(visit: &Visit, version: &str, written: &Written) -> Response {
    cached::tagged(&visit.headers, &format!("W/\"{version}\""), || {
        let mut response = if takes_gzip(&visit.headers) {
            let coding = [(CONTENT_ENCODING, HeaderValue::from_static("gzip"))];
            (coding, written.gzip()).into_response()
        } else {
            written.html.clone().into_response()
        };
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.append(VARY, HeaderValue::from_static("Accept-Encoding"));
        response
    })
}

/// Leads to another address of this site, for now: names change hands.
fn moved(address: &str) -> Result<Response, Failure> {
    let location = HeaderValue::from_str(address).map_err(Failure::internal)?;
    Ok((StatusCode::FOUND, [(LOCATION, location)]).into_response())
}

/// What every page of a repository says of it, to whoever may change its settings.
pub fn head(repository: &Repository) -> Head {
    Head {
        owner: repository.owner.to_string(),
        name: repository.name.to_string(),
        description: repository.description.clone(),
        visibility: repository.visibility.as_str(),
        archived: repository.archived,
        default_bookmark: repository.default_bookmark.clone(),
        administers: true,
    }
}

/// What the ref chooser of every page shows.
struct Names(RefNames);

impl Names {
    async fn of(view: &View) -> Result<Self, Failure> {
        Ok(Self(view.ref_names(CHOICE).await?))
    }

    fn spot(&self, located: &Located) -> Spot {
        Spot {
            name: located.name.clone(),
            kind: match located.kind {
                LocatedKind::Bookmark => RefKind::Bookmark,
                LocatedKind::Tag => RefKind::Tag,
                LocatedKind::Commit => RefKind::Commit,
            },
            commit: located.commit.to_string(),
            path: located.path.clone(),
            bookmarks: self.0.bookmarks.clone(),
            tags: self.0.tags.clone(),
        }
    }
}

/// Enters, answers what is kept, and else goes on with the room.
macro_rules! room {
    ($site:expr, $visit:expr, $path:expr) => {
        match $crate::http::pages::repo::Room::enter($site, $visit, $path).await? {
            $crate::http::pages::repo::Entered::Moved(there) => return Ok(there),
            $crate::http::pages::repo::Entered::Room(room) => match room.kept($site, $visit) {
                Some(answer) => return Ok(answer),
                None => room,
            },
        }
    };
}
use room;
