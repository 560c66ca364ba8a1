//! The names of refs: what git's own rules permit, less what this server keeps for itself.

use std::fmt;
use std::str::FromStr;

/// The most bytes a name may have. One component must also fit a file name beside `.lock`.
pub const MAX_BYTES: usize = 1024;
/// The most bytes one component of a name may have, so that `<component>.lock` is a file name.
pub const MAX_COMPONENT_BYTES: usize = 250;
/// Namespaces that no client writes: the server keeps them for itself.
pub const RESERVED: &[&str] = &["refs/plue/"];

/// Why a name cannot name a ref, in words for the person who pushed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefNameError {
    /// It does not begin with `refs/` and two more characters of substance.
    #[error("a ref stands under refs/, as refs/heads/main does")]
    NotUnderRefs,
    /// It or one of its components is too long.
    #[error("a ref name has at most {MAX_BYTES} bytes, and {MAX_COMPONENT_BYTES} between slashes")]
    TooLong,
    /// It is not UTF-8.
    #[error("a ref name is written in UTF-8")]
    NotUtf8,
    /// A rule of `git check-ref-format`.
    #[error("{0}")]
    Shape(&'static str),
    /// The namespace belongs to the server.
    #[error("refs under this prefix belong to the server")]
    Reserved,
    /// HEAD may only name a branch.
    #[error("HEAD names a branch, as refs/heads/main is")]
    NotABranch,
}

/// The full name of a ref that passed [`check`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RefName(String);

impl RefName {
    /// The branch of this short name.
    pub fn branch(short: &str) -> Result<Self, RefNameError> {
        format!("refs/heads/{short}").parse()
    }

    /// Reads a name as it came over the wire.
    pub fn from_wire(name: &[u8]) -> Result<Self, RefNameError> {
        std::str::from_utf8(name)
            .map_err(|_| RefNameError::NotUtf8)?
            .parse()
    }

    /// The full name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as people say it: without `refs/heads/` or `refs/tags/`.
    pub fn short(&self) -> &str {
        self.0
            .strip_prefix("refs/heads/")
            .or_else(|| self.0.strip_prefix("refs/tags/"))
            .unwrap_or(&self.0)
    }

    /// Whether it names a branch.
    pub fn is_branch(&self) -> bool {
        self.0.starts_with("refs/heads/")
    }

    /// Whether it names a tag.
    pub fn is_tag(&self) -> bool {
        self.0.starts_with("refs/tags/")
    }
}

impl FromStr for RefName {
    type Err = RefNameError;

    fn from_str(name: &str) -> Result<Self, RefNameError> {
        check(name).map(|()| Self(name.to_owned()))
    }
}

impl TryFrom<String> for RefName {
    type Error = RefNameError;

    fn try_from(name: String) -> Result<Self, RefNameError> {
        check(&name).map(|()| Self(name))
    }
}

impl AsRef<str> for RefName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RefName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Checks a full name against the rules of `git check-ref-format`, this server's lengths and its
/// reserved namespaces.
pub fn check(name: &str) -> Result<(), RefNameError> {
    let Some(rest) = name.strip_prefix("refs/") else {
        return Err(RefNameError::NotUnderRefs);
    };
    // `refs/stash` and its like have one component only; git refuses those from a push, too.
    if !rest.contains('/') {
        return Err(RefNameError::NotUnderRefs);
    }
    if name.len() > MAX_BYTES {
        return Err(RefNameError::TooLong);
    }
    check_format(rest)?;
    if RESERVED.iter().any(|prefix| name.starts_with(prefix)) {
        return Err(RefNameError::Reserved);
    }
    // Such a branch would make the word ambiguous in every command that its owner types.
    if name == "refs/heads/HEAD" {
        return Err(RefNameError::Shape("no branch is named HEAD"));
    }
    Ok(())
}

/// Reads what HEAD may name: a branch.
pub fn check_head_target(name: &str) -> Result<RefName, RefNameError> {
    let name: RefName = name.parse()?;
    if name.is_branch() {
        Ok(name)
    } else {
        Err(RefNameError::NotABranch)
    }
}

