//! What changed: in one commit, and between two.

use super::answers::Question;
use super::{Comparison, Diff, DiffOptions, FileDiff, Rev, View};
use crate::Error;
use plue_git::browse;

/// The most commits that a comparison lists.
const MAX_COMPARED: usize = 250;
/// How many commits a comparison looks at.
const MAX_COMPARED_STEPS: usize = 100_000;

impl View {
    /// What changed from one commit or tree to another; without `from`, what a commit changed
    /// against its first parent.
    pub async fn diff(
        &self,
        from: Option<Rev<'_>>,
        to: impl Into<Rev<'_>>,
        options: DiffOptions,
    ) -> Result<Diff, Error> {
        let to = to.into();
        self.within(async {
            let from = match from {
                Some(from) => Some(self.find(from).await?),
                None => None,
            };
            let to = self.find(to).await?;
            let lines = |file: &FileDiff| {
                file.hunks
                    .iter()
                    .flat_map(|hunk| &hunk.lines)
                    .map(|line| line.text.len() + 48)
                    .sum::<usize>()
            };
            let bytes = |diff: &Diff| Some(diff.files.iter().map(|file| 512 + lines(file)).sum());
            let reading = browse::diff(self.reader(), from, to, options.clone());
            self.answer(Question::Diff(from, to, options), bytes, reading)
                .await
        })
        .await
    }

    /// What `head` has that `base` has not.
    pub async fn compare(
        &self,
        base: impl Into<Rev<'_>>,
        head: impl Into<Rev<'_>>,
        options: DiffOptions,
    ) -> Result<Comparison, Error> {
        let (base, head) = (base.into(), head.into());
        self.within(async {
            let (base, head) = (self.find(base).await?, self.find(head).await?);
            browse::compare(
                self.reader(),
                base,
                head,
                MAX_COMPARED,
                MAX_COMPARED_STEPS,
                options,
            )
            .await
        })
        .await
    }
}
