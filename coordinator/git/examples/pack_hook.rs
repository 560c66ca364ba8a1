//! The smallest program that can stand as git's `pack-objects` hook; the tests use it.

use plue_git::pack_cache::{self, PackCache};
use std::io::Error;

fn main() -> Result<(), Error> {
    let cache = PackCache::from_variables(|name| std::env::var_os(name))
        .ok_or_else(|| Error::other("git upload-pack runs this, not you"))?;
    let command: Vec<_> = std::env::args_os().skip(1).collect();
    let here = std::env::current_dir()?;
    let code = pack_cache::run(&cache, &command, &here, std::io::stdin(), std::io::stdout())?;
    std::process::exit(code)
}
