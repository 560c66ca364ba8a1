//! Step 7 of a push: the one transaction in which it happens or does not.
//!
//! With the repository's row locked, what was true when the push was checked is looked at again:
//! the permit, the quotas, and every ref, which must still stand where the pusher saw it.

use super::{CLEANED_UP, Proposal, RefOutcome, Soil};
use crate::access::{self, live};
use crate::clock::Clock;
use crate::expiry::LOOK_AFTER_MS;
use crate::failpoints::hit;
use crate::jobs::{self, Job, NewJob};
use crate::repositories::{self, Repository};
use crate::settings::PushLimits;
use crate::{Error, Forge, events, maintenance};
use plue_contract::events::{Bookmark, Event, Pushed};
use plue_contract::{Caller, PackId, PushId, RepoId, Who, causes};
use plue_git::oid::Oid;
use plue_git::refname::RefName;
use plue_git::wire::receive::RefUpdate;
use plue_store::packs as pack_rows;
use plue_store::pushes::{self as push_rows, NewPushRow};
use plue_store::refs::{self as ref_rows, BATCH, RefRow};
use plue_store::repositories::{self as rows, PushedRow};
use plue_store::{StoreError, Tx, TxError};
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Pushes that create no more refs than this ask for each whether others lie below it; larger
/// ones read all names once.
const ASK_EACH: usize = 64;

/// One push, checked and uploaded, as it goes into the transaction.
pub(super) struct Landing<'a> {
    pub(super) push: PushId,
    pub(super) id: RepoId,
    pub(super) soil: &'a Soil,
    pub(super) caller: &'a Caller,
    pub(super) proposal: &'a Proposal,
    /// For each update of the proposal: why it was refused already, if it was.
    pub(super) refused: Vec<Option<String>>,
    /// What the new objects that are tags lead to.
    pub(super) peeled: &'a HashMap<Oid, Oid>,
    /// The uploaded pack and its size in bytes.
    pub(super) pack: Option<(PackId, u64)>,
}

/// What the transaction did.
#[derive(Clone, Debug)]
pub(super) struct Landed {
    /// The repository as it was before; of one that the push made, as it was made.
    pub(super) repository: Repository,
    /// What became of each ref; [`None`] of a transaction that changed nothing.
    pub(super) outcomes: Vec<RefOutcome>,
    /// Whether anything changed.
    pub(super) changed: bool,
}

/// Why the transaction did not do what was asked.
pub(super) enum LandError {
    /// Nothing would change: the transaction is undone, and this is what became of the refs.
    Nothing(Box<Landed>),
    /// The repository has as many packs as it may: they are to be rolled up first.
    Crowded,
    /// Anything else.
    Forge(Error),
}

impl<E: Into<Error>> From<E> for LandError {
    fn from(error: E) -> Self {
        Self::Forge(error.into())
    }
}

impl TxError for LandError {
    fn as_store(&self) -> Option<&StoreError> {
        match self {
            Self::Forge(error) => error.as_store(),
            Self::Nothing(_) | Self::Crowded => None,
        }
    }
}

/// Runs the transaction. Where the connection is lost during COMMIT, the push is looked up by its
/// id; where even that fails, so does this.
pub(super) async fn land(forge: &Forge, landing: &Landing<'_>, clock: &Clock) -> Result<Landed, LandError> {
    let now_ms = clock.now_ms();
    let limits = &forge.settings().limits;
    let nearly = Mutex::new(None);
    let outcome = forge
        .store()
        .in_tx("pushes.accept", |tx| {
            let nearly = &nearly;
            Box::pin(async move {
                let landed = landing.run(tx, limits, now_ms).await?;
                *nearly.lock().unwrap_or_else(PoisonError::into_inner) = Some(landed.clone());
                Ok(landed)
            })
        })
        .await;
    match outcome {
        Ok(landed) => Ok(landed),
        Err(LandError::Nothing(landed)) => Ok(*landed),
        Err(LandError::Forge(unknown)) if unknown.is_outcome_unknown() => {
            let landed = nearly.into_inner().unwrap_or_else(PoisonError::into_inner);
            match (find_out(forge, landing).await, landed) {
                (Some(true), Some(landed)) => Ok(landed),
                (Some(false), _) => Err(Error::Busy { retry_after_s: 5 }.into()),
                _ => Err(unknown.into()),
            }
        }
        Err(error) => Err(error),
    }
}

