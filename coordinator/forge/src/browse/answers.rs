//! Answers that were given before: about objects, which never change, so that they stay true for
//! as long as the repository is the same. Whoever asks is permitted first, each time.

use super::View;
use crate::access::Permit;
use crate::access::repositories::ReadRepo;
use crate::repositories::Repository;
use crate::{Error, Forge};
use plue_contract::RepoId;
use plue_git::browse::{BrowseError, DiffOptions};
use plue_git::oid::Oid;
use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How much memory answers may take together, in bytes, and how much of that one may.
const MAX_BYTES: usize = 64 << 20;
const MAX_ONE_BYTES: usize = MAX_BYTES / 8;
/// How much is freed at once when there is no room, in bytes.
const FREED_BYTES: usize = MAX_BYTES / 8;
/// What an entry takes beside its answer, in bytes.
const ENTRY_BYTES: usize = 256;

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Question {
    Folder(Oid, String),
    Blame(Oid, String),
    Diff(Option<Oid>, Oid, DiffOptions),
    Files(Oid),
    Languages(Oid),
    Insight(Oid),
    Rendered(String),
}

/// Of which repository, at which of its restore and access epochs, and what.
type Key = (RepoId, (i64, i64), Question);

struct Kept {
    answer: Arc<dyn Any + Send + Sync>,
    bytes: usize,
    used: u64,
}

/// The answers that are kept in memory.
#[derive(Default)]
pub(crate) struct Answers {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    kept: HashMap<Key, Kept>,
    bytes: usize,
    clock: u64,
}

impl Answers {
    fn get<T: Send + Sync + 'static>(&self, key: &Key) -> Option<Arc<T>> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.clock += 1;
        let now = inner.clock;
        let kept = inner.kept.get_mut(key)?;
        kept.used = now;
        kept.answer.clone().downcast().ok()
    }

    /// Forgets all of a repository.
    pub(crate) fn forget(&self, repository: RepoId) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.kept.retain(|(of, ..), _| *of != repository);
        inner.bytes = inner.kept.values().map(|kept| kept.bytes).sum();
    }

    fn put<T: Send + Sync + 'static>(&self, key: Key, answer: Arc<T>, bytes: usize) {
        let bytes = bytes.saturating_add(ENTRY_BYTES);
        if bytes > MAX_ONE_BYTES {
            return;
        }
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.clock += 1;
        let used = inner.clock;
        if inner.bytes + bytes > MAX_BYTES {
            inner.free(FREED_BYTES + bytes);
        }
        inner.bytes += bytes;
        let kept = Kept { answer, bytes, used };
        if let Some(old) = inner.kept.insert(key, kept) {
            inner.bytes -= old.bytes;
        }
    }
}

impl Inner {
    /// Forgets what was not used for longest.
    fn free(&mut self, bytes: usize) {
        let mut by_age: Vec<(u64, usize)> = self.kept.values().map(|kept| (kept.used, kept.bytes)).collect();
        by_age.sort_unstable();
        let mut freed = 0;
        let oldest = by_age
            .into_iter()
            .take_while(|(_, bytes_of)| {
                let goes = freed < bytes;
                freed += bytes_of;
                goes
            })
            .last();
        if let Some((oldest, _)) = oldest {
            self.kept.retain(|_, kept| kept.used > oldest);
            self.bytes = self.kept.values().map(|kept| kept.bytes).sum();
        }
    }
}

fn key(repository: &Repository, question: Question) -> Key {
    let epochs = (repository.restore_epoch, repository.access_epoch);
    (repository.id, epochs, question)
}

/// What a door made of a repository's objects before ([`View::keep_rendered`]), under a name that
/// says all on which it depends: the commits or objects, the path, and in which form. Nothing is
/// opened for it. `None` where it is to be made.
pub fn rendered<T: Send + Sync + 'static>(
    forge: &Forge,
    permit: &Permit<ReadRepo>,
    name: &str,
) -> Option<Arc<T>> {
    let key = key(permit.on(), Question::Rendered(name.to_owned()));
    forge.local_git().answers.get(&key)
}

impl View {
    fn key(&self, question: Question) -> Key {
        key(self.repository(), question)
    }

    /// An answer from before, or one that is found now. It is kept where `bytes` says how large
    /// it is, and not where it may become another.
    pub(super) async fn answer<T: Clone + Send + Sync + 'static>(
        &self,
        question: Question,
        bytes: impl FnOnce(&T) -> Option<usize>,
        find: impl Future<Output = Result<T, BrowseError>>,
    ) -> Result<T, BrowseError> {
        let key = self.key(question);
        let answers = &self.forge.local_git().answers;
        if let Some(kept) = answers.get::<T>(&key) {
            metrics::counter!("plue_browse_answers_total", "outcome" => "kept").increment(1);
            return Ok((*kept).clone());
        }
        metrics::counter!("plue_browse_answers_total", "outcome" => "found").increment(1);
        let found = find.await?;
        if let Some(bytes) = bytes(&found) {
            answers.put(key, Arc::new(found.clone()), bytes);
        }
        Ok(found)
    }

    /// Keeps what a door made for [`rendered`]; `bytes` is how much memory it takes. It must
    /// follow from immutable objects alone.
    pub fn keep_rendered<T: Send + Sync + 'static>(&self, name: &str, rendered: Arc<T>, bytes: usize) {
        let key = self.key(Question::Rendered(name.to_owned()));
        self.forge
            .local_git()
            .answers
            .put(key, rendered, bytes + name.len());
    }
}

/// A busy answer for what takes longer than one look may.
pub(super) const TOO_LONG: Error = Error::Busy { retry_after_s: 30 };

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: i64, name: &str) -> Key {
        (RepoId(id), (1, 0), Question::Rendered(name.to_owned()))
    }

    #[test]
    fn answers_are_kept_by_repository_and_the_oldest_go_first() {
        let answers = Answers::default();
        answers.put(key(1, "a"), Arc::new(1_u32), 10);
        assert_eq!(answers.get::<u32>(&key(1, "a")).as_deref(), Some(&1));
        assert_eq!(answers.get::<u32>(&key(2, "a")), None);
        assert_eq!(answers.get::<u64>(&key(1, "a")), None);
        answers.put(key(1, "large"), Arc::new(2_u32), MAX_ONE_BYTES);
        assert_eq!(answers.get::<u32>(&key(1, "large")), None);
        for n in 0..100 {
            answers.put(key(3, &n.to_string()), Arc::new(n), MAX_BYTES / 20);
            // What is used stays.
            assert!(answers.get::<u32>(&key(1, "a")).is_some(), "{n}");
            let inner = answers.inner.lock().unwrap();
            assert!(inner.bytes <= MAX_BYTES);
            assert_eq!(
                inner.bytes,
                inner.kept.values().map(|kept| kept.bytes).sum::<usize>()
            );
        }
        assert_eq!(answers.get::<i32>(&key(3, "0")), None);
        assert_eq!(answers.get::<i32>(&key(3, "99")).as_deref(), Some(&99));
        // The same question again takes no more room.
        let before = answers.inner.lock().unwrap().bytes;
        answers.put(key(3, "99"), Arc::new(99), MAX_BYTES / 20);
        assert_eq!(answers.inner.lock().unwrap().bytes, before);
    }
}
