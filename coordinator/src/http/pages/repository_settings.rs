//! The settings of a repository, by forms.

use super::super::extract::Path;
use super::super::failure::Failure;
use super::super::repositories::repository_name;
use super::super::site::Site;
use super::repo;
use super::sent::Sent;
use super::{Visit, see_other};
use axum::extract::State;
use axum::response::Response;
use plue_contract::{AccountName, Code};
use plue_forge::access::Permit;
use plue_forge::access::repositories::{AdministerRepo, administer, create_under, read};
use plue_forge::repositories::{self, Repository, RepositoryChange, Role};
use plue_forge::{collaborators, topics};
use plue_pages::forms::Wrong;
use plue_pages::repository_settings::{self as pages, Access, Collaborator, Form, General};
use plue_pages::settings::keys::{Key, Keys};

mod words {
    pub const SAVED: &str = "Saved.";
    pub const RENAMED: &str = "It has its new name. Links of the old one lead here.";
    pub const ARCHIVED: &str =
        "It is archived: it can be read and not changed. The button below opens it again.";
    pub const OPENED: &str = "It is open again, and can be changed.";
    pub const GRANTED: &str = "They are let in.";
    pub const WITHDRAWN: &str = "They may not use it any more. To undo it, let them in again.";
    pub const KEY_ADDED: &str = "The key is added.";
    pub const KEY_REMOVED: &str = "The key is removed, and opens nothing any more.";
    pub const CONFIRM: &str = "This is not the name of the repository. To delete it, type";
    pub const OWNER: &str = "You may not make repositories under that name, or there is no such account.";
    pub const NO_ACCOUNT: &str = "There is no account of this name.";
    pub const READS: &str = "Read only";
    pub const WRITES: &str = "May push";
}

async fn permit(site: &Site, visit: &Visit, path: &Path) -> Result<Permit<AdministerRepo>, Failure> {
    Ok(administer(&site.forge, &visit.caller, &path.repository()?, site.now_ms()).await?)
}

fn general_of(repository: &Repository, topics: &[String]) -> General {
    General {
        topics: topics.join(" "),
        description: repository.description.clone(),
        default_bookmark: repository.default_bookmark.clone(),
        visibility: repository.visibility.as_str().to_owned(),
        archived: repository.archived,
        size_bytes: repository.size_bytes,
        new_name: repository.name.to_string(),
        new_owner: String::new(),
        confirm: String::new(),
        wrong: None,
    }
}

async fn topics_of(site: &Site, visit: &Visit, path: &Path) -> Result<Vec<String>, Failure> {
    let permit = read(&site.forge, &visit.caller, &path.repository()?, site.now_ms()).await?;
    Ok(topics::of(&site.forge, &permit).await?)
}

/// The general page.
pub async fn get(State(site): State<Site>, visit: Visit, path: Path) -> Result<Response, Failure> {
    let permit = permit(&site, &visit, &path).await?;
    let frame = visit.frame_after(|word| {
        let said = match word {
            "saved" => words::SAVED,
            "renamed" => words::RENAMED,
            "archived" => words::ARCHIVED,
            "opened" => words::OPENED,
            _ => return None,
        };
        Some(said.to_owned())
    });
    let repository = permit.on();
    let topics = topics_of(&site, &visit, &path).await?;
    let html = pages::general(
        &frame,
        visit.viewer()?,
        &repo::head(repository),
        &general_of(repository, &topics),
    );
    Ok(visit.show(html))
}

/// Answers a form of the general page: to where it leads, or the page again with what is wrong.
async fn answer(
    (site, visit, path): (&Site, &Visit, &Path),
    form: Form,
    before: &Repository,
    done: Result<String, Failure>,
    typed: impl FnOnce(&mut General),
) -> Result<Response, Failure> {
    let failure = match done {
        Ok(address) => return see_other(&address),
        Err(failure) => failure,
    };
    let viewer = visit.viewer()?;
    let topics = topics_of(site, visit, path).await?;
    visit.mend(failure, |wrong| {
        let mut page = general_of(before, &topics);
        typed(&mut page);
        page.wrong = Some((form, wrong));
        pages::general(&visit.frame(), viewer, &repo::head(before), &page)
    })
}

async fn change(
    site: &Site,
    permit: Permit<AdministerRepo>,
    change: RepositoryChange,
    word: &str,
) -> Result<String, Failure> {
    let repository = repositories::update(&site.forge, permit.into(), change, site.now_ms()).await?;
    Ok(format!("/{}/settings?done={word}", repository.path()))
}

