//! The secrets: given by the operator, or made once in the data folder. In production they must
//! be given, and strong.

use super::{ConfigError, Environment};
use plue_contract::seal::MIN_SECRET_BYTES;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// The secrets as the sources gave them: each list the current one first, and empty where none
/// was given.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Given {
    /// Derives the keys of JWTs, CSRF tokens, cursors and credential caches.
    pub token: Vec<String>,
    /// Shared with the edge.
    pub edge: Vec<String>,
    /// Shared with SSH bridges on other hosts.
    pub bridge: Vec<String>,
}

/// Says how many there are and nothing else.
impl std::fmt::Debug for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { token, edge, bridge } = self;
        write!(f, "Given({}, {}, {})", token.len(), edge.len(), bridge.len())
    }
}

/// A secret that repeats a few characters is no secret, however long it is.
fn is_weak(secret: &str) -> bool {
    let mut kinds: Vec<u8> = secret.bytes().collect();
    kinds.sort_unstable();
    kinds.dedup();
    secret.len() < MIN_SECRET_BYTES || kinds.len() < 8
}

impl Given {
    fn parts(&mut self) -> [(&'static str, &'static str, &mut Vec<String>); 3] {
        [
            ("JWT_SECRET", "jwt-secret", &mut self.token),
            ("EDGE_SECRET", "edge-secret", &mut self.edge),
            ("PLUE_BRIDGE_SECRET", "bridge-secret", &mut self.bridge),
        ]
    }

    /// Names the secrets that are absent or too weak for production, with advice. In development
    /// everything goes.
    pub fn check(&mut self, environment: Environment) -> Result<(), ConfigError> {
        if environment == Environment::Development {
            return Ok(());
        }
        const ADVICE: &str = "make one with `openssl rand -hex 32` and keep it out of the repository";
        let mut faults = Vec::new();
        for (name, _, secrets) in self.parts() {
            if secrets.is_empty() {
                faults.push(format!("{name}: must be set in production; {ADVICE}"));
            } else if secrets.iter().any(|secret| is_weak(secret)) {
                faults.push(format!(
                    "{name}: too weak for production (at least {MIN_SECRET_BYTES} characters, well mixed); {ADVICE}"
                ));
            }
        }
        if faults.is_empty() {
            Ok(())
        } else {
            Err(ConfigError(faults))
        }
    }

    /// Fills what was not given from the files of `dir`, making those that are absent with mode
    /// 0600 from `fill`'s random bytes.
    pub fn complete(mut self, dir: &Path, fill: fn(&mut [u8])) -> io::Result<Self> {
        for (_, file, secrets) in self.parts() {
            if secrets.is_empty() {
                fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
                secrets.push(read_or_make(&dir.join(file), fill)?);
            }
        }
        Ok(self)
    }
}

fn read_or_make(path: &Path, fill: fn(&mut [u8])) -> io::Result<String> {
    match fs::read_to_string(path) {
        Ok(text) if text.trim().is_empty() => {
            let message = format!("{} is empty: remove it, and a new one is made", path.display());
            Err(io::Error::new(io::ErrorKind::InvalidData, message))
        }
        Ok(text) => Ok(text.trim_end_matches('\n').to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut bytes = [0; 32];
            fill(&mut bytes);
            let secret: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
            write_private(path, &format!("{secret}\n"))?;
            Ok(secret)
        }
        Err(error) => Err(error),
    }
}

/// Writes a file that only its owner can read, whole or not at all, so that it outlives a loss of
/// power.
pub fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    // The name as well, and that of a folder which is new.
    for folder in path.ancestors().skip(1).take(2) {
        if !folder.as_os_str().is_empty() {
            fs::File::open(folder)?.sync_all()?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const STRONG: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn production_asks_for_strong_secrets() {
        let mut given = Given {
            token: vec!["short".into()],
            edge: vec!["a".repeat(64)],
            bridge: vec![],
        };
        assert_eq!(given.check(Environment::Development), Ok(()));
        let ConfigError(faults) = given.check(Environment::Production).unwrap_err();
        let named: Vec<_> = faults.iter().filter_map(|f| f.split(':').next()).collect();
        assert_eq!(named, ["JWT_SECRET", "EDGE_SECRET", "PLUE_BRIDGE_SECRET"]);
        assert!(faults.iter().all(|fault| !fault.contains("short")), "{faults:?}");
        let strong = || vec![STRONG.to_owned()];
        let mut given = Given {
            token: strong(),
            edge: strong(),
            bridge: strong(),
        };
        assert_eq!(given.check(Environment::Production), Ok(()));
    }

    #[test]
    fn what_was_not_given_is_made_once_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("secrets");
        let given = || Given {
            edge: vec!["given".into()],
            ..Given::default()
        };
        let first = given().complete(&dir, |b| b.fill(7)).unwrap();
        let second = given().complete(&dir, |b| b.fill(8)).unwrap();
        assert!(first == second);
        assert_eq!(first.token, ["07".repeat(32)]);
        assert_eq!(first.edge, ["given"]);
        assert!(!dir.join("edge-secret").exists());
        let mode = fs::metadata(dir.join("jwt-secret")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::write(dir.join("jwt-secret"), "\n").unwrap();
        assert!(given().complete(&dir, |b| b.fill(9)).is_err());
    }
}
