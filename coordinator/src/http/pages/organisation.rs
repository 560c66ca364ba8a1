//! Organisations: the page that everybody sees, the form that makes one, and its settings.

use super::super::extract::{Path, Query};
use super::super::failure::Failure;
use super::super::organisations::{parent, take_out};
use super::super::site::Site;
use super::home::{Asked, Of, listing};
use super::sent::Sent;
use super::{Visit, see_other};
use axum::extract::State;
use axum::response::Response;
use plue_contract::{AccountName, Who};
use plue_forge::access::organisations::{administer, found, own, read, see_members};
use plue_forge::access::repositories::create_under;
use plue_forge::organisations::members as member_verbs;
use plue_forge::organisations::{self, Organisation, OrganisationChange};
use plue_pages::organisation::settings::{self as pages, Form, General, Head, Member, Members, Outsider};
use plue_pages::organisation::{self as page, Create, Named};

mod words {
    pub const SAVED: &str = "Saved.";
    pub const MOVED: &str = "It lies where you said. To undo it, move it back.";
    pub const ADDED: &str = "They belong to it in this role.";
    pub const REMOVED: &str = "They do not belong to it any more. To undo it, add them again.";
    pub const CONFIRM: &str = "This is not the name of the organisation. To delete it, type";
    pub const NO_ACCOUNT: &str = "There is no account of this name.";
}

/// How many organisations that lie in one, and how many members, a page shows.
const MOST: i64 = 100;

/// What an organisation says of itself, and the repositories of it that the visitor may see.
pub async fn show(
    site: &Site,
    visit: &Visit,
    name: &AccountName,
    asked: &Asked,
) -> Result<Response, Failure> {
    let permit = read(&site.forge, &visit.caller, name, site.now_ms()).await?;
    let of = permit.on().clone();
    let within = organisations::within(&site.forge, permit, MOST, 0).await?;
    let address = format!("/{}", of.name);
    let repositories = listing(site, visit, &address, asked, Of::Owner(of.name.clone())).await?;
    let known = !matches!(visit.caller.who, Who::Anonymous);
    let now_ms = site.now_ms();
    let belongs = known
        && see_members(&site.forge, &visit.caller, &of.name, now_ms)
            .await
            .is_ok();
    let makes = belongs
        && create_under(&site.forge, &visit.caller, &of.name, now_ms)
            .await
            .is_ok();
    let administers = belongs
        && administer(&site.forge, &visit.caller, &of.name, now_ms)
            .await
            .is_ok();
    let shown = page::Organisation {
        name: of.name.to_string(),
        display_name: of.display_name,
        description: of.description,
        website: of.website,
        location: of.location,
        parent: of.parent.map(|parent| parent.to_string()),
        created_at_ms: of.created_at_ms,
        within: within.items.iter().map(named).collect(),
        belongs,
        administers,
        makes,
        repositories,
    };
    Ok(visit.show(page::page(&visit.frame(), &shown)))
}

fn named(organisation: &Organisation) -> Named {
    Named {
        name: organisation.name.to_string(),
        display_name: organisation.display_name.clone(),
        note: String::new(),
    }
}

/// What the visitor may do in the settings.
pub async fn head(site: &Site, visit: &Visit, of: &Organisation) -> Result<Head, Failure> {
    let now_ms = site.now_ms();
    Ok(Head {
        name: of.name.to_string(),
        administers: administer(&site.forge, &visit.caller, &of.name, now_ms)
            .await
            .is_ok(),
        owns: own(&site.forge, &visit.caller, &of.name, now_ms).await.is_ok(),
    })
}

/// The form that makes one.
pub async fn create_form(State(site): State<Site>, visit: Visit) -> Result<Response, Failure> {
    let _may = found(&site.forge, &visit.caller, site.now_ms()).await?;
    Ok(visit.show(page::create(&visit.frame(), visit.viewer()?, &Create::default())))
}

/// Makes one, or says what is wrong.
pub async fn create(State(site): State<Site>, visit: Visit, sent: Sent) -> Result<Response, Failure> {
    match make(&site, &visit, &sent).await {
        Ok(made) => see_other(&format!("/{}", made.name)),
        Err(failure) => {
            let viewer = visit.viewer()?;
            visit.mend(failure, |wrong| {
                let form = Create {
                    name: sent.text("name").to_owned(),
                    display_name: sent.text("displayName").to_owned(),
                    description: sent.lines("description"),
                    parent: sent.text("parent").to_owned(),
                    wrong: Some(wrong),
                };
                page::create(&visit.frame(), viewer, &form)
            })
        }
    }
}

