//! How an error is written to a log: with everything that led to it. What a client reads is a
//! [`Problem`](crate::Problem) and never this.

use std::error::Error;
use std::fmt;

/// An error followed by its causes, outermost first, with `: ` between them.
#[derive(Clone, Copy, Debug)]
pub struct Causes<'a>(&'a dyn Error);

/// The whole chain of an error, for the log.
pub fn causes(error: &dyn Error) -> Causes<'_> {
    Causes(error)
}

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = self.0.to_string();
        f.write_str(&said)?;
        let mut next = self.0.source();
        while let Some(cause) = next {
            let text = cause.to_string();
            // Some errors quote their cause in their own words.
            if !said.ends_with(&text) {
                write!(f, ": {text}")?;
            }
            said = text;
            next = cause.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[derive(Debug, thiserror::Error)]
    #[error("the database refused a statement")]
    struct Outer(#[source] io::Error);

    #[derive(Debug, thiserror::Error)]
    #[error("reading: {0}")]
    struct Quoting(#[source] io::Error);

    #[test]
    fn every_cause_is_said_once() {
        let disk = || io::Error::other("disk I/O error");
        assert_eq!(
            causes(&Outer(disk())).to_string(),
            "the database refused a statement: disk I/O error"
        );
        assert_eq!(causes(&Quoting(disk())).to_string(), "reading: disk I/O error");
        assert_eq!(causes(&disk()).to_string(), "disk I/O error");
    }
}
