//! Every limit that a route may name, with its default rate. Configuration may change a rate,
//! never add a limit.

use super::Rate;

macro_rules! presets {
    ($($(#[$doc:meta])* $name:ident = $slug:literal, $burst:literal per $seconds:literal s;)*) => {
        /// One limit, named by the routes that draw from it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Preset {
            $($(#[$doc])* $name,)*
        }

        impl Preset {
            /// Every limit.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name under which it is configured and its buckets are kept.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $slug,)*
                }
            }

            /// The rate where configuration says nothing else.
            pub const fn default_rate(self) -> Rate {
                match self {
                    $(Self::$name => Rate::new($burst, $seconds * 1_000),)*
                }
            }
        }
    };
}

presets! {
    /// Attempts to sign in.
    Login = "login", 5 per 60 s;
    /// New accounts.
    Register = "register", 3 per 60 s;
    /// Requests for a new password.
    PasswordReset = "password_reset", 3 per 3600 s;
    /// What else has to do with credentials, and passwords that turned out wrong.
    Auth = "auth", 10 per 60 s;
    /// E-mails that are sent for somebody.
    Email = "email", 3 per 3600 s;
    /// Plue's own interface, and pages.
    Api = "api", 100 per 900 s;
    /// Sign-in by the other interface's clients.
    WitAuth = "wit_auth", 3 per 900 s;
    /// What is costly and rare.
    Strict = "strict", 5 per 60 s;
    /// The typed and batched interface, and wit's view of repositories.
    Standard = "standard", 100 per 60 s;
    /// What clients poll.
    Relaxed = "relaxed", 300 per 60 s;
    /// Uploads of packages and attachments.
    Upload = "upload", 30 per 60 s;
    /// Webhooks from elsewhere.
    Webhook = "webhook", 60 per 60 s;
    /// Searches.
    Search = "search", 20 per 60 s;
    /// The GitHub-like interface, for somebody known.
    V1 = "v1", 5000 per 3600 s;
    /// The GitHub-like interface, for an address.
    V1Anonymous = "v1_anonymous", 60 per 3600 s;
    /// Git and LFS over HTTP.
    Git = "git", 600 per 60 s;
}

impl Preset {
    /// Reads a limit and its rate as configuration writes them, `api=100/900s`: so many requests
    /// at once, and as many again over each so many seconds.
    pub fn configured(text: &str) -> Option<(Self, Rate)> {
        let (name, rate) = text.split_once('=')?;
        let (burst, seconds) = rate.split_once('/')?;
        let preset = Self::ALL.iter().find(|known| known.name() == name.trim())?;
        let positive = |digits: &str| digits.parse::<u32>().ok().filter(|&number| number > 0);
        let burst = positive(burst.trim())?;
        let seconds = positive(seconds.trim().strip_suffix('s')?)?;
        Some((*preset, Rate::new(burst, u64::from(seconds) * 1_000)))
    }

    /// The limit that holds for somebody unknown where this one holds for the known.
    pub const fn for_anonymous(self) -> Self {
        match self {
            Self::V1 => Self::V1Anonymous,
            other => other,
        }
    }
}

/// The rates in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presets {
    rates: Vec<Rate>,
}

impl Default for Presets {
    fn default() -> Self {
        Self {
            rates: Preset::ALL.iter().map(|preset| preset.default_rate()).collect(),
        }
    }
}

impl Presets {
    /// The rate of a limit.
    pub fn rate(&self, preset: Preset) -> Rate {
        self.rates[preset as usize]
    }

    /// Changes the rate of a limit.
    pub fn set(&mut self, preset: Preset, rate: Rate) {
        self.rates[preset as usize] = rate;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configured_rate_is_read_and_anything_else_is_not() {
        let read = Preset::configured(" login = 5/60s ");
        assert_eq!(read, Some((Preset::Login, Rate::new(5, 60_000))));
        for bad in [
            "",
            "login",
            "login=5",
            "login=5/60",
            "login=0/60s",
            "login=5/-1s",
            "nonsense=5/60s",
            "login=5/99999999999s",
        ] {
            assert_eq!(Preset::configured(bad), None, "{bad}");
        }
    }

    #[test]
    fn every_default_refills_in_whole_milliseconds_and_every_name_is_its_own() {
        let mut names = std::collections::BTreeSet::new();
        for &preset in Preset::ALL {
            let rate = preset.default_rate();
            assert_eq!(rate.per_ms % u64::from(rate.burst), 0, "{}", preset.name());
            assert!(names.insert(preset.name()));
            assert_eq!(Presets::default().rate(preset), rate);
        }
    }

    #[test]
    fn a_rate_can_be_configured() {
        let mut presets = Presets::default();
        presets.set(Preset::Login, Rate::new(50, 1_000));
        assert_eq!(presets.rate(Preset::Login), Rate::new(50, 1_000));
        assert_eq!(presets.rate(Preset::Register), Preset::Register.default_rate());
    }
}
