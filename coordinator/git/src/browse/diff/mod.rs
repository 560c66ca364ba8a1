//! What changed between two commits, file by file and line by line.
//!
//! Git finds the differences; here its answer is read as it comes, up to the limits. What is left
//! out is marked, so that a page can say so and ask for one file alone.

mod patch;

use super::attributes::Attributes;
use super::reader::Reader;
use super::{BrowseError, parts};
use crate::child::{self, Child, GitError};
use crate::oid::{ObjectFormat, Oid};
use tokio::io::BufReader;

/// Up to where differences are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DiffLimits {
    /// How many files are listed.
    pub files: usize,
    /// How many lines all files together show.
    pub lines: usize,
    /// How many lines one file shows.
    pub lines_per_file: usize,
    /// How many bytes the lines of all files have together.
    pub bytes: usize,
    /// How many bytes one line shows.
    pub bytes_per_line: usize,
}

impl Default for DiffLimits {
    fn default() -> Self {
        Self {
            files: 1000,
            lines: 20_000,
            lines_per_file: 3000,
            bytes: 4 << 20,
            bytes_per_line: 4096,
        }
    }
}

/// How two commits are compared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DiffOptions {
    /// Only what is at or below one of these paths; everything where there are none.
    pub paths: Vec<String>,
    /// Whether lines that differ in white space alone are the same.
    pub ignore_whitespace: bool,
    /// How many lines around each change are shown.
    pub context: u32,
    /// Up to where.
    pub limits: DiffLimits,
}

impl Default for DiffOptions {
    fn default() -> Self {
        Self {
            paths: vec![],
            ignore_whitespace: false,
            context: 3,
            limits: DiffLimits::default(),
        }
    }
}

/// What happened to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileStatus {
    /// It is new.
    Added,
    /// It is gone.
    Deleted,
    /// Its content or its mode changed.
    Modified,
    /// It was a file and is a link, or the like.
    TypeChanged,
    /// It has a new name, and may have changed as well.
    Renamed {
        /// How much of it stayed the same, in percent.
        similarity: u8,
    },
    /// It was made from another file, which is still there.
    Copied {
        /// How much of it is the same, in percent.
        similarity: u8,
    },
}

/// What kind of line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineKind {
    /// In both.
    Context,
    /// Only in the new file.
    Added,
    /// Only in the old file.
    Removed,
}

/// One line of a hunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiffLine {
    /// What kind.
    pub kind: LineKind,
    /// What it says, without its end; what is not UTF-8 in it is replaced. A carriage return
    /// before the end is part of it.
    pub text: String,
    /// Whether it is longer than what is here.
    pub is_cut: bool,
    /// Whether the file ends here without a line feed.
    pub no_newline: bool,
}

/// Lines that changed, and those around them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hunk {
    /// The number of its first line in the old file, from 1; 0 where it has none there.
    pub old_start: usize,
    /// How many lines it has in the old file.
    pub old_count: usize,
    /// The number of its first line in the new file, from 1; 0 where it has none there.
    pub new_start: usize,
    /// How many lines it has in the new file.
    pub new_count: usize,
    /// The line before it that git takes for the heading of a section.
    pub section: String,
    /// Its lines.
    pub lines: Vec<DiffLine>,
}

/// Why lines of a file are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiffCut {
    /// The file itself has more than is shown of one file.
    File,
    /// The files before it have used up what is shown of all.
    Whole,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileDiff {
    /// Its old path; none where it is new.
    pub old_path: Option<String>,
    /// Its new path; none where it is gone.
    pub new_path: Option<String>,
    /// What happened to it.
    pub status: FileStatus,
    /// Its old mode, as `0o100644`; 0 where there was none.
    pub old_mode: u32,
    /// Its new mode; 0 where there is none.
    pub new_mode: u32,
    /// Its old object, if there was one.
    pub old_oid: Option<Oid>,
    /// Its new object, if there is one.
    pub new_oid: Option<Oid>,
    /// Whether it has no lines to compare.
    pub is_binary: bool,
    /// How many lines were added.
    pub additions: usize,
    /// How many lines were removed.
    pub deletions: usize,
    /// Whether `.gitattributes` calls it `linguist-generated`.
    pub is_generated: bool,
    /// Whether `.gitattributes` calls it `linguist-vendored`.
    pub is_vendored: bool,
    /// Whether `.gitattributes` says `-diff`: its changes are nothing to read.
    pub is_suppressed: bool,
    /// What changed.
    pub hunks: Vec<Hunk>,
    /// Why the hunks are not all there, if they are not.
    pub cut: Option<DiffCut>,
}

impl FileDiff {
    /// The path by which it is called now, or was called last.
    pub fn path(&self) -> &str {
        self.new_path
            .as_deref()
            .or(self.old_path.as_deref())
            .unwrap_or("")
    }
}

