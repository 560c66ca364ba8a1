//! From what git says to what pages show.

use plue_forge::browse::{Commit, Diff, DiffCut, FileDiff, FileStatus, LastChange, LineKind};
use plue_pages::diff::{Cut, File, Folded, Hunk, Kind, Line, prepare};
use plue_pages::repo::Change;
use plue_pages::repo::commits::Item;

/// The last change of something.
pub fn change(last: &LastChange) -> Change {
    Change {
        oid: last.oid.to_string(),
        summary: last.summary.clone(),
        author: last.author.name.clone(),
        when_ms: last.committed_ms,
    }
}

/// A commit of a list.
pub fn item(commit: &Commit) -> Item {
    let message = commit.message.trim();
    let body = message.split_once('\n').map_or("", |(_, body)| body.trim());
    let other = commit.committer.email != commit.author.email && commit.committer.name != commit.author.name;
    Item {
        change: Change {
            oid: commit.oid.to_string(),
            summary: commit.summary().to_owned(),
            author: commit.author.name.clone(),
            when_ms: commit.author.time_ms,
        },
        body: body.to_owned(),
        committer: other.then(|| commit.committer.name.clone()),
        other_path: None,
    }
}

/// The files of a difference, ready to be shown.
pub fn files(diff: Diff) -> Vec<File> {
    let mut files: Vec<File> = diff.files.into_iter().map(file).collect();
    prepare(&mut files);
    files
}

fn file(file: FileDiff) -> File {
    let status = match file.status {
        FileStatus::Added => "added",
        FileStatus::Deleted => "deleted",
        FileStatus::Modified => "",
        FileStatus::TypeChanged => "another type",
        FileStatus::Renamed { .. } => "renamed",
        FileStatus::Copied { .. } => "copied",
    };
    let modes = (file.old_mode != file.new_mode && file.old_mode != 0 && file.new_mode != 0)
        .then(|| format!("{:06o} → {:06o}", file.old_mode, file.new_mode));
    let folded = match &file {
        file if file.is_suppressed => Some(Folded::Suppressed),
        file if file.is_generated => Some(Folded::Generated),
        file if file.is_vendored => Some(Folded::Vendored),
        _ => None,
    };
    let line = |line: plue_forge::browse::DiffLine| Line {
        cut: line.is_cut,
        no_newline: line.no_newline,
        ..Line::new(
            match line.kind {
                LineKind::Context => Kind::Context,
                LineKind::Added => Kind::Added,
                LineKind::Removed => Kind::Removed,
            },
            line.text,
        )
    };
    let hunks = file.hunks.into_iter().map(|hunk| {
        let lines = hunk.lines.into_iter().map(line).collect();
        Hunk::new(hunk.old_start, hunk.new_start, hunk.section, lines)
    });
    File {
        status,
        modes,
        binary: file.is_binary,
        additions: file.additions,
        deletions: file.deletions,
        folded,
        version: file
            .new_oid
            .or(file.old_oid)
            .map_or(String::new(), |oid| oid.to_string()),
        hunks: hunks.collect(),
        cut: file.cut.map(|cut| match cut {
            DiffCut::File => Cut::File,
            DiffCut::Whole => Cut::Whole,
        }),
        old_path: file.old_path,
        new_path: file.new_path,
    }
}
