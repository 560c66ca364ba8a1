//! Objects that nothing refers to any more, and their end.
//!
//! What a forced push or a deleted bookmark left behind is first put into a pack of its own, with
//! the moment at which it was found; once it has lain there for the grace period, it goes. An
//! object that is referred to again meanwhile comes back from there. What must not stay that long,
//! a secret, is removed at once by [`purge`].
//!
//! A pack goes only in a transaction that finds the very generation at which its objects were
//! found to be in nobody's way, and a push that was checked against that generation or an earlier
//! one is asked to come again: it may count on what is gone.

use crate::access::Permit;
use crate::access::accounts::Administer;
use crate::access::repositories::read;
use crate::audit::{Action, Note, note};
use crate::clock::Clock;
use crate::edge::{self, Change};
use crate::jobs::{self, Job, NewJob};
use crate::pushes::upload::{abandon, total_bytes, upload};
use crate::repositories::Repository;
use crate::{Error, Forge, cache, maintenance, sweeper, transport};
use plue_contract::{PackId, RepoId, RepoPath, causes};
use plue_git::cache::PackFiles;
use plue_git::maintenance::{Parted, count_distinct, count_reachable, part};
use plue_git::oid::Oid;
use plue_git::quarantine::Quarantine;
use plue_store::packs::{self as pack_rows, PackRow};
use plue_store::repositories::{self as rows, PartedRow};
use serde_json::json;

/// How long after a push a repository is looked through for what nothing refers to, in
/// milliseconds: a week of pushes is one look.
pub(crate) const LOOK_AFTER_MS: i64 = 7 * 24 * 60 * 60 * 1000;
/// How often objects are parted again because a push came in meanwhile.
const TRIES: usize = 5;

/// What [`purge`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purged {
    /// The repository, as it is now.
    pub repository: Repository,
    /// How many objects went: the one that was named, and all others that nothing refers to.
    pub objects: u64,
}

/// What there was when the objects were parted, and what is to stand in its place.
struct Swap {
    found_generation: i64,
    /// The packs that go.
    old: Vec<PackRow>,
    /// Those that stay.
    keep: Vec<PackRow>,
    /// What takes the place of those that go: its id, and its size in bytes.
    new: Vec<(PackId, u64)>,
    /// When the time of the first of those that stay is over, in milliseconds since 1970.
    look_again_ms: Option<i64>,
}

/// Puts what nothing refers to into a pack of its own, and removes such packs whose time is over.
/// A repository that is gone, or in which pushes left no time for it, needs nothing now.
pub(crate) async fn expire(forge: &Forge, id: RepoId, now_ms: i64) -> Result<(), Error> {
    let clock = Clock::set(now_ms);
    let Some(repository) = maintenance::find(forge, id).await? else {
        return Ok(());
    };
    let _alone = forge.caches().rolling_up(id).await;
    let live = pack_rows::live(&mut forge.store().read().await?, id).await?;
    if live.iter().all(|pack| pack.unreachable_since_ms.is_none()) {
        let (pinned, refs) = cache::open_with_refs(forge, &repository).await?;
        let tips: Vec<Oid> = refs.iter().map(|packed| packed.oid).collect();
        let reachable = count_reachable(forge.git(), pinned.bare(), &tips)
            .await
            .map_err(|error| Error::Internal(format!("counting objects: {error}")))?;
        let (bare, packs) = (pinned.bare().clone(), pinned.packs().to_vec());
        if reachable == cache::blocking(move || count_distinct(&bare, &packs)).await? {
            return Ok(());
        }
    }
    for _ in 0..TRIES {
        let Some(repository) = maintenance::find(forge, id).await? else {
            return Ok(());
        };
        let begun = Parting::begin(forge, &repository, None, &clock).await?;
        if let Some((parting, parted)) = begun
            && parting.finish(forge, &parted, &clock).await?.is_some()
        {
            return Ok(());
        }
    }
    Err(Error::Busy { retry_after_s: 60 })
}

