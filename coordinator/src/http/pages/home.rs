//! The first page.

use super::super::extract::Query;
use super::super::failure::Failure;
use super::super::site::Site;
use super::{Visit, entry};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::{ACCEPT, VARY};
use plue_contract::{AccountId, AccountName};
use plue_forge::access::accounts::read_self;
use plue_forge::repositories::{self, Among};
use plue_forge::topics;
use plue_pages::home::{self, Home};
use plue_pages::repositories::{Listing, Order};
use plue_pages::stars;
use serde::Deserialize;

mod words {
    pub const DELETED: &str =
        "The repository is deleted. For a while, an administrator of this site can bring it back.";
}

/// How many repositories a part of a list has.
const A_PART: i64 = 30;
/// The longest text that is searched for, in characters.
const MAX_TEXT_CHARS: usize = 200;

/// What of a list is asked for.
#[derive(Deserialize)]
pub struct Asked {
    q: Option<String>,
    sort: Option<String>,
    page: Option<String>,
    topic: Option<String>,
}

impl Asked {
    /// The words that are searched for; an address that nobody could have typed is cut short.
    pub fn text(&self) -> String {
        let text = self.q.as_deref().unwrap_or_default().trim();
        text.chars().take(MAX_TEXT_CHARS).collect()
    }

    /// In which order.
    pub fn order(&self) -> Order {
        Order::read(self.sort.as_deref().unwrap_or_default())
    }

    /// The topic that is asked for, if it is one.
    fn topic(&self) -> Option<String> {
        self.topic.as_deref().and_then(|topic| topics::clean(topic).ok())
    }

    /// Which part, from 1.
    pub fn part(&self) -> i64 {
        let part = self.page.as_deref().and_then(|page| page.parse().ok());
        part.unwrap_or(1).clamp(1, 1_000_000)
    }
}

/// Which repositories a list is of.
pub enum Of {
    /// The public ones.
    Everybody,
    /// All that the caller may see.
    Seen,
    /// Those of one account.
    Owner(AccountName),
    /// Those to which one gave a star.
    Starred(AccountId),
}

/// Lists what the caller may see.
pub async fn listing(
    site: &Site,
    visit: &Visit,
    path: &str,
    asked: &Asked,
    of: Of,
) -> Result<Listing, Failure> {
    let (text, order, part) = (asked.text(), asked.order(), asked.part());
    let of_one = matches!(of, Of::Owner(_));
    let public_only = matches!(of, Of::Everybody);
    let topic = asked.topic();
    let (among, owner) = match of {
        Of::Starred(account) => (Among::StarredBy(account), None),
        Of::Owner(owner) => (Among::All, Some(owner)),
        Of::Everybody | Of::Seen => (topic.clone().map_or(Among::All, Among::About), None),
    };
    let topic = topic.filter(|_| matches!(among, Among::About(_)));
    let query = repositories::Query {
        among,
        text: (!text.is_empty()).then(|| text.clone()),
        owner,
        public_only,
        sort: match order {
            Order::Updated => repositories::Sort::Updated,
            Order::Created => repositories::Sort::Created,
            Order::Name => repositories::Sort::Name,
        },
        limit: A_PART,
        offset: (part - 1) * A_PART,
    };
    let found = repositories::list(&site.forge, &visit.caller, query, site.now_ms()).await?;
    Ok(Listing {
        path: path.to_owned(),
        text,
        order,
        part,
        limit: A_PART,
        total: found.total,
        topic: topic.unwrap_or_default(),
        of_one,
        entries: found.items.iter().map(entry).collect(),
    })
}

/// Whether the client would rather read plain text than a page.
fn wants_text(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/plain") && !accept.contains("text/html"))
}

/// The public repositories, or one's own.
pub async fn get(
    State(site): State<Site>,
    visit: Visit,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let mut response = if wants_text(&visit.headers) {
        format!("Welcome to {}!\n", site.name).into_response()
    } else {
        let own = visit.name().and_then(|name| name.parse::<AccountName>().ok());
        let push = match (visit.name(), site.addresses.http.as_str()) {
            (Some(name), origin) => vec![
                format!("git remote add origin {origin}/{name}/NAME.git"),
                "git push -u origin main".to_owned(),
            ],
            (None, _) => Vec::new(),
        };
        let of = own.map_or(Of::Everybody, Of::Owner);
        let home = Home {
            repositories: listing(&site, &visit, "/", &asked, of).await?,
            push,
        };
        let frame = visit.frame_after(|word| (word == "deleted").then(|| words::DELETED.to_owned()));
        visit.show(home::page(&frame, &home))
    };
    response
        .headers_mut()
        .append(VARY, http::HeaderValue::from_static("Accept"));
    Ok(response)
}

/// The repositories to which who is signed in gave a star.
pub async fn starred(
    State(site): State<Site>,
    visit: Visit,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let permit = read_self(&site.forge, &visit.caller, site.now_ms()).await?;
    let of = Of::Starred(permit.on().id);
    let list = listing(&site, &visit, "/-/stars", &asked, of).await?;
    Ok(visit.show(stars::page(&visit.frame(), &list)))
}