/// Whether a push whose COMMIT was lost happened; none where that cannot be said for certain.
async fn find_out(forge: &Forge, landing: &Landing<'_>) -> Option<bool> {
    let (push, id) = (&landing.push, landing.id);
    for pause_ms in [0, 200, 1000, 3000] {
        tokio::time::sleep(Duration::from_millis(pause_ms)).await;
        // The lost transaction may still be under way: its lock on the row says when it is not.
        let found = forge
            .store()
            .in_tx("pushes.find_out", |tx| {
                Box::pin(async move {
                    let locked = rows::lock(tx, id).await?;
                    let found = push_rows::generation(tx, push).await?.is_some();
                    Ok::<_, StoreError>((locked, found))
                })
            })
            .await;
        match found {
            Ok((_, true)) => return Some(true),
            Ok((true, false)) => return Some(false),
            // A repository that the push itself was to make has no row to wait for.
            Ok((false, false)) => {}
            Err(error) => {
                tracing::warn!(%push, error = %causes(&error), "the outcome of a push could not be looked up")
            }
        }
    }
    None
}

/// What is to be written, as far as it was found good.
#[derive(Default)]
struct Plan<'a> {
    puts: Vec<&'a RefUpdate>,
    deletes: Vec<&'a RefUpdate>,
    created: i64,
}