fn parent_name(sent: &Sent) -> Option<&str> {
    Some(sent.text("parent").trim()).filter(|name| !name.is_empty())
}

async fn make(site: &Site, visit: &Visit, sent: &Sent) -> Result<Organisation, Failure> {
    let permit = found(&site.forge, &visit.caller, site.now_ms()).await?;
    let parent = parent(site, &visit.caller, parent_name(sent)).await?;
    let about = OrganisationChange {
        display_name: Some(sent.text("displayName").to_owned()),
        description: Some(sent.lines("description")),
        ..OrganisationChange::default()
    };
    let name = sent.text("name").trim();
    Ok(organisations::create(&site.forge, permit, name, parent, about, site.now_ms()).await?)
}

fn general_of(of: &Organisation) -> General {
    General {
        display_name: of.display_name.clone(),
        description: of.description.clone(),
        email: of.email.clone().unwrap_or_default(),
        website: of.website.clone().unwrap_or_default(),
        location: of.location.clone(),
        parent: of.parent.as_ref().map_or(String::new(), AccountName::to_string),
        confirm: String::new(),
        wrong: None,
    }
}

/// The general page.
pub async fn general(State(site): State<Site>, visit: Visit, path: Path) -> Result<Response, Failure> {
    let permit = administer(&site.forge, &visit.caller, &path.organisation()?, site.now_ms()).await?;
    let head = head(&site, &visit, permit.on()).await?;
    let frame = visit.frame_after(|word| match word {
        "saved" => Some(words::SAVED.to_owned()),
        "moved" => Some(words::MOVED.to_owned()),
        _ => None,
    });
    let general = general_of(permit.on());
    Ok(visit.show(pages::general(&frame, visit.viewer()?, &head, &general)))
}

/// Answers a form of the general page: to where it leads, or the page again with what is wrong.
async fn answer(
    site: &Site,
    visit: &Visit,
    before: &Organisation,
    form: Form,
    done: Result<String, Failure>,
    typed: impl FnOnce(&mut General),
) -> Result<Response, Failure> {
    let failure = match done {
        Ok(address) => return see_other(&address),
        Err(failure) => failure,
    };
    let (head, viewer) = (head(site, visit, before).await?, visit.viewer()?);
    visit.mend(failure, |wrong| {
        let mut page = general_of(before);
        typed(&mut page);
        page.wrong = Some((form, wrong));
        pages::general(&visit.frame(), viewer, &head, &page)
    })
}

/// Saves what it says of itself.
pub async fn save(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    sent: Sent,
) -> Result<Response, Failure> {
    let permit = administer(&site.forge, &visit.caller, &path.organisation()?, site.now_ms()).await?;
    let before = permit.on().clone();
    let text = |field| Some(sent.text(field).to_owned());
    let change = OrganisationChange {
        display_name: text("displayName"),
        description: Some(sent.lines("description")),
        email: text("email"),
        avatar_url: None,
        website: text("website"),
        location: text("location"),
    };
    let saved = organisations::update(&site.forge, permit, change, site.now_ms()).await;
    let done = saved
        .map(|of| format!("/-/orgs/{}?done=saved", of.name))
        .map_err(Failure::from);
    answer(&site, &visit, &before, Form::About, done, |page| {
        page.display_name = sent.text("displayName").to_owned();
        page.description = sent.lines("description");
        page.email = sent.text("email").to_owned();
        page.website = sent.text("website").to_owned();
        page.location = sent.text("location").to_owned();
    })
    .await
}

/// Lays it into another one, or at the top.
pub async fn move_into(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    sent: Sent,
) -> Result<Response, Failure> {
    let permit = own(&site.forge, &visit.caller, &path.organisation()?, site.now_ms()).await?;
    let before = permit.on().clone();
    let done = match parent(&site, &visit.caller, parent_name(&sent)).await {
        Err(failure) => Err(failure),
        Ok(parent) => organisations::move_into(&site.forge, permit, parent, site.now_ms())
            .await
            .map(|of| format!("/-/orgs/{}?done=moved", of.name))
            .map_err(Failure::from),
    };
    answer(&site, &visit, &before, Form::Move, done, |page| {
        page.parent = sent.text("parent").to_owned();
    })
    .await
}

