//! What came before: commits, the history of a path, blame, and who wrote it.

use super::answers::Question;
use super::{Blame, Commit, CommitDetails, History, Insight, Rev, View};
use crate::Error;
use plue_git::browse::{self, HistoryOptions};
use std::sync::Arc;

/// The most commits of one page of history.
pub const MAX_COMMITS: usize = 100;
/// The most commits that a page of history may pass over: history further back is for clones.
pub const MAX_SKIPPED: usize = 10_000;
/// How many commits are read in search of those that changed a path.
const MAX_SEARCHED: usize = 5000;
/// The largest file that is blamed, in bytes.
const MAX_BLAMED_BYTES: u64 = 1 << 20;
/// How many refs, and how many commits, are looked at in search of those that contain a commit.
const MAX_CONTAINING: usize = 100;
const MAX_CONTAINING_STEPS: usize = 20_000;

impl View {
    /// The history that ends at `rev`, the newest first: so many commits, after so many.
    pub async fn commits(
        &self,
        rev: impl Into<Rev<'_>>,
        skip: usize,
        limit: usize,
    ) -> Result<Vec<Commit>, Error> {
        let rev = rev.into();
        check_skip(skip)?;
        let limit = limit.clamp(1, MAX_COMMITS);
        self.within(async { browse::commits(self.reader(), self.find(rev).await?, skip, limit).await })
            .await
    }

    /// The commits that changed a file or folder, the newest first: so many, after so many. With
    /// `follow`, a file is followed to the names that it had before.
    pub async fn history(
        &self,
        rev: impl Into<Rev<'_>>,
        path: &str,
        follow: bool,
        skip: usize,
        limit: usize,
    ) -> Result<History, Error> {
        let rev = rev.into();
        check_skip(skip)?;
        let options = HistoryOptions {
            follow,
            skip,
            limit: limit.clamp(1, MAX_COMMITS),
            max_steps: MAX_SEARCHED,
        };
        self.within(async { browse::history(self.reader(), self.find(rev).await?, path, options).await })
            .await
    }

    /// One commit with everything that is known about it. What it changed is [`View::diff`].
    pub async fn commit(&self, rev: impl Into<Rev<'_>>) -> Result<CommitDetails, Error> {
        let rev = rev.into();
        self.within(async {
            let oid = self.find(rev).await?;
            browse::commit(self.reader(), oid, MAX_CONTAINING, MAX_CONTAINING_STEPS).await
        })
        .await
    }

    /// Where each line of a file is from. Binary files are refused, and those beyond a megabyte.
    pub async fn blame(&self, rev: impl Into<Rev<'_>>, path: &str) -> Result<Blame, Error> {
        let rev = rev.into();
        self.within(async {
            let oid = self.find(rev).await?;
            let bytes = |blame: &Blame| Some(blame.content.len() + 256 * blame.runs.len());
            let reading = browse::blame(self.reader(), oid, path, MAX_BLAMED_BYTES);
            self.answer(Question::Blame(oid, path.to_owned()), bytes, reading)
                .await
        })
        .await
    }

    /// What is known of the whole history of the default bookmark, if it ends at this commit; none
    /// where that is being counted, which is done after each push and never in a request.
    pub async fn insight(&self, commit: impl Into<Rev<'_>>) -> Result<Option<Arc<Insight>>, Error> {
        let commit = commit.into();
        let known = self
            .within(async {
                let oid = self.find(commit).await?;
                let bytes = |known: &Option<Arc<Insight>>| {
                    let people = &known.as_ref()?.contributors.people;
                    Some(
                        people
                            .iter()
                            .map(|person| person.name.len() + person.email.len() + 96)
                            .sum(),
                    )
                };
                let reading = async {
                    let known = browse::insight(self.reader(), oid).await?;
                    Ok(known.map(Arc::new))
                };
                self.answer(Question::Insight(oid), bytes, reading).await
            })
            .await?;
        if known.is_none() {
            self.prepare_soon();
        }
        Ok(known)
    }
}

fn check_skip(skip: usize) -> Result<(), Error> {
    if skip > MAX_SKIPPED {
        let why = format!("history is shown to {MAX_SKIPPED} commits back; clone the repository for more");
        return Err(Error::invalid("offset", why));
    }
    Ok(())
}
