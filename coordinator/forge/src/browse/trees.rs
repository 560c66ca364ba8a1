//! What a commit holds: folders, files, and all of it as an archive.

use super::answers::Question;
use super::{ArchiveFormat, Blob, Files, Folder, Indent, Languages, PathAttributes, Rev, TreeEntry, View};
use crate::Error;
use plue_git::browse::{self, Raw};
use plue_git::oid::Oid;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, ReadBuf};

/// How many commits are looked at for the last changes in a folder that no index knows.
const MAX_WALKED: usize = 1000;
/// How many paths the list of all files has, and how many bytes they have together.
const MAX_PATHS: usize = 200_000;
const MAX_PATH_BYTES: usize = 16 << 20;
/// How many files are looked at for the languages.
const MAX_WEIGHED: usize = 100_000;

/// A file or an archive that is read as it is made. The copy that it is read from stays for as
/// long as this lives.
pub struct Stream {
    raw: Raw,
    _view: View,
}

impl Stream {
    /// The object that is read: a file's, or of an archive the tree's.
    pub fn oid(&self) -> Oid {
        self.raw.oid
    }

    /// How much there is to read, in bytes; none where that is not known beforehand.
    pub fn size_bytes(&self) -> Option<u64> {
        self.raw.size_bytes
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.raw).poll_read(context, buffer)
    }
}

impl View {
    /// What is in a folder: of a commit, a tag or a tree.
    pub async fn tree(&self, rev: impl Into<Rev<'_>>, path: &str) -> Result<Vec<TreeEntry>, Error> {
        let rev = rev.into();
        self.within(async { browse::tree(self.reader(), self.find(rev).await?, path).await })
            .await
    }

    /// What is in a folder of a commit or tag, and which commit changed each entry last, as far as
    /// that is known.
    pub async fn folder(&self, rev: impl Into<Rev<'_>>, path: &str) -> Result<Folder, Error> {
        let rev = rev.into();
        let folder = self
            .within(async {
                let oid = self.find(rev).await?;
                // What is not known yet will be, and is not kept.
                let bytes =
                    |folder: &Folder| folder.is_complete().then_some(256 * (folder.entries.len() + 4));
                let reading = browse::folder(self.reader(), oid, path, MAX_WALKED);
                let question = Question::Folder(oid, path.to_owned());
                self.answer(question, bytes, reading).await
            })
            .await?;
        if !folder.is_complete() {
            self.prepare_soon();
        }
        Ok(folder)
    }

    /// One file, up to the size that is browsed; with an empty path, the blob that `rev` itself
    /// names.
    pub async fn blob(&self, rev: impl Into<Rev<'_>>, path: &str) -> Result<Blob, Error> {
        let rev = rev.into();
        let limit = self.forge.settings().browse_bytes;
        self.within(async { browse::blob(self.reader(), self.find(rev).await?, path, limit).await })
            .await
    }

    /// One file of any size, as a stream.
    pub async fn raw(self, rev: impl Into<Rev<'_>>, path: &str) -> Result<Stream, Error> {
        let rev = rev.into();
        let raw = self
            .within(async { browse::raw(self.reader(), self.find(rev).await?, path).await })
            .await?;
        Ok(Stream { raw, _view: self })
    }

    /// Everything in a commit, tag or tree as an archive, as a stream, below a folder of the name
    /// `prefix`.
    pub async fn archive(
        self,
        rev: impl Into<Rev<'_>>,
        format: ArchiveFormat,
        prefix: &str,
    ) -> Result<Stream, Error> {
        let rev = rev.into();
        let raw = self
            .within(async { browse::archive(self.reader(), self.find(rev).await?, format, prefix).await })
            .await?;
        Ok(Stream { raw, _view: self })
    }

    /// The paths of all files.
    pub async fn files(&self, rev: impl Into<Rev<'_>>) -> Result<Files, Error> {
        let rev = rev.into();
        self.within(async {
            let oid = self.find(rev).await?;
            let bytes = |files: &Files| Some(files.paths.iter().map(|path| path.len() + 24).sum());
            let reading = browse::files(self.reader(), oid, MAX_PATHS, MAX_PATH_BYTES);
            self.answer(Question::Files(oid), bytes, reading).await
        })
        .await
    }

    /// The bytes of each language.
    pub async fn languages(&self, rev: impl Into<Rev<'_>>) -> Result<Languages, Error> {
        let rev = rev.into();
        self.within(async {
            let oid = self.find(rev).await?;
            let bytes = |languages: &Languages| Some(64 * languages.shares.len());
            let reading = browse::languages(self.reader(), oid, MAX_WEIGHED);
            self.answer(Question::Languages(oid), bytes, reading).await
        })
        .await
    }

    /// What `.gitattributes` says of a path.
    pub async fn attributes(&self, rev: impl Into<Rev<'_>>, path: &str) -> Result<PathAttributes, Error> {
        let rev = rev.into();
        self.within(async { browse::attributes(self.reader(), self.find(rev).await?, path).await })
            .await
    }

    /// How a file is indented, by `.editorconfig`.
    pub async fn indent(&self, rev: impl Into<Rev<'_>>, path: &str) -> Result<Indent, Error> {
        let rev = rev.into();
        self.within(async { browse::indent(self.reader(), self.find(rev).await?, path).await })
            .await
    }
}
