//! The command line that an SSH client asks to run, read as data: nothing here is ever executed.

use plue_contract::RepoPath;
use plue_contract::names::NameError;

/// The longest command line that is looked at, in bytes.
pub const MAX_BYTES: usize = 1024;

/// Which of git's services a client wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// Fetch and clone.
    UploadPack,
    /// Push.
    ReceivePack,
    /// `git archive --remote`.
    UploadArchive,
}

impl Service {
    /// The name on the wire, as `git-upload-pack`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UploadPack => "git-upload-pack",
            Self::ReceivePack => "git-receive-pack",
            Self::UploadArchive => "git-upload-archive",
        }
    }

    /// Reads a name as it stands on the wire.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::UploadPack, Self::ReceivePack, Self::UploadArchive]
            .into_iter()
            .find(|service| service.name() == name)
    }
}

/// A git command, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitCommand {
    /// What to do.
    pub service: Service,
    /// To which repository.
    pub path: RepoPath,
}

/// Why a command line was refused, in words for the person at the terminal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// It is longer than [`MAX_BYTES`], or has control characters.
    #[error("this command line cannot be read")]
    Unreadable,
    /// It is none of git's three services.
    #[error("only git-upload-pack, git-receive-pack and git-upload-archive can be run here")]
    NotGit,
    /// What follows the service is not exactly one path, quoted as git quotes it.
    #[error("the command needs one repository, as 'owner/name.git'")]
    Argument,
    /// The path does not name a repository.
    #[error("this is not the address of a repository: {0}")]
    Path(#[from] NameError),
}

/// Reads `git-upload-pack 'owner/name.git'` and its like. Total: every text gets an answer.
pub fn parse(line: &str) -> Result<GitCommand, CommandError> {
    if line.len() > MAX_BYTES || line.chars().any(char::is_control) {
        return Err(CommandError::Unreadable);
    }
    let rest = line
        .strip_prefix("git-")
        .or_else(|| line.strip_prefix("git "))
        .ok_or(CommandError::NotGit)?;
    let (verb, argument) = rest.split_once(' ').unwrap_or((rest, ""));
    let service = match verb {
        "upload-pack" => Service::UploadPack,
        "receive-pack" => Service::ReceivePack,
        "upload-archive" => Service::UploadArchive,
        _ => return Err(CommandError::NotGit),
    };
    let argument = unquote(argument).ok_or(CommandError::Argument)?;
    let path = argument.strip_prefix('/').unwrap_or(&argument);
    let path = path.strip_suffix('/').unwrap_or(path);
    Ok(GitCommand {
        service,
        path: path.parse()?,
    })
}

/// Undoes the quoting of git's `sq_quote_buf`: one word in single quotes, in which `'\''` and
/// `'\!'` stand for the characters themselves; or a word that needs no quotes.
fn unquote(word: &str) -> Option<String> {
    if !word.starts_with('\'') {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./".contains(&b);
        return (!word.is_empty() && word.bytes().all(plain)).then(|| word.to_owned());
    }
    let mut out = String::with_capacity(word.len());
    let mut rest = word;
    loop {
        let (inside, after) = rest.strip_prefix('\'')?.split_once('\'')?;
        out.push_str(inside);
        let Some(escaped) = after.strip_prefix('\\') else {
            return after.is_empty().then_some(out);
        };
        let escaped_char = escaped.chars().next().filter(|c| matches!(c, '\'' | '!'))?;
        out.push(escaped_char);
        rest = &escaped[1..];
        if rest.is_empty() {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_git_sends_is_understood() {
        for (line, service) in [
            ("git-upload-pack 'ada/engine.git'", Service::UploadPack),
            ("git-upload-pack '/ada/engine.git'", Service::UploadPack),
            ("git-upload-pack '/ada/engine.git/'", Service::UploadPack),
            ("git upload-pack 'ada/engine'", Service::UploadPack),
            ("git-receive-pack 'ada/engine.git'", Service::ReceivePack),
            ("git-receive-pack ada/engine.git", Service::ReceivePack),
            ("git-upload-archive 'ada/engine'", Service::UploadArchive),
        ] {
            let command = parse(line).unwrap();
            assert_eq!(command.service, service, "{line}");
            assert_eq!(command.path.to_string(), "ada/engine", "{line}");
            assert_eq!(Service::from_name(service.name()), Some(service));
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for line in [
            "",
            "git",
            "git-",
            "git-upload-pack",
            "git-upload-pack ",
            "git-upload-pack ''",
            "git-upload-pack 'ada/engine",
            "git-upload-pack ada/engine'",
            "git-upload-pack 'ada/engine' ",
            "git-upload-pack  'ada/engine'",
            "git-upload-pack 'ada/engine' 'ada/other'",
            "git-upload-pack 'ada/engine'; id",
            "git-upload-pack $(id)",
            "git-upload-pack 'ada/'\\''engine'",
            "git-upload-pack 'ada/engine'\\''",
            "git-upload-pack '../../etc/passwd'",
            "git-upload-pack '~ada/engine'",
            "git-upload-pack '//ada/engine'",
            "git-upload-pack 'ada/../engine'",
            "git-upload-pack '--exec=sh/x'",
            "git-upload-pack --timeout=1 'ada/engine'",
            "git-upload-pack 'ada/engine\0'",
            "git-upload-pack 'ada/engine\n'",
            "git-upload-pack 'ada/engine.git.git'",
            "git upload-pack2 'ada/engine'",
            "git -c x=y upload-pack 'ada/engine'",
            "scp -t /tmp",
            "sh -c 'git-upload-pack a/b'",
            &format!("git-upload-pack 'ada/{}'", "x".repeat(2000)),
        ] {
            assert!(parse(line).is_err(), "{line:?}");
        }
    }

    proptest! {
        #[test]
        fn every_text_gets_an_answer(line in "\\PC{0,120}") {
            let _ = parse(&line);
        }

        #[test]
        fn quoting_is_undone(word in r"[a-z'!\\ ./]{0,20}") {
            let quoted = format!("'{}'", word.replace('\'', r"'\''").replace('!', r"'\!'"));
            prop_assert_eq!(unquote(&quoted), Some(word));
        }

        #[test]
        fn what_is_accepted_is_two_plain_names(tail in r"[a-z'/.\\~; -]{0,30}") {
            if let Ok(command) = parse(&format!("git-upload-pack '{tail}'")) {
                let shown = command.path.to_string();
                prop_assert_eq!(shown.matches('/').count(), 1);
                prop_assert!(!shown.contains("..") && !shown.contains(['\'', ';', ' ', '\\', '~']));
            }
        }
    }
}
