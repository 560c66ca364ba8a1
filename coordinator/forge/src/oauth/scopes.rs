//! What an application may ask for. Words of Plue's own tokens are powers; those of OpenID are what
//! an ID token tells.

use plue_contract::{Scope, Scopes};
use std::fmt;

/// One thing to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Its word.
    pub word: &'static str,
    /// The power that it gives; none: it only tells something.
    pub power: Option<Scope>,
    /// What it means, for who is asked to allow it.
    pub about: &'static str,
}

const fn offer(word: &'static str, power: Option<Scope>, about: &'static str) -> Offer {
    Offer { word, power, about }
}

/// Everything that may be asked for, in the order in which people read it. What would outlive its
/// withdrawal is not among it: an application makes no tokens and no keys of the account, and
/// administers nothing.
pub static OFFERS: [Offer; 9] = [
    offer("openid", None, "Know who you are."),
    offer("profile", None, "Know your name."),
    offer(
        "email",
        None,
        "Know your address for mail, and whether it is confirmed.",
    ),
    offer(
        "user:read",
        Some(Scope::UserRead),
        "Read what only you see of your account.",
    ),
    offer(
        "repo:read",
        Some(Scope::RepoRead),
        "Read the repositories that you may read, private ones too.",
    ),
    offer(
        "repo:propose",
        Some(Scope::RepoPropose),
        "Open issues, comment, and push to bookmarks that are not the default one.",
    ),
    offer(
        "repo:write",
        Some(Scope::RepoWrite),
        "Push to every bookmark, and make repositories.",
    ),
    offer(
        "org:read",
        Some(Scope::OrgRead),
        "See who belongs to your organisations.",
    ),
    offer(
        "org:write",
        Some(Scope::OrgWrite),
        "Make and change organisations, their members and teams.",
    ),
];

/// What is asked for, or was allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked(u16);

impl Asked {
    /// Reads words with spaces between them; none where one of them is not offered.
    pub fn read(text: &str) -> Option<Self> {
        text.split(' ')
            .filter(|word| !word.is_empty())
            .try_fold(Self(0), |asked, word| {
                let at = OFFERS.iter().position(|offer| offer.word == word)?;
                Some(Self(asked.0 | (1_u16 << at)))
            })
    }

    /// All of it, in the order in which people read it.
    pub fn offers(self) -> impl Iterator<Item = &'static Offer> {
        let is_asked = move |(at, _): &(usize, &Offer)| self.0 & (1_u16 << at) != 0;
        OFFERS.iter().enumerate().filter(is_asked).map(|(_, offer)| offer)
    }

    /// Whether this word is among it.
    pub fn has(self, word: &str) -> bool {
        self.offers().any(|offer| offer.word == word)
    }

    /// Whether all of the other is among it.
    pub const fn covers(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// This and the other.
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether it is nothing.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The powers in it.
    pub fn powers(self) -> Scopes {
        Scopes::of(self.offers().filter_map(|offer| offer.power))
    }
}

/// Separated by spaces, as on the wire and in the database.
impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.offers().map(|offer| offer.word).collect();
        f.write_str(&words.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_read_and_written() {
        let asked = Asked::read("repo:write  openid repo:write").expect("offered");
        assert_eq!(asked.to_string(), "openid repo:write");
        assert_eq!(asked.powers(), Scopes::of([Scope::RepoWrite]));
        assert!(asked.has("openid") && !asked.has("email"));
        assert_eq!(Asked::read(""), Some(Asked::default()));
        let all = Asked::read("openid email repo:write").expect("offered");
        assert!(all.covers(asked) && !asked.covers(all));
        for bad in [
            "admin",
            "user:write",
            "repo",
            "repo:admin",
            "openid,email",
            "OPENID",
            "issue:write",
        ] {
            assert_eq!(Asked::read(bad), None, "{bad}");
        }
    }
}
