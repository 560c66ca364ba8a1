//! The peers: OpenSSH with git-shell, and nginx with git-http-backend, each on a free port with
//! its files in a temporary folder.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use plue_tests::git::Home;
use plue_tests::process::{Server, processor_seconds, resident_bytes};

/// The account that OpenSSH lets in; made for the run and removed after it.
const USER: &str = "plue-bench";

/// OpenSSH's server, with git-shell as the login shell of its one user.
#[derive(Debug)]
pub struct OpenSsh {
    server: Server,
    /// Where it listens.
    pub address: SocketAddr,
    folder: tempfile::TempDir,
}

impl OpenSsh {
    /// Starts it for one public key and one bare repository; None, with a reason, where it cannot be.
    pub fn start(public_key: &Path, repository: &Path) -> anyhow::Result<Result<OpenSsh, String>> {
        if !is_root()? {
            return Ok(Err("an account with git-shell can only be made as root".into()));
        }
        for program in ["/usr/sbin/sshd", "/usr/bin/git-shell"] {
            if !Path::new(program).exists() {
                return Ok(Err(format!(
                    "{program} is not installed (apt-get install openssh-server git)"
                )));
            }
        }
        let folder = tempfile::Builder::new().prefix("plue-bench-ssh-").tempdir()?;
        let home = folder.path().join("home");
        run(Command::new("chmod").arg("755").arg(folder.path()))?;
        let _ = Command::new("userdel").arg(USER).output()?;
        run(Command::new("useradd")
            .args(["-M", "-s", "/usr/bin/git-shell", "-d"])
            .arg(&home)
            .arg(USER))?;
        // Without this a locked password refuses the key as well.
        run(Command::new("usermod").args(["-p", "*", USER]))?;
        std::fs::create_dir_all(home.join(".ssh"))?;
        std::fs::copy(public_key, home.join(".ssh/authorized_keys"))?;
        run(Command::new("cp")
            .arg("-r")
            .arg(repository)
            .arg(home.join("engine.git")))?;
        run(Command::new("chown").args(["-R", USER]).arg(&home))?;
        std::fs::create_dir_all("/run/sshd")?;
        let host_key = folder.path().join("host");
        run(Command::new("ssh-keygen")
            .args(["-q", "-N", "", "-t", "ed25519", "-f"])
            .arg(&host_key))?;
        let address = free_address()?;
        let config = folder.path().join("sshd_config");
        std::fs::write(
            &config,
            format!(
                "ListenAddress {address}\nHostKey {}\nPidFile none\nUsePAM no\nMaxStartups 2000\nMaxSessions 2000\n\
                 PasswordAuthentication no\nKbdInteractiveAuthentication no\nAcceptEnv GIT_PROTOCOL\nLogLevel ERROR\n\
                 PerSourceMaxStartups none\nLoginGraceTime 300\nUseDNS no\n",
                host_key.display()
            ),
        )?;
        let server = Server::start(
            "sshd",
            Command::new("/usr/sbin/sshd")
                .args(["-D", "-e", "-f"])
                .arg(&config),
        )?;
        await_port(address, &server)?;
        Ok(Ok(OpenSsh {
            server,
            address,
            folder,
        }))
    }

    /// The command that serves the repository.
    pub fn upload_pack(&self) -> String {
        format!(
            "git-upload-pack '{}'",
            self.folder.path().join("home/engine.git").display()
        )
    }

    /// The address for git.
    pub fn url(&self) -> String {
        format!(
            "ssh://{USER}@plue{}",
            self.folder.path().join("home/engine.git").display()
        )
    }

    /// The account's name.
    pub fn user(&self) -> &'static str {
        USER
    }

    /// The memory of its processes, those of its sessions included.
    pub fn resident_bytes(&self) -> u64 {
        // Sessions leave the group of the listener.
        let mut groups = vec![self.server.id()];
        let listed = Command::new("ps").args(["-eo", "pid=,ppid=,args="]).output();
        if let Ok(listed) = listed {
            let text = String::from_utf8_lossy(&listed.stdout).into_owned();
            groups.extend(
                text.lines()
                    .filter(|line| line.contains("sshd: "))
                    .filter_map(|line| {
                        line.split_ascii_whitespace()
                            .next()
                            .and_then(|pid| pid.parse::<u32>().ok())
                    }),
            );
        }
        groups.sort_unstable();
        groups.dedup();
        groups.into_iter().map(resident_bytes).sum()
    }
}

