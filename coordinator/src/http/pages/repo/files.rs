//! Folders and files: the first page, folders, files, blame, and going to a file.

use super::super::super::extract::{Path, Query};
use super::super::super::failure::Failure;
use super::super::super::site::Site;
use super::super::Visit;
use super::shown::change;
use super::{Names, moved, room};
use axum::extract::State;
use axum::response::Response;
use plue_contract::Code;
use plue_forge::browse::{EntryKind, Folder, View};
use plue_forge::{stars, topics, watches};
use plue_pages::highlight::{self, Lines, Plain};
use plue_pages::markdown::{self, Place};
use plue_pages::repo::blame::Run;
use plue_pages::repo::file::{Content, File};
use plue_pages::repo::home::{Language, Side};
use plue_pages::repo::stars::Following;
use plue_pages::repo::tree::{Entry, Kind, Readme};
use plue_pages::repo::{self, Head, Sight, Spot, address};
use plue_pages::{csv, repo::find as finder};
use serde::Deserialize;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The longest that one file is coloured or one text rendered.
const COLOUR_TIME: Duration = Duration::from_millis(1_500);
/// Files up to this size are shown whole, longer ones in parts of this size, in bytes.
const PART_BYTES: usize = 1 << 20;
/// The largest README that is shown, in bytes.
const MAX_README_BYTES: u64 = 1 << 20;

/// Whether it is that there is nothing.
fn is_nothing(failure: &Failure) -> bool {
    failure.0.code == Code::NotFound
}

/// Says whether there is still time to colour code, from now on.
pub fn in_time() -> impl Fn() -> bool + Send + Sync + Clone {
    let begun = Instant::now();
    move || begun.elapsed() < COLOUR_TIME
}

/// The lines of a file with their colours, made at most once for each of its contents.
async fn coloured(site: &Site, oid: &str, path: &str, text: String) -> Result<Arc<Lines>, Failure> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let key = format!("{oid} {name}");
    if let Some(lines) = site.kept().lines.get(&key) {
        return Ok(Arc::clone(&lines));
    }
    let _turn = site.kept().colouring.acquire().await.map_err(Failure::internal)?;
    let name = name.to_owned();
    let colouring = tokio::task::spawn_blocking(move || highlight::file(&name, &text, in_time()));
    let lines = Arc::new(colouring.await.map_err(Failure::internal)?);
    let bytes = lines.cost_bytes();
    Ok(Arc::clone(&site.kept().lines.put(&key, lines, bytes)))
}

/// A text rendered, away from the threads that answer.
async fn rendered(text: String, place: Place) -> Result<Result<String, markdown::TooMuch>, Failure> {
    let rendering = tokio::task::spawn_blocking(move || markdown::render(&text, &place, in_time()));
    rendering.await.map_err(Failure::internal)
}

fn place(head: &Head, spot: &Spot, folder: &str) -> Place {
    Place {
        blob: address(head, Sight::Blob, &spot.name, ""),
        raw: address(head, Sight::Raw, &spot.name, ""),
        folder: folder.to_owned(),
    }
}

/// The file that speaks for a folder, if it has one.
async fn readme(view: &View, head: &Head, spot: &Spot, folder: &Folder) -> Result<Option<Readme>, Failure> {
    let rank = |name: &str| {
        let name = name.to_ascii_lowercase();
        [
            "readme.md",
            "readme.markdown",
            "readme",
            "readme.txt",
            "readme.rst",
            "readme.adoc",
            "readme.org",
        ]
        .iter()
        .position(|known| *known == name)
    };
    let found = folder
        .entries
        .iter()
        .filter(|found| found.entry.kind == EntryKind::Blob)
        .filter(|found| found.entry.size_bytes.is_none_or(|size| size <= MAX_README_BYTES))
        .filter_map(|found| Some((rank(&found.entry.name)?, &found.entry)))
        .min_by_key(|(rank, _)| *rank);
    let Some((_, entry)) = found else { return Ok(None) };
    let blob = view.blob(entry.oid, "").await?;
    let Ok(text) = std::str::from_utf8(&blob.content) else {
        return Ok(None);
    };
    let plain = |text: &str| {
        let mut html = String::new();
        highlight::escape(text, &mut html);
        html
    };
    let (html, prose) = if markdown::is_markdown(&entry.name) {
        match rendered(text.to_owned(), place(head, spot, &spot.path)).await? {
            Ok(html) => (html, true),
            Err(_) => (plain(text), false),
        }
    } else {
        (plain(text), false)
    };
    Ok(Some(Readme {
        name: entry.name.clone(),
        path: entry.path.clone(),
        html,
        prose,
    }))
}