impl Landing<'_> {
    async fn run(&self, tx: &mut Tx<'_>, limits: &PushLimits, now_ms: i64) -> Result<Landed, LandError> {
        let repository = self.repository(tx, now_ms).await?;
        hit("push-7-locked")?;
        let mut refused = self.refused.clone();
        for (update, why) in self.proposal.updates.iter().zip(&mut refused) {
            if why.is_none() {
                *why = access::repositories::may_move(self.caller, &repository, update).err();
            }
        }
        let plan = self.judge(tx, &mut refused).await?;
        let outcomes = self.outcomes(refused);
        if plan.puts.is_empty() && plan.deletes.is_empty() {
            return Err(LandError::Nothing(Box::new(Landed {
                repository,
                outcomes,
                changed: false,
            })));
        }
        let removed = i64::try_from(plan.deletes.len()).unwrap_or(i64::MAX);
        let refs_added = plan.created - removed;
        let bytes_added = self
            .pack
            .as_ref()
            .map_or(0, |(_, bytes)| i64::try_from(*bytes).unwrap_or(i64::MAX));
        check_quotas(&repository, refs_added, bytes_added, limits)?;
        self.write_refs(tx, &plan).await?;
        hit("push-7-refs")?;
        let mut packs = 0;
        if let Some((pack, _)) = &self.pack {
            if !pack_rows::set_live(tx, pack).await? {
                return Err(Error::Refused(
                    "This push took too long, and its upload was given up; please push again.".to_owned(),
                )
                .into());
            }
            packs = pack_rows::count(tx, self.id, "live").await?;
            if packs > maintenance::MOST_PACKS {
                return Err(LandError::Crowded);
            }
        }
        hit("push-7-live")?;
        let pushed = PushedRow {
            found_generation: repository.generation,
            default_bookmark: first_bookmark(&repository, &plan),
            refs_added,
            bytes_added,
        };
        if !rows::pushed(tx, self.id, pushed, now_ms).await? {
            return Err(Error::Internal("the generation moved under the lock".to_owned()).into());
        }
        let maintain_at_ms = match packs >= maintenance::MANY_PACKS {
            true => now_ms,
            false => now_ms + jobs::MAINTAIN_AFTER_MS,
        };
        self.note(tx, &repository, &plan, maintain_at_ms, now_ms).await?;
        hit("push-7-jobs")?;
        Ok(Landed {
            repository,
            outcomes,
            changed: true,
        })
    }

    /// The repository, locked, and still open to this caller; or made.
    async fn repository(&self, tx: &mut Tx<'_>, now_ms: i64) -> Result<Repository, LandError> {
        match self.soil {
            Soil::Existing { pinned, .. } => {
                rows::lock(tx, self.id).await?;
                let repository = access::repositories::push_again(tx, self.caller, self.id, now_ms).await?;
                if pinned.generation() <= repository.expired_generation {
                    return Err(Error::Refused(CLEANED_UP.to_owned()).into());
                }
                Ok(repository)
            }
            Soil::New(making) => {
                live(tx, self.caller, now_ms).await?;
                Ok(repositories::make(tx, self.id, self.caller, making, now_ms).await?)
            }
        }
    }

    /// Compares every ref with what the pusher saw, in the order of their names, and finds names
    /// that stand in each other's way.
    async fn judge(&self, tx: &mut Tx<'_>, refused: &mut [Option<String>]) -> Result<Plan<'_>, StoreError> {
        let mut order: Vec<usize> = (0..self.proposal.updates.len())
            .filter(|&at| refused[at].is_none())
            .collect();
        order.sort_unstable_by_key(|&at| self.proposal.updates[at].name.as_str());
        let mut current = HashMap::new();
        for batch in order.chunks(BATCH) {
            let names: Vec<&[u8]> = batch
                .iter()
                .map(|&at| self.proposal.updates[at].name.as_str().as_bytes())
                .collect();
            current.extend(ref_rows::some(tx, self.id, &names).await?);
        }
        let (mut moves, mut creates, mut deletes) = (Vec::new(), Vec::new(), Vec::new());
        for at in order {
            let update = &self.proposal.updates[at];
            let now = current.get(update.name.as_str().as_bytes());
            match verdict(update, now.map(Vec::as_slice)) {
                Verdict::Stands => {}
                Verdict::Moved(why) => refused[at] = Some(why.to_owned()),
                Verdict::Put if now.is_some() => moves.push(at),
                Verdict::Put => creates.push(at),
                Verdict::Delete => deletes.push(at),
            }
        }
        let gone: HashSet<&[u8]> = deletes
            .iter()
            .map(|&at| self.proposal.updates[at].name.as_str().as_bytes())
            .collect();
        let taken = self.names_in_the_way(tx, &creates, &gone).await?;
        let mut made: HashSet<&str> = HashSet::new();
        creates.retain(|&at| {
            let name = self.proposal.updates[at].name.as_str();
            // In the order of names `a` comes before `a/b`, so that looking up is enough.
            let above =
                directories(name).find(|above| made.contains(above) || taken.contains(above.as_bytes()));
            if let Some(above) = above {
                refused[at] = Some(format!(
                    "{above} exists, so nothing can lie below it; delete or rename it first"
                ));
            } else if taken.contains(format!("{name}/").as_bytes()) {
                refused[at] = Some(format!(
                    "there are refs below {name}/; delete or rename them first"
                ));
            } else {
                made.insert(name);
            }
            refused[at].is_none()
        });
        if self.proposal.atomic && refused.iter().any(Option::is_some) {
            for why in refused.iter_mut().filter(|why| why.is_none()) {
                *why = Some("atomic push: another ref was refused".to_owned());
            }
            return Ok(Plan::default());
        }
        let pick = |at: &usize| &self.proposal.updates[*at];
        Ok(Plan {
            created: i64::try_from(creates.len()).unwrap_or(i64::MAX),
            puts: moves.iter().chain(&creates).map(pick).collect(),
            deletes: deletes.iter().map(pick).collect(),
        })
    }

    /// Of the refs that stay: those that lie above a name that is to be created, and, with a
    /// slash at the end, the created names below which any lie.
    async fn names_in_the_way(
        &self,
        tx: &mut Tx<'_>,
        creates: &[usize],
        gone: &HashSet<&[u8]>,
    ) -> Result<HashSet<Vec<u8>>, StoreError> {
        let mut taken = HashSet::new();
        if matches!(self.soil, Soil::New(_)) || creates.is_empty() {
            return Ok(taken);
        }
        let names = creates.iter().map(|&at| self.proposal.updates[at].name.as_str());
        let above: HashSet<&str> = names.clone().flat_map(directories).collect();
        let above: Vec<&[u8]> = above.into_iter().map(str::as_bytes).collect();
        for batch in above.chunks(BATCH) {
            let found = ref_rows::some(tx, self.id, batch).await?;
            taken.extend(found.into_iter().map(|(name, _)| name));
        }
        if creates.len() <= ASK_EACH {
            let enough = i64::try_from(gone.len()).unwrap_or(i64::MAX - 1) + 1;
            for name in names {
                let directory = format!("{name}/").into_bytes();
                let below = ref_rows::below(tx, self.id, &directory, enough).await?;
                if below.iter().any(|name| !gone.contains(name.as_slice())) {
                    taken.insert(directory);
                }
            }
        } else {
            let created: HashSet<&[u8]> = names.map(str::as_bytes).collect();
            for row in ref_rows::all(tx, self.id).await? {
                if gone.contains(row.name.as_slice()) {
                    continue;
                }
                for (at, _) in row.name.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
                    if created.contains(&row.name[..at]) {
                        taken.insert(row.name[..=at].to_vec());
                    }
                }
            }
        }
        taken.retain(|name| !gone.contains(name.as_slice()));
        Ok(taken)
    }

    async fn write_refs(&self, tx: &mut Tx<'_>, plan: &Plan<'_>) -> Result<(), StoreError> {
        for batch in plan.deletes.chunks(BATCH) {
            let names: Vec<&[u8]> = batch
                .iter()
                .map(|update| update.name.as_str().as_bytes())
                .collect();
            ref_rows::remove(tx, self.id, &names).await?;
        }
        let mut puts: Vec<RefRow> = plan
            .puts
            .iter()
            .map(|update| RefRow {
                name: update.name.as_str().as_bytes().to_vec(),
                oid: update.new.as_bytes().to_vec(),
                peeled: self.peeled.get(&update.new).map(|oid| oid.as_bytes().to_vec()),
            })
            .collect();
        puts.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        for batch in puts.chunks(BATCH) {
            ref_rows::put(tx, self.id, batch).await?;
        }
        Ok(())
    }

    /// Writes down that it was pushed, and asks for what follows.
    async fn note(
        &self,
        tx: &mut Tx<'_>,
        repository: &Repository,
        plan: &Plan<'_>,
        maintain_at_ms: i64,
        now_ms: i64,
    ) -> Result<(), LandError> {
        let options = serde_json::to_string(&self.proposal.options)
            .map_err(|error| Error::Internal(format!("push options: {error}")))?;
        let row = NewPushRow {
            id: &self.push,
            repository: self.id,
            account: self.caller.account(),
            deploy_key: match self.caller.who {
                Who::DeployKey { id, .. } => Some(id),
                _ => None,
            },
            pack: self.pack.as_ref().map(|(pack, _)| pack),
            generation: repository.generation + 1,
            options: &options,
            request_id: &self.caller.request_id,
        };
        push_rows::insert(tx, row, now_ms).await?;
        let bytes = |oid: &Oid| (!oid.is_zero()).then(|| oid.as_bytes().to_vec());
        let updates: Vec<_> = plan
            .deletes
            .iter()
            .chain(&plan.puts)
            .map(|update| {
                let name = update.name.as_str().as_bytes().to_vec();
                (name, bytes(&update.old), bytes(&update.new))
            })
            .collect();
        push_rows::insert_updates(tx, &self.push, &updates).await?;
        let repository = self.id;
        for (job, run_after_ms) in [
            (Job::Prepare { repository }, now_ms),
            (Job::Maintain { repository }, maintain_at_ms),
            (Job::Expire { repository }, now_ms + LOOK_AFTER_MS),
        ] {
            let new = NewJob { job, run_after_ms };
            jobs::enqueue_in(tx, new, &self.caller.request_id, now_ms).await?;
        }
        let moved = plan.deletes.iter().chain(&plan.puts);
        let told: Vec<Event> = moved.flat_map(|update| happened(update)).collect();
        events::tell(tx, self.caller, repository, &told, now_ms).await?;
        Ok(())
    }

    fn outcomes(&self, refused: Vec<Option<String>>) -> Vec<RefOutcome> {
        let names = self.proposal.updates.iter().map(|update| update.name.clone());
        names
            .zip(refused.into_iter().map(|why| why.map_or(Ok(()), Err)))
            .collect()
    }
}