/// Saves what it says of itself and who sees it.
pub async fn save(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    sent: Sent,
) -> Result<Response, Failure> {
    let permit = permit(&site, &visit, &path).await?;
    let before = permit.on().clone();
    let visibility = sent.text("visibility");
    let bookmark = sent.text("default_bookmark").trim();
    let new = RepositoryChange {
        description: Some(sent.lines("description")),
        visibility: Some(visibility.parse()?),
        // One that is not there may stay as it is.
        default_bookmark: (bookmark != before.default_bookmark).then(|| bookmark.to_owned()),
        ..RepositoryChange::default()
    };
    let done = change(&site, permit, new, "saved").await;
    answer((&site, &visit, &path), Form::About, &before, done, |page| {
        page.description = sent.lines("description");
        page.default_bookmark = bookmark.to_owned();
        page.visibility = visibility.to_owned();
    })
    .await
}

/// Says what it is about, by words with spaces or commas between.
pub async fn save_topics(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    sent: Sent,
) -> Result<Response, Failure> {
    let permit = permit(&site, &visit, &path).await?;
    let before = permit.on().clone();
    let words = sent.text("topics").split([' ', ',', '\t']);
    let words: Vec<String> = words.filter(|word| !word.is_empty()).map(str::to_owned).collect();
    let done = match topics::set(&site.forge, permit.into(), &words, site.now_ms()).await {
        Ok(_) => Ok(format!("/{}/settings?done=saved", before.path())),
        Err(error) => Err(error.into()),
    };
    answer((&site, &visit, &path), Form::Topics, &before, done, |page| {
        page.topics = sent.text("topics").to_owned();
    })
    .await
}

/// Gives it another name.
pub async fn rename(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    sent: Sent,
) -> Result<Response, Failure> {
    let permit = permit(&site, &visit, &path).await?;
    let before = permit.on().clone();
    let done = match repository_name("name", sent.text("name").trim()) {
        Err(failure) => Err(failure),
        Ok(name) => {
            let new = RepositoryChange {
                name: Some(name),
                ..RepositoryChange::default()
            };
            change(&site, permit, new, "renamed").await
        }
    };
    answer((&site, &visit, &path), Form::Rename, &before, done, |page| {
        page.new_name = sent.text("name").to_owned();
    })
    .await
}

/// Archives it, or opens it again.
pub async fn archive(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    sent: Sent,
) -> Result<Response, Failure> {
    let permit = permit(&site, &visit, &path).await?;
    let before = permit.on().clone();
    let archived = sent.text("archived") == "yes";
    let new = RepositoryChange {
        archived: Some(archived),
        ..RepositoryChange::default()
    };
    let word = if archived { "archived" } else { "opened" };
    let done = change(&site, permit, new, word).await;
    answer((&site, &visit, &path), Form::Archive, &before, done, |_| {}).await
}

/// Gives it to another owner.
pub async fn transfer(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    sent: Sent,
) -> Result<Response, Failure> {
    let permit = permit(&site, &visit, &path).await?;
    let before = permit.on().clone();
    let done = give(&site, &visit, permit, sent.text("owner").trim()).await;
    answer((&site, &visit, &path), Form::Transfer, &before, done, |page| {
        page.new_owner = sent.text("owner").to_owned();
    })
    .await
}

async fn give(
    site: &Site,
    visit: &Visit,
    permit: Permit<AdministerRepo>,
    owner: &str,
) -> Result<String, Failure> {
    let unknown = || Failure::invalid("owner", words::OWNER);
    let owner: AccountName = owner.parse().map_err(|_| unknown())?;
    let to = create_under(&site.forge, &visit.caller, &owner, site.now_ms()).await;
    let to = to
        .map_err(Failure::from)
        .map_err(|failure| match failure.0.code {
            Code::NotFound => unknown(),
            _ => failure,
        })?;
    let repository = repositories::transfer(&site.forge, permit, to, site.now_ms()).await?;
    Ok(format!("/{}?done=moved", repository.path()))
}

/// Deletes it, once its name was typed.
pub async fn delete(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    sent: Sent,
) -> Result<Response, Failure> {
    let permit = permit(&site, &visit, &path).await?;
    let before = permit.on().clone();
    let name = before.path().to_string();
    let done = if sent.text("confirm").trim() == name {
        let deleted = repositories::delete(&site.forge, permit, site.now_ms()).await;
        deleted
            .map(|()| String::from("/?done=deleted"))
            .map_err(Failure::from)
    } else {
        Err(Failure::invalid("confirm", format!("{} {name}.", words::CONFIRM)))
    };
    answer((&site, &visit, &path), Form::Delete, &before, done, |page| {
        page.confirm = sent.text("confirm").to_owned();
    })
    .await
}

async fn collaborators_of(site: &Site, permit: Permit<AdministerRepo>) -> Result<Vec<Collaborator>, Failure> {
    let found = collaborators::list(&site.forge, permit).await?;
    let one = |one: collaborators::Collaborator| Collaborator {
        name: one.name.to_string(),
        role: one.role.as_str(),
        created_at_ms: one.created_at_ms,
    };
    Ok(found.into_iter().map(one).collect())
}