/// Ends it, once its name was typed.
pub async fn delete(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    sent: Sent,
) -> Result<Response, Failure> {
    let permit = own(&site.forge, &visit.caller, &path.organisation()?, site.now_ms()).await?;
    let before = permit.on().clone();
    let done = if sent.text("confirm").trim() == before.name.as_str() {
        let deleted = organisations::delete(&site.forge, permit, site.now_ms()).await;
        deleted.map(|()| String::from("/")).map_err(Failure::from)
    } else {
        Err(Failure::invalid(
            "confirm",
            format!("{} {}.", words::CONFIRM, before.name),
        ))
    };
    answer(&site, &visit, &before, Form::Delete, done, |page| {
        page.confirm = sent.text("confirm").to_owned();
    })
    .await
}

async fn members_of(site: &Site, visit: &Visit, path: &Path) -> Result<(Head, Members), Failure> {
    let name = path.organisation()?;
    let now_ms = site.now_ms();
    let permit = see_members(&site.forge, &visit.caller, &name, now_ms).await?;
    let head = head(site, visit, permit.on()).await?;
    let found = member_verbs::list(&site.forge, permit, MOST, 0).await?;
    let permit = see_members(&site.forge, &visit.caller, &name, now_ms).await?;
    let outsiders = member_verbs::outsiders(&site.forge, permit).await?;
    let member = |member: member_verbs::Member| Member {
        name: member.name.to_string(),
        display_name: member.display_name,
        role: member.role.as_str(),
        created_at_ms: member.created_at_ms,
    };
    let outsider = |outsider: member_verbs::Outsider| Outsider {
        name: outsider.name.to_string(),
        repository: outsider.repository.to_string(),
        role: outsider.role.as_str(),
    };
    let page = Members {
        members: found.items.into_iter().map(member).collect(),
        total: found.total,
        outsiders: outsiders.into_iter().map(outsider).collect(),
        ..Members::default()
    };
    Ok((head, page))
}

/// Who belongs to it.
pub async fn members(State(site): State<Site>, visit: Visit, path: Path) -> Result<Response, Failure> {
    let (head, page) = members_of(&site, &visit, &path).await?;
    let frame = visit.frame_after(|word| match word {
        "added" => Some(words::ADDED.to_owned()),
        "removed" => Some(words::REMOVED.to_owned()),
        _ => None,
    });
    Ok(visit.show(pages::members(&frame, visit.viewer()?, &head, &page)))
}

async fn add(site: &Site, visit: &Visit, path: &Path, sent: &Sent) -> Result<(), Failure> {
    let permit = administer(&site.forge, &visit.caller, &path.organisation()?, site.now_ms()).await?;
    let name = sent.text("name").trim().parse();
    let name = name.map_err(|_| Failure::invalid("name", words::NO_ACCOUNT))?;
    let role = sent.text("role").parse()?;
    Ok(member_verbs::put(&site.forge, permit, &name, role, site.now_ms()).await?)
}

/// Lets somebody belong to it, or changes their role.
pub async fn put_member(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    sent: Sent,
) -> Result<Response, Failure> {
    let failure = match add(&site, &visit, &path, &sent).await {
        Ok(()) => return see_other(&format!("/-/orgs/{}/members?done=added", path.organisation()?)),
        Err(failure) => failure,
    };
    let ((head, mut page), viewer) = (members_of(&site, &visit, &path).await?, visit.viewer()?);
    visit.mend(failure, |wrong| {
        page.name = sent.text("name").to_owned();
        page.role = sent.text("role").to_owned();
        page.wrong = Some(wrong);
        pages::members(&visit.frame(), viewer, &head, &page)
    })
}

/// Takes somebody out of it, or leaves it.
pub async fn remove_member(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    _: Sent,
) -> Result<Response, Failure> {
    let name = path.organisation()?;
    let failure = match take_out(&site, &visit.caller, &path).await {
        Ok(()) => {
            let still = see_members(&site.forge, &visit.caller, &name, site.now_ms()).await;
            return match still {
                Ok(_) => see_other(&format!("/-/orgs/{name}/members?done=removed")),
                Err(_) => see_other(&format!("/{name}")),
            };
        }
        Err(failure) => failure,
    };
    let ((head, mut page), viewer) = (members_of(&site, &visit, &path).await?, visit.viewer()?);
    visit.mend(failure, |wrong| {
        page.wrong = Some(wrong);
        pages::members(&visit.frame(), viewer, &head, &page)
    })
}

/// The page of whoever owns repositories under a name: a person, or an organisation.
pub async fn get(
    State(site): State<Site>,
    visit: Visit,
    path: Path,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let name = path.account("owner")?;
    match plue_forge::accounts::get(&site.forge, &name).await {
        Ok(account) => super::person::show(&site, &visit, account, &asked).await,
        Err(plue_forge::Error::NotFound) => show(&site, &visit, &name, &asked).await,
        Err(error) => Err(error.into()),
    }
}
