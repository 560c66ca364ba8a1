//! What a browser keeps between two requests that belong together, in a cookie that only the second
//! of them is sent.

use super::failure::Failure;
use super::site::Site;
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

/// A cookie for one errand.
#[derive(Debug)]
pub struct Errand {
    /// The cookie's name.
    pub name: &'static str,
    /// To which addresses it is sent.
    pub path: &'static str,
    /// How long a browser keeps it, in seconds; what it holds says by itself how long it counts.
    pub seconds: u32,
}

impl Errand {
    fn cookie(&self, site: &Site, value: &str, seconds: u32) -> Result<HeaderValue, Failure> {
        let Self { name, path, .. } = self;
        let secure = if site.addresses.secure() { "; Secure" } else { "" };
        let cookie =
            format!("{name}={value}; Path={path}; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}");
        HeaderValue::from_str(&cookie).map_err(Failure::internal)
    }

    /// The cookie that holds a sealed text.
    pub fn set(&self, site: &Site, sealed: &str) -> Result<HeaderValue, Failure> {
        self.cookie(site, sealed, self.seconds)
    }

    /// The cookie that takes it away.
    pub fn gone(&self, site: &Site) -> Result<HeaderValue, Failure> {
        self.cookie(site, "", 0)
    }

    /// What a request brings of it.
    pub fn of<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            // Some platforms join two headers by a comma, which no value holds.
            .flat_map(|value| value.split([';', ',']))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(name, _)| *name == self.name)
            .map(|(_, value)| value)
    }
}
