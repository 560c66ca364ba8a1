//! Forms that a page of ours sent: the fields, and the token that says which session they are of.

use super::super::extract::{Asked, Form};
use super::super::failure::Failure;
use super::super::site::Site;
use axum::extract::{FromRequest, FromRequestParts, Request};
use plue_contract::{Code, Via, Who};
use plue_gateway::csrf;
use plue_pages::forms::TOKEN_FIELD;

/// The fields of a form, whose token was compared with the session of the cookie. It is the only
/// way to the body of a route whose rule is [`plue_gateway::routes::Csrf::Form`].
#[derive(Clone, Debug, Default)]
pub struct Sent(Vec<(String, String)>);

impl Sent {
    /// The text of a field; empty where it was not sent.
    pub fn text<'a>(&'a self, name: &'a str) -> &'a str {
        self.all(name).next().unwrap_or_default()
    }

    /// The texts of a field that may be sent several times.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.0.iter().filter(move |(field, _)| field == name);
        named.map(|(_, value)| value.as_str())
    }

    /// Several lines, each ended as in a file and not as browsers send them.
    pub fn lines(&self, name: &str) -> String {
        self.text(name).replace("\r\n", "\n")
    }
}

impl FromRequest<Site> for Sent {
    type Rejection = Failure;

    async fn from_request(request: Request, site: &Site) -> Result<Self, Failure> {
        let (mut parts, body) = request.into_parts();
        let Asked(caller) = Asked::from_request_parts(&mut parts, site).await?;
        let Form(fields) = Form::from_request(Request::from_parts(parts, body), site).await?;
        let sent = Self(fields);
        if let Who::Account {
            via: Via::Session(session),
            ..
        } = &caller.who
            && !csrf::holds(&site.keys.csrf, sent.text(TOKEN_FIELD), session)
        {
            return Err(Failure::new(
                Code::CsrfFailed,
                "This form is of another session: go back, load the page again, and send it once more.",
            ));
        }
        Ok(sent)
    }
}
