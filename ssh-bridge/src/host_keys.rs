//! The keys by which clients know this host: made once, and kept.

use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::{KeypairData, RsaKeypair};
use russh::keys::{Algorithm, HashAlg, PrivateKey};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

const RSA_BITS: usize = 3072;
const ED25519_FILE: &str = "ssh_host_ed25519_key";
const RSA_FILE: &str = "ssh_host_rsa_key";

/// The host's private keys, at least one.
#[derive(Clone)]
pub struct HostKeys(Vec<PrivateKey>);

/// Why there are no host keys.
#[derive(Debug, thiserror::Error)]
pub enum HostKeyError {
    /// No path was given.
    #[error("no host key is configured; name at least one file")]
    None,
    /// The file cannot be read, or a new one not be written.
    #[error("the host key {path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Others than its owner may read or change the file.
    #[error("the host key {path} is open to other users; run: chmod 600 {path}")]
    Open {
        /// Which file.
        path: PathBuf,
    },
    /// It is no private key in OpenSSH's format, or it has a passphrase.
    #[error("the host key {path} is not an unencrypted private key in OpenSSH format: {source}")]
    Form {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: russh::keys::ssh_key::Error,
    },
    /// The key could not be made.
    #[error("a new host key could not be made: {0}")]
    Generate(russh::keys::ssh_key::Error),
}

impl HostKeys {
    /// Reads `ssh_host_ed25519_key` and `ssh_host_rsa_key` in `dir`, making those that are
    /// missing, with mode 0600. Blocks, for seconds where an RSA key is made.
    pub fn load_or_generate(dir: &Path) -> Result<Self, HostKeyError> {
        std::fs::create_dir_all(dir).map_err(|source| HostKeyError::File {
            path: dir.to_owned(),
            source,
        })?;
        let ed25519 = load_or(&dir.join(ED25519_FILE), || {
            PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519)
        })?;
        let rsa = load_or(&dir.join(RSA_FILE), || {
            let pair = RsaKeypair::random(&mut russh::keys::key::safe_rng(), RSA_BITS)?;
            PrivateKey::new(KeypairData::from(pair), "")
        })?;
        Ok(Self(vec![ed25519, rsa]))
    }

    /// Reads the keys in these files.
    pub fn from_files(paths: &[PathBuf]) -> Result<Self, HostKeyError> {
        if paths.is_empty() {
            return Err(HostKeyError::None);
        }
        paths
            .iter()
            .map(|path| load(path))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The keys' fingerprints, as a client shows them: `ssh-ed25519 SHA256:…`.
    pub fn fingerprints(&self) -> Vec<String> {
        let line = |key: &PrivateKey| format!("{} {}", key.algorithm(), key.fingerprint(HashAlg::Sha256));
        self.0.iter().map(line).collect()
    }

    pub(crate) fn into_keys(self) -> Vec<PrivateKey> {
        self.0
    }
}

impl std::fmt::Debug for HostKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.fingerprints()).finish()
    }
}

fn load(path: &Path) -> Result<PrivateKey, HostKeyError> {
    let file = |source| HostKeyError::File {
        path: path.to_owned(),
        source,
    };
    let mode = std::fs::metadata(path).map_err(file)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(HostKeyError::Open {
            path: path.to_owned(),
        });
    }
    let text = std::fs::read_to_string(path).map_err(file)?;
    let form = |source| HostKeyError::Form {
        path: path.to_owned(),
        source,
    };
    let key = PrivateKey::from_openssh(&text).map_err(form)?;
    if key.is_encrypted() {
        return Err(form(russh::keys::ssh_key::Error::Encrypted));
    }
    Ok(key)
}

fn load_or(
    path: &Path,
    make: impl FnOnce() -> Result<PrivateKey, russh::keys::ssh_key::Error>,
) -> Result<PrivateKey, HostKeyError> {
    if path.exists() {
        return load(path);
    }
    let key = make().map_err(HostKeyError::Generate)?;
    let text = key.to_openssh(LineEnding::LF).map_err(HostKeyError::Generate)?;
    match keep(path, text.as_bytes()) {
        // Another process was quicker: its key is the host's.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => load(path),
        Err(source) => Err(HostKeyError::File {
            path: path.to_owned(),
            source,
        }),
        Ok(()) => Ok(key),
    }
}

/// Writes the whole file or none of it, and never over another.
fn keep(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = path.with_extension(format!("new-{}", std::process::id()));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)?;
    let kept = file
        .write_all(bytes)
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::hard_link(&draft, path));
    std::fs::remove_file(&draft)?;
    // The name as well, and that of a folder which is new: a host keeps its key when the power goes.
    for folder in path.ancestors().skip(1).take(2) {
        if !folder.as_os_str().is_empty() {
            std::fs::File::open(folder)?.sync_all()?;
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_made_once_and_kept_private() {
        let dir = tempfile::tempdir().expect("a directory");
        let made = HostKeys::load_or_generate(dir.path()).expect("new keys");
        let kept = HostKeys::load_or_generate(dir.path()).expect("kept keys");
        assert_eq!(made.fingerprints(), kept.fingerprints());
        let algorithms: Vec<_> = kept
            .fingerprints()
            .iter()
            .map(|line| line.split(' ').next().unwrap_or_default().to_owned())
            .collect();
        assert_eq!(algorithms, ["ssh-ed25519", "ssh-rsa"]);
        let files: Vec<_> = [ED25519_FILE, RSA_FILE]
            .map(|name| dir.path().join(name))
            .to_vec();
        for file in &files {
            let mode = std::fs::metadata(file).expect("the file").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        assert_eq!(std::fs::read_dir(dir.path()).expect("the folder").count(), 2);

        std::fs::set_permissions(&files[0], std::fs::Permissions::from_mode(0o644)).expect("chmod");
        assert!(matches!(
            HostKeys::from_files(&files),
            Err(HostKeyError::Open { .. })
        ));
        std::fs::write(&files[1], "no key").expect("write");
        assert!(matches!(
            HostKeys::from_files(&files[1..]),
            Err(HostKeyError::Form { .. })
        ));
        assert!(matches!(HostKeys::from_files(&[]), Err(HostKeyError::None)));
    }
}