fn listed(folder: &Folder) -> repo::tree::Folder {
    let mut entries: Vec<Entry> = folder
        .entries
        .iter()
        .map(|found| Entry {
            name: found.entry.name.clone(),
            kind: match found.entry.kind {
                EntryKind::Tree => Kind::Folder,
                EntryKind::Blob => Kind::File,
                EntryKind::Symlink => Kind::Link,
                EntryKind::Commit => Kind::Submodule,
            },
            last: found.last.as_deref().map(change),
        })
        .collect();
    entries.sort_by_key(|entry| !matches!(entry.kind, Kind::Folder | Kind::Submodule));
    repo::tree::Folder {
        entries,
        last: folder.last.as_deref().map(change),
        looking: !folder.is_complete(),
    }
}

mod words {
    pub const CREATED: &str = "The repository is made. What follows puts something into it.";
    pub const MOVED: &str = "The repository has its new owner. Links of its old address lead here.";
    pub const STARRED: &str = "It has your star. You find it in your menu, under your stars.";
    pub const UNSTARRED: &str = "Your star is taken back.";
    pub const WATCHED: &str = "Saved: that is what you hear of it from now on.";
}

/// The first page of a repository.
pub async fn home(State(site): State<Site>, visit: Visit, path: Path) -> Result<Response, Failure> {
    let room = room!(&site, &visit, &path);
    let (repository, head) = (room.repository().clone(), room.head());
    let named = repository.path();
    let mut side = Side {
        clone_http: site.addresses.clone_http(&named),
        clone_ssh: site.addresses.clone_ssh(&named),
        size_bytes: repository.size_bytes,
        pushed_at_ms: repository.pushed_at_ms,
        topics: topics::of(&site.forge, room.permit()).await?,
        ..Side::default()
    };
    if visit.name().is_some() {
        let stars = stars::get(&site.forge, room.permit()).await?;
        let watches = watches::get(&site.forge, room.permit()).await?;
        side.following = Some(Following {
            starred: stars.own,
            stars: stars.count,
            level: watches.own.map_or("", watches::Level::as_str),
        });
    }
    let (view, show) = room.look(&site).await?;
    let names = Names::of(&view).await?;
    let Names(refs) = &names;
    let frame = visit.frame_after(|word| {
        let said = match word {
            "created" => words::CREATED,
            "moved" => words::MOVED,
            "starred" => words::STARRED,
            "unstarred" => words::UNSTARRED,
            "watched" => words::WATCHED,
            _ => return None,
        };
        // It is told to who did it; what everybody else gets is the same for all.
        visit.name().map(|_| said.to_owned())
    });
    if refs.bookmarks.is_empty() && refs.tags.is_empty() {
        let html = repo::home::empty(&frame, &head, &side);
        return Ok(show.page(&site, &visit, html, true));
    }
    side.bookmarks = refs.bookmarks_total as i64;
    side.tags = refs.tags_total as i64;
    let located = match view
        .locate(&repository.default_bookmark)
        .await
        .map_err(Failure::from)
    {
        Ok(located) => located,
        Err(failure) if is_nothing(&failure) => {
            let html = repo::home::without_default(&frame, &head, &refs.bookmarks);
            return Ok(show.page(&site, &visit, html, true));
        }
        Err(failure) => return Err(failure),
    };
    let spot = names.spot(&located);
    let folder = view.folder(located.commit, "").await?;
    let readme = readme(&view, &head, &spot, &folder).await?;
    let insight = view.insight(located.commit).await?;
    if let Some(insight) = &insight {
        let language = |share: &plue_forge::browse::LanguageShare| Language {
            name: share.name.clone(),
            colour: share.colour.to_string(),
            bytes: share.bytes,
        };
        side.languages = insight.languages.shares.iter().map(language).collect();
        let people = &insight.contributors.people;
        side.people_total = people.len() as i64;
        side.people = people
            .iter()
            .take(8)
            .map(|person| (person.name.clone(), person.commits as i64))
            .collect();
    }
    let complete = folder.is_complete() && insight.is_some();
    let html = repo::home::home(&frame, &head, &spot, &listed(&folder), readme.as_ref(), &side);
    Ok(show.page(&site, &visit, html, complete))
}