impl Drop for OpenSsh {
    fn drop(&mut self) {
        let _ = Command::new("pkill").args(["-KILL", "-u", USER]).output();
        let _ = Command::new("userdel").arg(USER).output();
    }
}

/// nginx with fcgiwrap and git-http-backend.
#[derive(Debug)]
pub struct Nginx {
    wrap: Server,
    web: Server,
    address: SocketAddr,
    folder: tempfile::TempDir,
}

impl Nginx {
    /// Starts it over an empty folder of repositories; None, with a reason, where it cannot be.
    pub fn start() -> anyhow::Result<Result<Nginx, String>> {
        for program in ["/usr/sbin/nginx", "/usr/sbin/fcgiwrap"] {
            if !Path::new(program).exists() {
                return Ok(Err(format!(
                    "{program} is not installed (apt-get install nginx fcgiwrap)"
                )));
            }
        }
        let backend = Command::new("git").arg("--exec-path").output()?;
        let backend = Path::new(String::from_utf8(backend.stdout)?.trim()).join("git-http-backend");
        ensure!(backend.exists(), "git-http-backend is part of git");
        let folder = tempfile::Builder::new().prefix("plue-bench-http-").tempdir()?;
        let root = folder.path().join("repositories");
        std::fs::create_dir_all(&root)?;
        let counted = counted(folder.path(), &backend)?;
        let params = format!(
            "fastcgi_request_buffering off;\n      fastcgi_buffering off;\n      \
             fastcgi_param SCRIPT_FILENAME {};\n      fastcgi_param GIT_PROJECT_ROOT {};\n      \
             fastcgi_param GIT_HTTP_EXPORT_ALL 1;\n      fastcgi_param REMOTE_USER bench;\n      \
             fastcgi_param GIT_PROTOCOL $http_git_protocol;\n      \
             fastcgi_param GIT_CONFIG_COUNT 1;\n      fastcgi_param GIT_CONFIG_KEY_0 safe.directory;\n      \
             fastcgi_param GIT_CONFIG_VALUE_0 *;",
            counted.display(),
            root.display(),
        );
        let (wrap, web, address) = serve(folder.path(), &params)?;
        Ok(Ok(Nginx {
            wrap,
            web,
            address,
            folder,
        }))
    }

    /// Puts a copy of a bare repository in place.
    pub fn add(&self, name: &str, repository: &Path) -> anyhow::Result<()> {
        run(Command::new("cp").arg("-r").arg(repository).arg(self.place(name)))
    }

    /// Makes an empty bare repository that takes pushes, in place of any of that name.
    pub fn add_empty(&self, home: &Home, name: &str) -> anyhow::Result<()> {
        let place = self.place(name);
        let _ = std::fs::remove_dir_all(&place);
        home.command("git")
            .args(["init", "-q", "--bare"])
            .arg(&place)
            .status()?;
        home.git(&place, &["config", "http.receivepack", "true"])?;
        Ok(())
    }

    fn place(&self, name: &str) -> PathBuf {
        self.folder.path().join("repositories").join(name)
    }

    /// The address for git.
    pub fn url(&self, name: &str) -> String {
        format!("http://{}/{name}", self.address)
    }

    /// What both of its servers and the programs that they ran have used.
    pub fn processor_seconds(&self) -> anyhow::Result<f64> {
        let times = std::fs::read_to_string(self.folder.path().join(TIMES))?;
        let ran: f64 = times
            .split_ascii_whitespace()
            .map(seconds)
            .sum::<anyhow::Result<f64>>()?;
        Ok(processor_seconds(self.wrap.id()) + processor_seconds(self.web.id()) + ran)
    }
}

/// The file in which each run of git-http-backend leaves its processor time.
const TIMES: &str = "times";

/// Writes a program that runs another and notes what it and its children used: fcgiwrap does not
/// wait for what it runs, and so the kernel counts it to nobody.
fn counted(folder: &Path, program: &Path) -> anyhow::Result<PathBuf> {
    let script = folder.join("counted");
    let times = folder.join(TIMES);
    std::fs::write(&times, "")?;
    std::fs::write(
        &script,
        format!(
            "#!/bin/sh\n'{}'\nstatus=$?\ntimes >> '{}'\nexit $status\n",
            program.display(),
            times.display()
        ),
    )?;
    run(Command::new("chmod").arg("755").arg(&script))?;
    Ok(script)
}

/// Reads a time as the shell writes it: `0m1.25s`.
fn seconds(time: &str) -> anyhow::Result<f64> {
    let (minutes, seconds) = time.split_once('m').context("the shell writes minutes first")?;
    let seconds: f64 = seconds.trim_end_matches('s').parse()?;
    Ok(minutes.parse::<f64>()? * 60.0 + seconds)
}

