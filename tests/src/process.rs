//! Server processes that a test starts: each leads a process group of its own, so that what it
//! leaves behind can be found, reported and ended.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process_group};

/// How long a process may take to end after it was asked to.
const ENDING: Duration = Duration::from_secs(20);
/// How long the children of a process that was killed may take to notice.
const NOTICING: Duration = Duration::from_secs(10);

/// A running server; whatever is left of its group is killed when this is dropped.
#[derive(Debug)]
pub struct Server {
    name: String,
    child: Child,
    /// Behind a lock only so that threads of a test may share the server.
    lines: Mutex<mpsc::Receiver<String>>,
    errors: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Starts a program with its standard output and errors read by the harness.
    pub fn start(name: &str, command: &mut Command) -> anyhow::Result<Server> {
        let mut child = command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("{name} could not be started: {command:?}"))?;
        let (sender, lines) = mpsc::channel();
        let output = child.stdout.take().context("the output was piped")?;
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let errors = Arc::new(Mutex::new(Vec::new()));
        let (kept, output) = (
            Arc::clone(&errors),
            child.stderr.take().context("the errors were piped")?,
        );
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let Ok(mut kept) = kept.lock() {
                    kept.push(line);
                }
            }
        });
        Ok(Server {
            name: name.to_owned(),
            child,
            lines: Mutex::new(lines),
            errors,
        })
    }

    /// Waits for the next line of standard output.
    pub fn line(&mut self, within: Duration) -> anyhow::Result<String> {
        let line = match self.lines.get_mut() {
            Ok(lines) => lines.recv_timeout(within).ok(),
            Err(_) => None,
        };
        match line {
            Some(line) => Ok(line),
            None => {
                let ended = self.child.try_wait()?;
                bail!(
                    "{} said nothing (ended: {ended:?}); its errors were:\n{}",
                    self.name,
                    self.errors()
                )
            }
        }
    }

    /// Answers what the process has written to its standard error so far.
    pub fn errors(&self) -> String {
        self.errors.lock().map(|kept| kept.join("\n")).unwrap_or_default()
    }

    /// Answers the process's id, which is its group's as well.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    fn group(&self) -> anyhow::Result<Pid> {
        Pid::from_raw(self.child.id() as i32).context("a process has an id above zero")
    }

    /// Asks the process to end, and fails if it does not, or if it leaves a process alive.
    pub fn stop(mut self) -> anyhow::Result<ExitStatus> {
        if let Some(ended) = self.child.try_wait()? {
            bail!(
                "{} had ended by itself ({ended}); its errors were:\n{}",
                self.name,
                self.errors()
            );
        }
        rustix::process::kill_process(self.group()?, Signal::TERM)?;
        let ended = self.wait(ENDING)?;
        self.expect_nothing_alive()?;
        Ok(ended)
    }

    /// Kills the process without warning, and fails if its children live on.
    pub fn kill(mut self) -> anyhow::Result<()> {
        rustix::process::kill_process(self.group()?, Signal::KILL)?;
        self.child.wait()?;
        self.expect_nothing_alive()
    }

    /// Waits for the process to end by itself.
    pub fn wait(&mut self, within: Duration) -> anyhow::Result<ExitStatus> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(ended) = self.child.try_wait()? {
                return Ok(ended);
            }
            if Instant::now() > deadline {
                bail!("{} did not end; its errors were:\n{}", self.name, self.errors());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Fails if a process of the group is alive after its leader has ended.
    pub fn expect_nothing_alive(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + NOTICING;
        loop {
            let alive = group_members(self.child.id());
            if alive.is_empty() {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("{} left processes alive: {}", self.name, alive.join(", "));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(group) = Pid::from_raw(self.child.id() as i32) {
            // It may have ended already; then there is no such group.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- errors of {} ---\n{}", self.name, self.errors());
        }
    }
}

/// Lists the living processes of a group, as `pid (command line)`, from /proc.
fn group_members(group: u32) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| {
            let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            // The command stands in parentheses and may hold anything; state, parent and group follow it.
            let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
            let state = fields.next()?;
            let of_group: u32 = fields.nth(1)?.parse().ok()?;
            (of_group == group && state != "Z").then(|| {
                let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
                format!(
                    "{pid} ({})",
                    String::from_utf8_lossy(&line).replace('\0', " ").trim_end()
                )
            })
        })
        .collect()
}