/// A folder.
pub async fn tree(State(site): State<Site>, visit: Visit, path: Path) -> Result<Response, Failure> {
    let room = room!(&site, &visit, &path);
    let head = room.head();
    let (view, show) = room.look(&site).await?;
    let located = view.locate(path.text("path")).await?;
    let folder = match view
        .folder(located.commit, &located.path)
        .await
        .map_err(Failure::from)
    {
        Ok(folder) => folder,
        Err(failure) if is_nothing(&failure) => {
            // A file has its own page.
            view.blob(located.commit, &located.path).await?;
            return moved(&address(&head, Sight::Blob, &located.name, &located.path));
        }
        Err(failure) => return Err(failure),
    };
    let spot = Names::of(&view).await?.spot(&located);
    let readme = readme(&view, &head, &spot, &folder).await?;
    let html = repo::tree::folder(&visit.frame(), &head, &spot, &listed(&folder), readme.as_ref());
    Ok(show.page(&site, &visit, html, folder.is_complete()))
}

/// How a file is asked for.
#[derive(Deserialize)]
pub struct BlobQuery {
    plain: Option<String>,
    page: Option<String>,
}

/// A file.
pub async fn blob(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    Query(query): Query<BlobQuery>,
) -> Result<Response, Failure> {
    let room = room!(&site, &visit, &path);
    let head = room.head();
    let (view, show) = room.look(&site).await?;
    let located = view.locate(path.text("path")).await?;
    if located.path.is_empty() {
        return moved(&address(&head, Sight::Tree, &located.name, ""));
    }
    let spot = Names::of(&view).await?.spot(&located);
    let history = view.history(located.commit, &located.path, false, 0, 1).await?;
    let last = history
        .entries
        .first()
        .map(|entry| super::shown::item(&entry.commit).change);
    let mut file = File {
        content: Content::Large,
        size_bytes: 0,
        line_count: None,
        last,
        language: None,
        note: None,
        both: false,
    };
    let picture = super::raw::picture_type(&located.path).is_some();
    match view
        .blob(located.commit, &located.path)
        .await
        .map_err(Failure::from)
    {
        Ok(blob) => {
            file.size_bytes = blob.content.len() as u64;
            let is_link = blob.content.len() < 4_096
                && !blob.content.contains(&b'\n')
                && is_link(&view, &located).await?;
            match std::str::from_utf8(&blob.content) {
                Ok(text) if !text.contains('\0') => {
                    if is_link {
                        file.content = Content::Link(text.to_owned());
                    } else {
                        let asked = (
                            query.plain.is_some(),
                            query.page.as_deref().and_then(|page| page.parse().ok()),
                        );
                        let oid = blob.oid.to_string();
                        text_file(&site, &view, &head, &spot, &mut file, (&oid, text), asked).await?;
                    }
                }
                _ => {
                    file.content = if picture {
                        Content::Picture
                    } else {
                        Content::Binary
                    }
                }
            }
        }
        Err(failure) if failure.0.code == Code::TooLarge => {
            let (html, complete) = large(view, &visit, &head, &spot, file, picture).await?;
            return Ok(show.page(&site, &visit, html, complete));
        }
        Err(failure) if is_nothing(&failure) => {
            view.tree(located.commit, &located.path).await?;
            return moved(&address(&head, Sight::Tree, &located.name, &located.path));
        }
        Err(failure) => return Err(failure),
    }
    let html = repo::file::file(&visit.frame(), &head, &spot, &file);
    Ok(show.page(&site, &visit, html, true))
}

async fn large(
    view: View,
    visit: &Visit,
    head: &Head,
    spot: &Spot,
    mut file: File,
    picture: bool,
) -> Result<(String, bool), Failure> {
    let stream = view.raw(spot.commit.as_str(), &spot.path).await?;
    file.size_bytes = stream.size_bytes().unwrap_or_default();
    file.content = if picture { Content::Picture } else { Content::Large };
    Ok((repo::file::file(&visit.frame(), head, spot, &file), true))
}

async fn is_link(view: &View, located: &plue_forge::browse::Located) -> Result<bool, Failure> {
    let (folder, name) = located.path.rsplit_once('/').unwrap_or(("", &located.path));
    let entries = view.tree(located.commit, folder).await?;
    Ok(entries
        .iter()
        .any(|entry| entry.name == name && entry.kind == EntryKind::Symlink))
}