fn check_format(name: &str) -> Result<(), RefNameError> {
    use RefNameError::Shape;
    for component in name.split('/') {
        if component.is_empty() {
            return Err(Shape("a ref name has no empty component"));
        }
        if component.len() > MAX_COMPONENT_BYTES {
            return Err(RefNameError::TooLong);
        }
        if component.starts_with('-') {
            return Err(Shape("no component of a ref name begins with a hyphen"));
        }
        if component.starts_with('.') {
            return Err(Shape("no component of a ref name begins with a dot"));
        }
        if component.ends_with(".lock") {
            return Err(Shape("no component of a ref name ends with .lock"));
        }
    }
    if name.ends_with('.') {
        return Err(Shape("a ref name does not end with a dot"));
    }
    if name.contains("..") || name.contains("@{") {
        return Err(Shape("a ref name has neither `..` nor `@{`"));
    }
    if name
        .bytes()
        .any(|b| b < 0x20 || b == 0x7f || b" ~^:?*[\\".contains(&b))
    {
        return Err(Shape(
            "a ref name has no space, control character or any of ~ ^ : ? * [ \\",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::Command;

    const ODD: &[&str] = &[
        "",
        "main",
        "HEAD",
        "refs",
        "refs/",
        "refs/heads",
        "refs/heads/",
        "refs//main",
        "refs/heads//main",
        "refs/heads/main/",
        "refs/heads/.main",
        "refs/heads/a..b",
        "refs/heads/a.lock",
        "refs/heads/a.lock/b",
        "refs/heads/a.",
        "refs/heads/a b",
        "refs/heads/a\0b",
        "refs/heads/a\nb",
        "refs/heads/a\x7f",
        "refs/heads/a~1",
        "refs/heads/a^",
        "refs/heads/a:b",
        "refs/heads/a?",
        "refs/heads/*",
        "refs/heads/[a",
        "refs/heads/a\\b",
        "refs/heads/a@{1}",
        "refs/heads/../../config",
        "../refs/heads/main",
        "/refs/heads/main",
    ];

    #[test]
    fn what_git_refuses_is_refused() {
        for name in ODD {
            assert!(check(name).is_err(), "{name:?}");
        }
        for ours in [
            "refs/heads/-x",
            "refs/heads/--exec=sh",
            "refs/heads/a/--upload-pack=x",
            "refs/plue/keep",
            "refs/heads/HEAD",
            "--exec=x",
            &format!("refs/heads/{}", "a".repeat(251)),
            &format!("refs/heads{}", "/abc".repeat(300)),
        ] {
            assert!(check(ours).is_err(), "{ours:?}");
        }
    }

    #[test]
    fn ordinary_names_pass() {
        for name in [
            "refs/heads/main",
            "refs/heads/feature/x-1",
            "refs/tags/v1.0",
            "refs/heads/ümläut",
            "refs/heads/@",
            "refs/heads/a@b",
            "refs/notes/commits",
            "refs/heads/a.lockx",
            "refs/jj/keep/abc",
        ] {
            assert_eq!(check(name), Ok(()), "{name:?}");
        }
        assert_eq!(RefName::branch("a/b").unwrap().short(), "a/b");
        assert!(check_head_target("refs/heads/main").is_ok());
        assert_eq!(check_head_target("refs/tags/v1"), Err(RefNameError::NotABranch));
    }

    fn git_accepts(name: &str) -> bool {
        Command::new("git")
            .args(["check-ref-format", name])
            .status()
            .unwrap()
            .success()
    }

    #[test]
    fn git_agrees() {
        for name in ODD
            .iter()
            .filter(|name| !name.contains('\0') && name.matches('/').count() > 1)
        {
            assert_eq!(check(name).is_ok(), git_accepts(name), "{name:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn nothing_passes_that_git_refuses(tail in r"[a-c./@{}~^: \\*?\[\-lock]{1,12}") {
            let name = format!("refs/heads/{tail}");
            if check(&name).is_ok() {
                prop_assert!(git_accepts(&name), "{:?}", name);
            } else if git_accepts(&name) {
                prop_assert!(name.contains("/-"), "{:?}", name);
            }
        }

        #[test]
        fn no_text_panics(name in "\\PC{0,80}") {
            let _ = check(&name);
        }
    }
}