/// Removes an object for good that nothing refers to, from packs, blob store and copies, with
/// whatever else nothing refers to. What was kept of the repository's pages is not shown again.
///
/// [`Error::Refused`] where something refers to it still, [`Error::NotFound`] where the repository
/// has no such object, [`Error::Busy`] where pushes leave no time for it.
pub async fn purge(
    forge: &Forge,
    permit: Permit<Administer>,
    path: &RepoPath,
    oid: &str,
    now_ms: i64,
) -> Result<Purged, Error> {
    let clock = Clock::set(now_ms);
    let caller = permit.caller();
    let repository = read(forge, caller, path, now_ms).await?.on().clone();
    let oid = Oid::parse(oid, repository.object_format).map_err(|_| {
        Error::Refused(format!(
            "`{oid}` is no full id of an object in {path}; `git rev-parse` prints one"
        ))
    })?;
    let id = repository.id;
    let alone = forge.caches().rolling_up(id).await;
    for _ in 0..TRIES {
        let repository = maintenance::find(forge, id).await?.ok_or(Error::NotFound)?;
        let purge = Some((&permit, oid));
        let Some((parting, parted)) = Parting::begin(forge, &repository, purge, &clock).await? else {
            continue;
        };
        if has(parted.reachable.as_ref(), oid)? {
            return Err(Error::Refused(format!(
                "something in {path} still refers to {oid}: rewrite the history that holds it, push it by force and \
                 delete what else leads to it, then try again; `git log --all --find-object={oid}` shows where it is"
            )));
        }
        if !has(parted.rest.as_ref(), oid)? {
            return Err(Error::NotFound);
        }
        let objects = parted.rest.as_ref().map_or(0, |rest| rest.objects);
        let Some(after) = parting.finish(forge, &parted, &clock).await? else {
            continue;
        };
        drop(alone);
        let change = Change {
            hidden: true,
            ..Change::of(&after)
        };
        edge::settle(forge, change, &clock).await;
        forget(forge, id, clock.now_ms()).await;
        return Ok(Purged {
            repository: after,
            objects,
        });
    }
    Err(Error::Busy { retry_after_s: 60 })
}

/// Removes from this machine what was made of objects that are gone. What fails here is done by the
/// sweeper and by the next reader.
async fn forget(forge: &Forge, id: RepoId, now_ms: i64) {
    forge.local_git().answers.forget(id);
    let forgotten = async {
        transport::forget_packs(forge).await?;
        cache::evict(forge, id).await?;
        sweeper::sweep_uploads(forge, now_ms).await
    };
    if let Err(error) = forgotten.await {
        tracing::warn!(repository = %id, error = %causes(&error), "an object is purged, and what was kept of it goes later");
    }
}

fn has(pack: Option<&PackFiles>, oid: Oid) -> Result<bool, Error> {
    let has = pack.map(|pack| pack.contains(oid)).transpose();
    has.map(|has| has.unwrap_or(false))
        .map_err(|error| Error::Internal(format!("a pack's index: {error}")))
}

/// Who removes which object at once, with all else that nothing refers to; none where such objects stay
/// until they have been found so for the grace period.
type Purge<'a> = Option<(&'a Permit<Administer>, Oid)>;

/// The objects of one generation of a repository, being parted.
struct Parting<'a> {
    purge: Purge<'a>,
    id: RepoId,
    generation: i64,
    live: Vec<PackRow>,
    /// Which of these stay because their time is not over.
    aging: Vec<usize>,
    /// Holds the files of what was parted.
    quarantine: Quarantine,
    /// Keeps what is parted where it is.
    pinned: cache::Pinned,
}

impl<'a> Parting<'a> {
    /// Parts what there is now; none where a push came in between.
    async fn begin(
        forge: &Forge,
        repository: &Repository,
        purge: Purge<'a>,
        clock: &Clock,
    ) -> Result<Option<(Self, Parted)>, Error> {
        let (pinned, refs) = cache::open_with_refs(forge, repository).await?;
        let live = pack_rows::live(&mut forge.store().read().await?, repository.id).await?;
        let over_ms = clock.now_ms().saturating_sub(forge.settings().expiry_grace_ms);
        let (mut parted, mut aging) = (Vec::new(), Vec::new());
        for (at, pack) in live.iter().enumerate() {
            let checksum = Oid::parse(&pack.checksum, repository.object_format).map_err(|_| {
                Error::Internal(format!("repository {} has a pack that is none", repository.id))
            })?;
            if !pinned.packs().contains(&checksum) {
                return Ok(None);
            }
            match pack.unreachable_since_ms {
                // What was found before ages on where it is, until its time is over.
                Some(since_ms) if purge.is_none() && since_ms > over_ms => aging.push((at, checksum)),
                Some(_) if purge.is_none() => {}
                _ => parted.push(checksum),
            }
        }
        let mut quarantine = maintenance::quarantine(forge, &pinned).await?;
        let tips: Vec<Oid> = refs.iter().map(|packed| packed.oid).collect();
        let left = clock.left(forge.settings().deadline_ms);
        let (aging, others): (Vec<usize>, Vec<Oid>) = aging.into_iter().unzip();
        let parting = part(forge.git(), &mut quarantine, &tips, &parted, &others);
        let parted = tokio::time::timeout(left, parting)
            .await
            .map_err(|_| Error::Busy { retry_after_s: 60 })??;
        let parting = Self {
            purge,
            id: repository.id,
            generation: pinned.generation(),
            aging,
            live,
            quarantine,
            pinned,
        };
        Ok(Some((parting, parted)))
    }