/// Fills in what is shown of a text; `asked` says whether its source is wanted, and which part.
async fn text_file(
    site: &Site,
    view: &View,
    head: &Head,
    spot: &Spot,
    file: &mut File,
    (oid, text): (&str, &str),
    asked: (bool, Option<usize>),
) -> Result<(), Failure> {
    file.line_count = Some(text.lines().count());
    file.language =
        highlight::language(&spot.path, text.lines().next().unwrap_or_default()).map(str::to_owned);
    let (plain, part) = asked;
    let is_prose = markdown::is_markdown(&spot.path);
    let separator = csv::separator(&spot.path);
    let is_drawing = spot.path.to_ascii_lowercase().ends_with(".svg");
    file.both = is_prose || separator.is_some() || is_drawing;
    if !plain && is_prose {
        let folder = spot.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        match rendered(text.to_owned(), place(head, spot, folder)).await? {
            Ok(html) => {
                file.content = Content::Prose(html);
                return Ok(());
            }
            Err(why) => file.note = Some(why.note()),
        }
    } else if !plain && is_drawing {
        file.content = Content::Picture;
        return Ok(());
    } else if !plain
        && let Some(separator) = separator
        && text.len() <= PART_BYTES
        && let Some(table) = csv::read(text, separator)
    {
        file.content = Content::Table(table);
        return Ok(());
    }
    let parts = parts(text);
    let at = part.unwrap_or(1).clamp(1, parts.len());
    let (first, shown) = parts[at - 1];
    let lines = match parts.len() {
        1 => coloured(site, oid, &spot.path, text.to_owned()).await?,
        _ => Arc::new(highlight::plain(shown, Plain::TooLarge)),
    };
    file.note = file.note.or(lines.plain.and_then(Plain::note));
    file.content = Content::Lines {
        lines,
        first,
        part: (at, parts.len()),
        tab_width: view.indent(spot.commit.as_str(), &spot.path).await?.tab_width,
    };
    Ok(())
}

/// Takes a text apart where lines end: each part with the number of its first line.
fn parts(text: &str) -> Vec<(usize, &str)> {
    let (mut parts, mut rest, mut first) = (Vec::new(), text, 1);
    while rest.len() > PART_BYTES {
        let mut end = PART_BYTES;
        while !rest.is_char_boundary(end) {
            end -= 1;
        }
        let end = rest[..end].rfind('\n').map_or(end, |at| at + 1);
        let (part, left) = rest.split_at(end);
        parts.push((first, part));
        first += part.bytes().filter(|byte| *byte == b'\n').count();
        rest = left;
    }
    parts.push((first, rest));
    parts
}

/// A file with where each line is from.
pub async fn blame(State(site): State<Site>, visit: Visit, path: Path) -> Result<Response, Failure> {
    let room = room!(&site, &visit, &path);
    let head = room.head();
    let (view, show) = room.look(&site).await?;
    let located = view.locate(path.text("path")).await?;
    let blame = view.blame(located.commit, &located.path).await?;
    let spot = Names::of(&view).await?.spot(&located);
    let text = String::from_utf8_lossy(&blame.content).into_owned();
    let lines = coloured(&site, &blame.oid.to_string(), &spot.path, text).await?;
    let runs: Vec<Run> = blame
        .runs
        .iter()
        .map(|run| Run {
            change: change(&run.commit),
            start: run.start,
            lines: run.lines,
            before: run
                .previous
                .as_ref()
                .map(|(oid, path)| (oid.to_string(), path.clone())),
        })
        .collect();
    let tab_width = view.indent(located.commit, &located.path).await?.tab_width;
    let html = repo::blame::blame(&visit.frame(), &head, &spot, &lines, &runs, tab_width);
    Ok(show.page(&site, &visit, html, true))
}

/// What is searched for.
#[derive(Deserialize)]
pub struct FindQuery {
    q: Option<String>,
}

/// Going to a file.
pub async fn find(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    Query(query): Query<FindQuery>,
) -> Result<Response, Failure> {
    let room = room!(&site, &visit, &path);
    let head = room.head();
    let (view, show) = room.look(&site).await?;
    let located = view.locate(path.text("ref")).await?;
    if !located.path.is_empty() {
        return Err(Failure::not_found());
    }
    let spot = Names::of(&view).await?.spot(&located);
    let files = view.files(located.commit).await?;
    let text: String = query
        .q
        .unwrap_or_default()
        .chars()
        .take(finder::MAX_TEXT_CHARS)
        .collect();
    let frame = visit.frame();
    let finding = tokio::task::spawn_blocking(move || {
        finder::find(&frame, &head, &spot, &files.paths, text.trim(), files.is_cut)
    });
    let html = finding.await.map_err(Failure::internal)?;
    Ok(show.page(&site, &visit, html, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_taken_apart_at_its_line_ends() {
        assert_eq!(parts("a\nb"), [(1, "a\nb")]);
        let text = "é23456789\n".repeat(PART_BYTES / 5);
        let parts = parts(&text);
        assert_eq!(parts.iter().map(|(_, part)| *part).collect::<String>(), text);
        assert!(
            parts
                .iter()
                .all(|(_, part)| part.len() <= PART_BYTES && part.ends_with('\n'))
        );
        let lines_before = parts[0].1.lines().count();
        assert_eq!(parts[1].0, lines_before + 1);
        let one_line = "é".repeat(PART_BYTES);
        assert_eq!(super::parts(&one_line).len(), 2);
    }
}
