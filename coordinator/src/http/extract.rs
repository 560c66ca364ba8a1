//! What handlers ask of a request: who calls, which parameters, what page of a list, which body.

use super::failure::Failure;
use super::site::Site;
use axum::extract::{FromRequest, FromRequestParts, Request};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http_body_util::BodyExt;
use plue_contract::seal::Keyring;
use plue_contract::{AccountName, Caller, Code, RepoPath};
use plue_gateway::Matched;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::str::FromStr;

/// Who calls, as the gateway found out.
pub struct Asked(pub Caller);

impl FromRequestParts<Site> for Asked {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &Site) -> Result<Self, Failure> {
        let caller = parts.extensions.get::<Caller>().cloned();
        caller
            .map(Self)
            .ok_or_else(|| Failure::internal("a request reached its handler past the gateway"))
    }
}

/// The parameters of the path, decoded.
pub struct Path(Matched);

impl Path {
    /// The text of a parameter that the route has.
    pub fn text(&self, name: &str) -> &str {
        self.0.params.get(name).unwrap_or_default()
    }

    /// A parameter that names something; what is no name names nothing.
    pub fn parse<T: FromStr>(&self, name: &str) -> Result<T, Failure> {
        self.text(name).parse().map_err(|_| Failure::not_found())
    }

    /// An account's name.
    pub fn account(&self, name: &str) -> Result<AccountName, Failure> {
        self.parse(name)
    }

    /// The organisation that `org` names.
    pub fn organisation(&self) -> Result<AccountName, Failure> {
        self.parse("org")
    }

    /// The repository that `owner` and `repo` name.
    pub fn repository(&self) -> Result<RepoPath, Failure> {
        RepoPath::from_segments(self.text("owner"), self.text("repo")).map_err(|_| Failure::not_found())
    }
}

impl FromRequestParts<Site> for Path {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &Site) -> Result<Self, Failure> {
        let matched = parts.extensions.get::<Matched>().cloned();
        matched
            .map(Self)
            .ok_or_else(|| Failure::internal("a request reached its handler past the gateway"))
    }
}

/// The query, read into `T`.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<Site> for Query<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &Site) -> Result<Self, Failure> {
        axum::extract::Query::try_from_uri(&parts.uri)
            .map(|axum::extract::Query(query)| Self(query))
            .map_err(|error| Failure::new(Code::InvalidRequest, error.body_text()))
    }
}

/// The largest page of a list.
pub const MAX_PAGE: i64 = 100;
const DEFAULT_PAGE: i64 = 30;

/// Which part of a list: `limit` and `offset`, `page` and `per_page`, or a cursor that an earlier
/// answer gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// How many items, 1 to [`MAX_PAGE`].
    pub limit: i64,
    /// How many are passed over.
    pub offset: i64,
}

#[derive(Deserialize)]
struct PageQuery {
    limit: Option<i64>,
    offset: Option<i64>,
    page: Option<i64>,
    per_page: Option<i64>,
    cursor: Option<String>,
}

impl Page {
    fn read(query: &PageQuery, keys: &Keyring) -> Result<Self, Failure> {
        let within = |field: &str, value: i64, least: i64| {
            if value < least {
                return Err(Failure::invalid(field, format!("`{field}` begins at {least}.")));
            }
            Ok(value)
        };
        let limit = match (query.limit, query.per_page) {
            (Some(limit), _) => within("limit", limit, 1)?,
            (None, Some(per_page)) => within("per_page", per_page, 1)?,
            (None, None) => DEFAULT_PAGE,
        }
        .min(MAX_PAGE);
        let offset = match (&query.cursor, query.offset, query.page) {
            (Some(cursor), _, _) => keys
                .open(cursor)
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok()?.parse().ok())
                .ok_or_else(|| Failure::invalid("cursor", "This cursor is not one that we gave."))?,
            (None, Some(offset), _) => within("offset", offset, 0)?,
            (None, None, Some(page)) => (within("page", page, 1)? - 1).saturating_mul(limit),
            (None, None, None) => 0,
        };
        Ok(Self { limit, offset })
    }

    /// The cursor of the part after this one, where there is more.
    pub fn next(self, total: i64, keys: &Keyring) -> Option<String> {
        let next = self.offset.saturating_add(self.limit);
        (next < total)
            .then(|| keys.seal(next.to_string().as_bytes()))
            .flatten()
    }
}