    /// Puts what was parted in the place of what there was, and shows it; none where a push came
    /// in between.
    async fn finish(
        self,
        forge: &Forge,
        parted: &Parted,
        clock: &Clock,
    ) -> Result<Option<Repository>, Error> {
        let now_ms = clock.now_ms();
        let mut live: Vec<Option<PackRow>> = self.live.into_iter().map(Some).collect();
        let keep: Vec<PackRow> = self.aging.iter().filter_map(|&at| live[at].take()).collect();
        let mut since_ms: Vec<i64> = keep.iter().filter_map(|pack| pack.unreachable_since_ms).collect();
        let mut files = Vec::new();
        if let Some(reachable) = &parted.reachable {
            files.push((reachable, None));
        }
        if let (Some(rest), None) = (&parted.rest, self.purge) {
            files.push((rest, Some(now_ms)));
            since_ms.push(now_ms);
        }
        let grace_ms = forge.settings().expiry_grace_ms;
        let mut swap = Swap {
            found_generation: self.generation,
            keep,
            old: live.into_iter().flatten().collect(),
            new: Vec::new(),
            look_again_ms: since_ms
                .into_iter()
                .min()
                .map(|since| since.saturating_add(grace_ms)),
        };
        for (files, since_ms) in &files {
            match upload(forge, self.id, files, *since_ms, clock).await {
                Ok(pack) => swap.new.push((pack, total_bytes(files))),
                Err(error) => {
                    give_up(forge, &swap).await;
                    return Err(error);
                }
            }
        }
        let swapped = run(forge, self.id, &swap, self.purge, now_ms).await;
        if !matches!(&swapped, Ok(Some(_))) && !matches!(&swapped, Err(error) if error.is_outcome_unknown()) {
            give_up(forge, &swap).await;
        }
        let Some(after) = swapped? else {
            return Ok(None);
        };
        // Nobody else may be reading what has gone, and then it leaves the copy at once.
        drop(self.pinned);
        for (files, _) in files {
            let shown = cache::materialise(forge, self.id, after.object_format, Some(files.clone()));
            if let Err(error) = shown.await {
                tracing::warn!(repository = %self.id, error = %causes(&error), "objects are parted, and the copy does not show it yet");
            }
        }
        drop(self.quarantine);
        metrics::counter!("plue_packs_parted_total").increment(swap.old.len() as u64);
        Ok(Some(after))
    }
}

async fn give_up(forge: &Forge, swap: &Swap) {
    for (pack, _) in &swap.new {
        abandon(forge, pack).await;
    }
}

/// The transaction; none where the repository is not as it was when its objects were parted.
async fn run(
    forge: &Forge,
    id: RepoId,
    swap: &Swap,
    purge: Purge<'_>,
    now_ms: i64,
) -> Result<Option<Repository>, Error> {
    let lease_until_ms = maintenance::readable_until_ms(forge, now_ms);
    forge
        .store()
        .in_tx("packs.part", |tx| {
            Box::pin(async move {
                rows::lock(tx, id).await?;
                let kept = swap.keep.iter().map(|pack| pack.size_bytes);
                let new = swap
                    .new
                    .iter()
                    .map(|(_, bytes)| i64::try_from(*bytes).unwrap_or(i64::MAX));
                let parted = PartedRow {
                    found_generation: swap.found_generation,
                    size_bytes: kept.chain(new).sum(),
                    removed: purge.is_some()
                        || swap.old.iter().any(|pack| pack.unreachable_since_ms.is_some()),
                    hidden: purge.is_some(),
                };
                if !rows::parted(tx, id, parted).await? {
                    return Ok(None);
                }
                if purge.is_some() {
                    pack_rows::kill(tx, id).await?;
                } else {
                    for pack in &swap.old {
                        pack_rows::set_replaced(tx, &PackId(pack.id.clone()), lease_until_ms).await?;
                    }
                }
                for (pack, _) in &swap.new {
                    if !pack_rows::set_live(tx, pack).await? {
                        return Err(Error::Busy { retry_after_s: 60 });
                    }
                }
                if let Some(run_after_ms) = swap.look_again_ms {
                    let job = Job::Expire { repository: id };
                    jobs::enqueue_in(tx, NewJob { job, run_after_ms }, "expiry", now_ms).await?;
                }
                let after = rows::by_id(tx, id, None).await?.ok_or(Error::NotFound)?;
                let after = after.repository.try_into()?;
                if let Some((permit, oid)) = purge {
                    permit.check_again(tx, now_ms).await?;
                    let told = Note::of(
                        Action::RepositoryPurge,
                        &after,
                        json!({ "object": oid.to_string() }),
                    );
                    note(tx, permit.caller(), told, now_ms).await?;
                }
                Ok(Some(after))
            })
        })
        .await
}