/// What is told of a ref that moves: where it is a bookmark or a tag that is made, that it is, and then
/// what was pushed to it; of one that is removed in the other order.
fn happened(update: &RefUpdate) -> Vec<Event> {
    let name = &update.name;
    let text = |oid: &Oid| (!oid.is_zero()).then(|| oid.to_string());
    let (before, after) = (text(&update.old), text(&update.new));
    let kind = match name.as_str() {
        name if name.starts_with("refs/heads/") => Some("branch"),
        name if name.starts_with("refs/tags/") => Some("tag"),
        _ => None,
    };
    let bookmark = |at: &str| {
        kind.map(|kind| Bookmark {
            name: name.short().to_owned(),
            kind: kind.to_owned(),
            at: at.to_owned(),
        })
    };
    let made = match (&before, &after) {
        (None, Some(at)) => bookmark(at).map(Event::BookmarkCreated),
        _ => None,
    };
    let removed = match (&before, &after) {
        (Some(at), None) => bookmark(at).map(Event::BookmarkDeleted),
        _ => None,
    };
    let pushed = Event::RepoPushed(Pushed {
        r#ref: name.to_string(),
        before,
        after,
        commits: None,
        forced: None,
    });
    made.into_iter().chain([pushed]).chain(removed).collect()
}