impl FromRequestParts<Site> for Page {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Failure> {
        let Query(query) = Query::<PageQuery>::from_request_parts(parts, site).await?;
        Self::read(&query, &site.keys.cursor)
    }
}

/// A list of which everything is answered where no part is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Everything.
    All,
    /// This part.
    Page(Page),
}

impl FromRequestParts<Site> for Part {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Failure> {
        let Query(query) = Query::<PageQuery>::from_request_parts(parts, site).await?;
        let PageQuery {
            limit: None,
            offset: None,
            page: None,
            per_page: None,
            cursor: None,
        } = query
        else {
            return Page::read(&query, &site.keys.cursor).map(Self::Page);
        };
        Ok(Self::All)
    }
}

/// A JSON body, read into `T`.
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Site> for Json<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &Site) -> Result<Self, Failure> {
        let (parts, body) = request.into_parts();
        if !is_media_type(&parts, "application/json") {
            return Err(Failure::new(
                Code::UnsupportedMediaType,
                "This address reads a body of the type application/json.",
            ));
        }
        let body = body.collect().await.map_err(|error| Failure::body(&error))?;
        serde_json::from_slice(&body.to_bytes())
            .map(Self)
            .map_err(|error| Failure::new(Code::InvalidRequest, format!("The body cannot be read: {error}.")))
    }
}

/// A form, read into `T`.
pub struct Form<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Site> for Form<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, site: &Site) -> Result<Self, Failure> {
        axum::extract::Form::from_request(request, site)
            .await
            .map(|axum::extract::Form(form)| Self(form))
            .map_err(|error| Failure::new(Code::InvalidRequest, error.body_text()))
    }
}

/// Whether the body is of this media type, whatever its parameters.
pub fn is_media_type(parts: &Parts, expected: &str) -> bool {
    let given = parts
        .headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    given.is_some_and(|given| {
        let essence = given.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case(expected)
    })
}

/// Reads a member that may be absent, `null` or a value, as three different things.
pub fn three_ways<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plue_contract::seal::Purpose;

    fn page(query: &str) -> Result<Page, String> {
        let keys = Keyring::derive(Purpose::Cursor, ["a secret"]);
        let uri: http::Uri = format!("/x?{query}").parse().unwrap();
        let axum::extract::Query(query) = axum::extract::Query::<PageQuery>::try_from_uri(&uri).unwrap();
        Page::read(&query, &keys).map_err(|Failure(problem)| problem.detail)
    }

    #[test]
    fn all_three_ways_of_paging_are_read() {
        let of = |limit, offset| Ok(Page { limit, offset });
        assert_eq!(page(""), of(30, 0));
        assert_eq!(page("limit=5&offset=10"), of(5, 10));
        assert_eq!(page("page=3&per_page=20"), of(20, 40));
        assert_eq!(page("limit=100000"), of(MAX_PAGE, 0));
        assert_eq!(page("limit=0"), Err("`limit` begins at 1.".into()));
        assert_eq!(page("offset=-1"), Err("`offset` begins at 0.".into()));
        assert_eq!(page("page=0"), Err("`page` begins at 1.".into()));
        assert_eq!(
            page("cursor=10"),
            Err("This cursor is not one that we gave.".into())
        );
        let keys = Keyring::derive(Purpose::Cursor, ["a secret"]);
        let first = Page { limit: 10, offset: 0 };
        let cursor = first.next(25, &keys).expect("there is more");
        assert_eq!(page(&format!("limit=10&cursor={cursor}")), of(10, 10));
        assert_eq!(
            Page {
                limit: 10,
                offset: 20
            }
            .next(25, &keys),
            None
        );
    }
}