/// nginx with fcgiwrap and cgit, which shows bare repositories as pages.
#[derive(Debug)]
pub struct Cgit {
    _wrap: Server,
    _web: Server,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Cgit {
    /// Starts it over some bare repositories, each under a name; None, with a reason, where it
    /// cannot be.
    pub fn start(repositories: &[(&str, &Path)]) -> anyhow::Result<Result<Cgit, String>> {
        let cgit = "/usr/lib/cgit/cgit.cgi";
        for program in ["/usr/sbin/nginx", "/usr/sbin/fcgiwrap", cgit] {
            if !Path::new(program).exists() {
                return Ok(Err(format!(
                    "{program} is not installed (apt-get install cgit nginx fcgiwrap)"
                )));
            }
        }
        let folder = tempfile::Builder::new().prefix("plue-bench-cgit-").tempdir()?;
        let config = folder.path().join("cgitrc");
        let mut text = String::from("cache-size=0\nenable-index-owner=0\n");
        for (name, path) in repositories {
            text.push_str(&format!("repo.url={name}\nrepo.path={}\n", path.display()));
        }
        std::fs::write(&config, text)?;
        let params = format!(
            "fastcgi_param SCRIPT_FILENAME {cgit};\n      fastcgi_param CGIT_CONFIG {};\n      \
             fastcgi_param HTTP_HOST $http_host;",
            config.display()
        );
        let (wrap, web, address) = serve(folder.path(), &params)?;
        Ok(Ok(Cgit {
            _wrap: wrap,
            _web: web,
            address,
            _folder: folder,
        }))
    }

    /// Where it answers.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Starts nginx in front of fcgiwrap, which runs one program for every request, as `params` says.
fn serve(folder: &Path, params: &str) -> anyhow::Result<(Server, Server, SocketAddr)> {
    let socket = folder.join("fcgi.sock");
    let mut command = Command::new("/usr/sbin/fcgiwrap");
    command
        .args(["-c", "2", "-s"])
        .arg(format!("unix:{}", socket.display()));
    let wrap = Server::start("fcgiwrap", &mut command)?;
    let deadline = Instant::now() + Duration::from_secs(10);
    while !socket.exists() {
        ensure!(
            Instant::now() < deadline,
            "fcgiwrap does not listen: {}",
            wrap.errors()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    run(Command::new("chmod").arg("777").arg(&socket))?;
    run(Command::new("chmod").arg("755").arg(folder))?;
    let address = free_address()?;
    let config = folder.join("nginx.conf");
    let place = folder.display();
    let owner = if is_root()? { "user root;\n" } else { "" };
    std::fs::write(
        &config,
        format!(
            "{owner}daemon off;\nworker_processes 2;\npid {place}/nginx.pid;\nerror_log {place}/error.log;\n\
             events {{ worker_connections 1024; }}\n\
             http {{\n  access_log off;\n  client_max_body_size 0;\n  client_body_temp_path {place}/body;\n  \
             fastcgi_temp_path {place}/fastcgi;\n  proxy_temp_path {place}/proxy;\n  \
             uwsgi_temp_path {place}/uwsgi;\n  scgi_temp_path {place}/scgi;\n  server {{\n    listen {address};\n    \
             location / {{\n      fastcgi_pass unix:{};\n      fastcgi_read_timeout 600;\n      \
             fastcgi_param PATH_INFO $uri;\n      fastcgi_param QUERY_STRING $query_string;\n      \
             fastcgi_param REQUEST_METHOD $request_method;\n      fastcgi_param CONTENT_TYPE $content_type;\n      \
             fastcgi_param CONTENT_LENGTH $content_length;\n      \
             fastcgi_param HTTP_CONTENT_ENCODING $http_content_encoding;\n      {params}\n    }}\n  }}\n}}\n",
            socket.display(),
        ),
    )?;
    let web = Server::start("nginx", Command::new("/usr/sbin/nginx").arg("-c").arg(&config))?;
    await_port(address, &web)?;
    Ok((wrap, web, address))
}

fn is_root() -> anyhow::Result<bool> {
    Ok(String::from_utf8_lossy(&Command::new("id").arg("-u").output()?.stdout).trim() == "0")
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    ensure!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

fn await_port(address: SocketAddr, server: &Server) -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(address).is_err() {
        if Instant::now() > deadline {
            bail!("nothing listens at {address}: {}", server.errors());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