/// Lists the living children of a process and theirs, as `pid (command line)`, from /proc.
pub fn descendants(of: u32) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let parents: std::collections::HashMap<u32, (u32, String)> = entries
        .flatten()
        .filter_map(|entry| {
            let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
            let state = fields.next()?;
            let parent: u32 = fields.next()?.parse().ok()?;
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            (state != "Z").then(|| (pid, (parent, format!("{pid} ({})", line.trim_end()))))
        })
        .collect();
    let descends = |pid: &u32| {
        let mut next = parents.get(pid).map(|(parent, _)| *parent);
        while let Some(parent) = next.filter(|parent| *parent != of) {
            next = parents.get(&parent).map(|(parent, _)| *parent);
        }
        next.is_some()
    };
    parents
        .iter()
        .filter(|(pid, _)| descends(pid))
        .map(|(_, (_, line))| line.clone())
        .collect()
}

/// Answers the resident memory of a process and its children, in bytes, from /proc.
pub fn resident_bytes(group: u32) -> u64 {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return 0;
    };
    let of_group = |path: &std::path::Path| -> Option<u64> {
        let stat = std::fs::read_to_string(path.join("stat")).ok()?;
        let member: u32 = stat
            .rsplit_once(')')?
            .1
            .split_ascii_whitespace()
            .nth(2)?
            .parse()
            .ok()?;
        let status = std::fs::read_to_string(path.join("status")).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
        let kilobytes: u64 = line.split_ascii_whitespace().nth(1)?.parse().ok()?;
        (member == group).then_some(kilobytes * 1024)
    };
    entries
        .flatten()
        .filter_map(|entry| of_group(&entry.path()))
        .sum()
}

/// Runs something while the memory of a process and its children is watched, and answers what came
/// of it and by how many bytes that memory grew at its highest.
pub fn growth_while<T>(group: u32, work: impl FnOnce() -> T) -> (T, u64) {
    let before = resident_bytes(group);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut highest = 0;
            while !done.load(Ordering::Relaxed) {
                highest = highest.max(resident_bytes(group));
                std::thread::sleep(Duration::from_millis(20));
            }
            highest
        });
        let came = work();
        done.store(true, Ordering::Relaxed);
        let highest = watcher.join().unwrap_or(u64::MAX);
        (came, highest.saturating_sub(before))
    })
}

/// Answers the processor time that a process group has used, ended children included, in seconds.
///
/// The kernel counts in hundredths of a second.
pub fn processor_seconds(group: u32) -> f64 {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return 0.0;
    };
    let of_group = |path: &std::path::Path| -> Option<u64> {
        let stat = std::fs::read_to_string(path.join("stat")).ok()?;
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
        let member: u32 = fields.get(2)?.parse().ok()?;
        // User and system time, then those of children that were waited for (proc(5), fields 14 to 17).
        let ticks: u64 = fields
            .get(11..15)?
            .iter()
            .filter_map(|field| field.parse::<u64>().ok())
            .sum();
        (member == group).then_some(ticks)
    };
    entries
        .flatten()
        .filter_map(|entry| of_group(&entry.path()))
        .sum::<u64>() as f64
        / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Server {
        Server::start("script", Command::new("sh").args(["-c", script])).unwrap()
    }

    #[test]
    fn a_process_that_is_left_alive_is_reported() {
        let mut server = shell("sleep 60 & echo ready; wait");
        assert_eq!(server.line(Duration::from_secs(5)).unwrap(), "ready");
        let left = server.kill().unwrap_err().to_string();
        assert!(left.contains("sleep 60"), "{left}");
    }

    #[test]
    fn a_clean_end_is_accepted_and_one_by_itself_is_not() {
        let mut server = shell("trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done");
        server.line(Duration::from_secs(5)).unwrap();
        assert!(server.stop().unwrap().success());
        let mut gone = shell("echo oh no >&2");
        gone.wait(Duration::from_secs(5)).unwrap();
        std::thread::sleep(Duration::from_millis(50));
        assert!(gone.stop().unwrap_err().to_string().contains("oh no"));
    }
}