/// What changed between two commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diff {
    /// What is compared; none where everything is new.
    pub from: Option<Oid>,
    /// What it is compared with.
    pub to: Oid,
    /// The files that changed, in the order of their new paths, up to the limit.
    pub files: Vec<FileDiff>,
    /// How many files changed.
    pub total_files: usize,
    /// How many lines were added in all files.
    pub additions: usize,
    /// How many lines were removed in all files.
    pub deletions: usize,
}

impl Diff {
    /// Whether files or lines were left out.
    pub fn is_cut(&self) -> bool {
        self.files.len() < self.total_files || self.files.iter().any(|file| file.cut.is_some())
    }
}

/// Compares two commits or trees, as `git diff-tree` does with renames and copies found. Without
/// `from`, a commit is compared with its first parent, and with nothing where it has none.
pub async fn diff(
    reader: &Reader,
    from: Option<Oid>,
    to: Oid,
    options: DiffOptions,
) -> Result<Diff, BrowseError> {
    let limits = options.limits;
    let mut paths = vec![];
    for path in &options.paths {
        paths.push(parts(path)?.join("/"));
    }
    let (from, to_tree) = reader
        .within(move |session| {
            let tree = session.tree_of(to)?;
            let from = match from {
                Some(from) => {
                    session.tree_of(from)?;
                    Some(from)
                }
                None => match session.commit_of(to) {
                    Ok(commit) => session.node(commit)?.parents.first().copied(),
                    Err(_) => None,
                },
            };
            Ok((from, tree))
        })
        .await?;
    let mut command = reader.git().command(reader.bare().dir());
    command
        .args(["-c", "diff.renameLimit=1000", "-c", "core.quotePath=false"])
        .args([
            "--literal-pathspecs",
            "diff-tree",
            "-r",
            "-z",
            "--raw",
            "--numstat",
            "-p",
        ])
        .args([
            "-M",
            "-C",
            "--full-index",
            "--no-ext-diff",
            "--no-textconv",
            "--no-color",
        ])
        .arg(format!("-U{}", options.context.min(10_000)));
    if options.ignore_whitespace {
        command.arg("-w");
    }
    let left = from.unwrap_or_else(|| empty_tree(reader.bare().format()));
    command
        .args(["--end-of-options", &left.to_string(), &to.to_string(), "--"])
        .args(&paths);
    let mut child = Child::start(command)?;
    let stdout = child.stdout.take().expect("because the command pipes it");
    let stderr = child.stderr.take().expect("because the command pipes it");
    // The pipe is closed when all that is wanted was read, which ends the child.
    let reading = async move {
        let mut stdout = BufReader::with_capacity(64 * 1024, stdout);
        let mut files = patch::read_list(&mut stdout, to).await?;
        let is_whole = patch::read_lines(&mut stdout, &mut files, limits).await?;
        let sum = |count: fn(&FileDiff) -> usize| files.iter().map(count).sum();
        let mut diff = Diff {
            from,
            to,
            total_files: files.len(),
            additions: sum(|file| file.additions),
            deletions: sum(|file| file.deletions),
            files: vec![],
        };
        files.truncate(limits.files);
        diff.files = files;
        Ok::<_, BrowseError>((diff, is_whole))
    };
    let (read, errors) = tokio::join!(reading, child::read_errors(stderr));
    let status = child.wait().await.map_err(GitError::from)?;
    let (mut diff, is_whole) = match read {
        Ok(read) => read,
        Err(error) if status.success() => return Err(error),
        Err(_) => return Err(failed(errors)),
    };
    if is_whole && !status.success() {
        return Err(failed(errors));
    }
    let paths: Vec<String> = diff.files.iter().map(|file| file.path().to_owned()).collect();
    let told = reader
        .within(move |session| {
            let mut attributes = Attributes::of_tree(to_tree);
            paths
                .iter()
                .map(|path| attributes.of(session, path))
                .collect::<Result<Vec<_>, _>>()
        })
        .await?;
    for (file, told) in diff.files.iter_mut().zip(told) {
        file.is_generated = told.generated == Some(true);
        file.is_vendored = told.vendored == Some(true);
        file.is_suppressed = told.diff == Some(false);
    }
    Ok(diff)
}

fn failed(errors: std::io::Result<String>) -> BrowseError {
    let message = errors.unwrap_or_default().trim().to_owned();
    let verb = "diff-tree".to_owned();
    GitError::Failed { verb, message }.into()
}

/// The object that a tree without entries has: git knows it even where it is not there.
fn empty_tree(format: ObjectFormat) -> Oid {
    let hex = match format {
        ObjectFormat::Sha1 => "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
        ObjectFormat::Sha256 => "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
    };
    Oid::parse(hex, format).expect("because these are ids")
}