/// Who was let in.
pub async fn access(State(site): State<Site>, visit: Visit, path: Path) -> Result<Response, Failure> {
    let permit = permit(&site, &visit, &path).await?;
    let head = repo::head(permit.on());
    let page = Access {
        collaborators: collaborators_of(&site, permit).await?,
        ..Access::default()
    };
    let frame = visit.frame_after(|word| match word {
        "granted" => Some(words::GRANTED.to_owned()),
        "withdrawn" => Some(words::WITHDRAWN.to_owned()),
        _ => None,
    });
    Ok(visit.show(pages::access(&frame, visit.viewer()?, &head, &page)))
}

async fn let_in(site: &Site, permit: Permit<AdministerRepo>, sent: &Sent) -> Result<String, Failure> {
    let role: Role = sent.text("role").parse()?;
    let name = sent.text("name").trim().parse::<AccountName>();
    let name = name.map_err(|_| Failure::invalid("name", words::NO_ACCOUNT))?;
    let address = format!("/{}/settings/access?done=granted", permit.on().path());
    collaborators::put(&site.forge, permit, &name, role, site.now_ms()).await?;
    Ok(address)
}

/// Lets somebody in, or changes what they may.
pub async fn grant(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    sent: Sent,
) -> Result<Response, Failure> {
    let first = permit(&site, &visit, &path).await?;
    let failure = match let_in(&site, first, &sent).await {
        Ok(address) => return see_other(&address),
        Err(failure) => failure,
    };
    let again = permit(&site, &visit, &path).await?;
    let head = repo::head(again.on());
    let (collaborators, viewer) = (collaborators_of(&site, again).await?, visit.viewer()?);
    visit.mend(failure, |wrong| {
        let page = Access {
            collaborators,
            name: sent.text("name").to_owned(),
            role: sent.text("role").to_owned(),
            wrong: Some(wrong),
        };
        pages::access(&visit.frame(), viewer, &head, &page)
    })
}

/// Lets somebody in no longer.
pub async fn withdraw(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    _: Sent,
) -> Result<Response, Failure> {
    let permit = permit(&site, &visit, &path).await?;
    let address = format!("/{}/settings/access?done=withdrawn", permit.on().path());
    let name = path.account("username")?;
    collaborators::remove(&site.forge, permit, &name, site.now_ms()).await?;
    see_other(&address)
}

async fn deploy_keys_of(site: &Site, permit: Permit<AdministerRepo>) -> Result<Vec<Key>, Failure> {
    let found = collaborators::deploy_keys(&site.forge, permit).await?;
    let key = |key: collaborators::DeployKey| Key {
        id: key.id.0,
        name: key.name,
        kind: String::new(),
        fingerprint: key.fingerprint,
        note: if key.write { words::WRITES } else { words::READS },
        created_at_ms: key.created_at_ms,
        last_used_at_ms: key.last_used_at_ms,
    };
    Ok(found.into_iter().map(key).collect())
}

/// The keys of machines.
pub async fn deploy_keys(State(site): State<Site>, visit: Visit, path: Path) -> Result<Response, Failure> {
    let permit = permit(&site, &visit, &path).await?;
    let head = repo::head(permit.on());
    let page = Keys {
        keys: deploy_keys_of(&site, permit).await?,
        ..Keys::default()
    };
    let frame = visit.frame_after(|word| match word {
        "added" => Some(words::KEY_ADDED.to_owned()),
        "removed" => Some(words::KEY_REMOVED.to_owned()),
        _ => None,
    });
    Ok(visit.show(pages::deploy_keys(&frame, visit.viewer()?, &head, &page, false)))
}

/// Adds the key of a machine.
pub async fn add_key(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    sent: Sent,
) -> Result<Response, Failure> {
    let first = permit(&site, &visit, &path).await?;
    let address = format!("/{}/settings/keys?done=added", first.on().path());
    let (name, key, write) = (
        sent.text("name"),
        sent.lines("publicKey"),
        sent.text("write") == "yes",
    );
    let added = collaborators::add_deploy_key(&site.forge, first, name, &key, write, site.now_ms()).await;
    let failure = match added {
        Ok(_) => return see_other(&address),
        Err(error) => Failure::from(error),
    };
    let again = permit(&site, &visit, &path).await?;
    let head = repo::head(again.on());
    let (keys, viewer) = (deploy_keys_of(&site, again).await?, visit.viewer()?);
    visit.mend(failure, |wrong: Wrong| {
        let page = Keys {
            keys,
            name: name.to_owned(),
            public_key: key.clone(),
            wrong: Some(wrong),
        };
        pages::deploy_keys(&visit.frame(), viewer, &head, &page, write)
    })
}

/// Removes the key of a machine.
pub async fn remove_key(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    _: Sent,
) -> Result<Response, Failure> {
    let permit = permit(&site, &visit, &path).await?;
    let address = format!("/{}/settings/keys?done=removed", permit.on().path());
    collaborators::remove_deploy_key(&site.forge, permit, path.parse("id")?, site.now_ms()).await?;
    see_other(&address)
}