enum Verdict {
    /// It is as the pusher wants it already.
    Stands,
    Put,
    Delete,
    Moved(&'static str),
}

/// Compares where a ref stands with where the pusher saw it. A push that is repeated because its
/// answer was lost finds its refs where it wants them, and is right.
fn verdict(update: &RefUpdate, now: Option<&[u8]>) -> Verdict {
    let (old, new) = (&update.old, &update.new);
    let wanted = (!new.is_zero()).then(|| new.as_bytes());
    let seen = (!old.is_zero()).then(|| old.as_bytes());
    match (now == wanted, now == seen) {
        (true, _) => Verdict::Stands,
        (false, true) if wanted.is_none() => Verdict::Delete,
        (false, true) => Verdict::Put,
        (false, false) if now.is_none() => Verdict::Moved("it was deleted meanwhile; fetch, then push again"),
        (false, false) if seen.is_none() => {
            Verdict::Moved("it was created meanwhile; fetch, then push again")
        }
        (false, false) => Verdict::Moved("it was moved meanwhile; fetch, then push again"),
    }
}

/// The names that would have to be directories for this name to exist: of `refs/heads/a/b` they
/// are `refs/heads/a` and `refs/heads`.
fn directories(name: &str) -> impl Iterator<Item = &str> + Clone {
    name.match_indices('/').skip(1).map(|(at, _)| &name[..at])
}

fn check_quotas(
    repository: &Repository,
    refs_added: i64,
    bytes_added: i64,
    limits: &PushLimits,
) -> Result<(), Error> {
    let refs = repository.ref_count.saturating_add(refs_added);
    if refs_added > 0 && u64::try_from(refs).unwrap_or(0) > limits.refs_per_repository {
        return Err(Error::Refused(format!(
            "A repository may have at most {} refs, and this push would make it {refs}; delete some first.",
            limits.refs_per_repository
        )));
    }
    let bytes = repository.size_bytes.saturating_add(bytes_added);
    if bytes_added > 0 && u64::try_from(bytes).unwrap_or(0) > limits.repository_bytes {
        return Err(Error::Refused(format!(
            "A repository may have at most {} bytes, and this push would make it {bytes}.",
            limits.repository_bytes
        )));
    }
    Ok(())
}

/// The branch that becomes the default bookmark of a repository that had no refs, where the push
/// does not bring the one that `HEAD` names.
fn first_bookmark<'a>(repository: &Repository, plan: &Plan<'a>) -> Option<&'a str> {
    if repository.ref_count > 0 {
        return None;
    }
    let branches: Vec<&RefName> = plan
        .puts
        .iter()
        .map(|update| &update.name)
        .filter(|name| name.is_branch())
        .collect();
    let named = |short: &str| branches.iter().find(|name| name.short() == short);
    if named(&repository.default_bookmark).is_some() {
        return None;
    }
    let first = ["main", "master", "trunk"].iter().find_map(|short| named(short));
    first.or(branches.first()).map(|name| name.short())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_of_a_name() {
        let of = |name| directories(name).collect::<Vec<_>>();
        assert_eq!(of("refs/heads/a/b"), ["refs/heads", "refs/heads/a"]);
        assert_eq!(of("refs/stash"), [] as [&str; 0]);
    }

    #[test]
    fn a_ref_moves_only_from_where_the_pusher_saw_it() {
        let oid = |byte: u8| Oid::from_bytes(&[byte; 20]).unwrap();
        let judge = |old: u8, new: u8, now: Option<u8>| {
            let update = RefUpdate {
                name: "refs/heads/a".parse().unwrap(),
                old: oid(old),
                new: oid(new),
            };
            let now = now.map(|byte| [byte; 20]);
            match verdict(&update, now.as_ref().map(|now| now.as_slice())) {
                Verdict::Stands => "stands",
                Verdict::Put => "put",
                Verdict::Delete => "delete",
                Verdict::Moved(why) => why.split(' ').nth(2).unwrap(),
            }
        };
        assert_eq!(judge(0, 1, None), "put");
        assert_eq!(judge(1, 2, Some(1)), "put");
        assert_eq!(judge(1, 0, Some(1)), "delete");
        assert_eq!(judge(0, 1, Some(1)), "stands", "a repeated push");
        assert_eq!(judge(1, 0, None), "stands", "a repeated deletion");
        assert_eq!(judge(0, 1, Some(2)), "created");
        assert_eq!(judge(1, 2, Some(3)), "moved");
        assert_eq!(judge(1, 2, None), "deleted");
        assert_eq!(judge(1, 0, Some(3)), "moved");
    }
}
