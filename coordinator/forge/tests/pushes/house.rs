//! A forge with a door for the real git client: the `git://` protocol, which says no more than a
//! command and leaves the rest to the streams. Who calls is decided by the door that was opened.

use plue_blobs::{Blobs, S3Settings};
use plue_contract::{AccountId, AccountName, Caller, RepoPath, Scopes, Via, Who};
use plue_forge::access::accounts::administer;
use plue_forge::access::repositories::{self as access};
use plue_forge::accounts::{self, NewAccount};
use plue_forge::repositories::{self, NewRepository, Repository, Visibility};
use plue_forge::transport::{self, GitRequest};
use plue_forge::{Forge, GitSettings, LocalGit, Parts, PasswordSettings};
use plue_git::{Git, ObjectFormat};
use plue_store::Store;
use plue_tests::git::{Home, Said};
use plue_tests::s3::S3Server;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

/// A moment at which all tests happen.
pub const NOW_MS: i64 = 1_700_000_000_000;

pub struct House {
    pub forge: Forge,
    pub store: Store,
    pub blobs: Blobs,
    pub home: Home,
    pub folder: Arc<tempfile::TempDir>,
}

/// Runs a test on each engine with packs in a directory, and then on SQLite with packs in S3.
pub async fn in_every_house(settings: impl Fn(&mut GitSettings), mut test: impl AsyncFnMut(House)) {
    in_both_houses(&settings, &mut test).await;
    in_s3_house(&settings, test).await;
}

/// Runs a test on each engine with packs in a directory.
pub async fn in_both_houses(settings: impl Fn(&mut GitSettings), mut test: impl AsyncFnMut(House)) {
    plue_store::testing::on_both_engines(async |store| {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let blobs = Blobs::directory(&folder.path().join("blobs")).await.unwrap();
        test(House::build(store, blobs, folder, &settings).await).await;
    })
    .await;
}

async fn in_s3_house(settings: impl Fn(&mut GitSettings), mut test: impl AsyncFnMut(House)) {
    let server = S3Server::start().await.unwrap();
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let url = format!("sqlite:{}", folder.path().join("plue.db").display());
    let store = Store::open(&url, plue_store::PoolSettings::default())
        .await
        .unwrap();
    store.migrate(0).await.unwrap();
    let blobs = Blobs::s3(S3Settings {
        bucket: server.bucket().to_owned(),
        prefix: String::new(),
        region: "us-east-1".to_owned(),
        endpoint: Some(server.endpoint().to_owned()),
        path_style: true,
        access_key_id: server.access_key().to_owned(),
        secret_access_key: server.secret_key().to_owned(),
        session_token: None,
    })
    .unwrap();
    eprintln!("on SQLite and S3");
    test(House::build(store.clone(), blobs, folder, settings).await).await;
    store.close().await;
}

impl House {
    pub async fn build(
        store: Store,
        blobs: Blobs,
        folder: Arc<tempfile::TempDir>,
        change: impl Fn(&mut GitSettings),
    ) -> House {
        let data = folder.path().to_owned();
        House {
            folder,
            ..House::build_in(store, blobs, &data, change).await
        }
    }

    /// Builds a forge on a folder that somebody else keeps.
    pub async fn build_in(
        store: Store,
        blobs: Blobs,
        data: &Path,
        change: impl Fn(&mut GitSettings),
    ) -> House {
        let program = Git::locate(&std::env::var_os("PATH").unwrap()).await.unwrap();
        let mut settings = GitSettings::new(data.join("cache"));
        change(&mut settings);
        let parts = Parts {
            store: store.clone(),
            blobs: blobs.clone(),
            git: LocalGit::open(program, settings).unwrap(),
            chance: |bytes| getrandom::fill(bytes).unwrap(),
            passwords: PasswordSettings {
                memory_kib: 8,
                passes: 1,
                ..PasswordSettings::default()
            },
        };
        House {
            forge: Forge::new(parts).unwrap(),
            store,
            blobs,
            home: Home::new().unwrap(),
            folder: Arc::new(tempfile::tempdir().unwrap()),
        }
    }

    /// Another process on the same database and blobs would have a cache of its own.
    pub async fn second_node(&self) -> House {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        House::build(self.store.clone(), self.blobs.clone(), folder, |_| {}).await
    }

    /// A process that finds the copies of another, and has nothing in its memory.
    pub async fn again_in(&self, other: &House) -> House {
        House::build_in(
            self.store.clone(),
            self.blobs.clone(),
            other.folder.path(),
            |_| {},
        )
        .await
    }

    /// The account of this name, made if it is not there.
    pub async fn account(&self, name: &str) -> Caller {
        if let Ok(account) = accounts::get(&self.forge, &name.parse().unwrap()).await {
            return self.caller(account.id, account.name);
        }
        let system = Caller::system("test");
        let permit = administer(&self.forge, &system, NOW_MS).await.unwrap();
        let new = NewAccount {
            name: name.to_owned(),
            display_name: String::new(),
            email: None,
            password: Some("a long enough password".to_owned()),
            admin: false,
        };
        let account = accounts::create(&self.forge, permit, new, NOW_MS).await.unwrap();
        self.caller(account.id, account.name)
    }

    fn caller(&self, id: AccountId, name: AccountName) -> Caller {
        Caller {
            who: Who::Account {
                id,
                name,
                admin: false,
                via: Via::Password,
                scopes: Scopes::ALL,
                repositories: None,
            },
            address: None,
            request_id: "test".to_owned(),
        }
    }

    pub async fn repository(&self, caller: &Caller, name: &str, private: bool) -> Repository {
        self.repository_of(caller, name, private, ObjectFormat::Sha1)
            .await
    }

    pub async fn repository_of(
        &self,
        caller: &Caller,
        name: &str,
        private: bool,
        object_format: ObjectFormat,
    ) -> Repository {
        let Who::Account { name: owner, .. } = &caller.who else {
            panic!("only accounts own repositories");
        };
        let permit = access::create_under(&self.forge, caller, owner, NOW_MS)
            .await
            .unwrap();
        let new = NewRepository {
            name: name.parse().unwrap(),
            description: String::new(),
            visibility: if private {
                Visibility::Private
            } else {
                Visibility::Public
            },
            object_format,
            default_bookmark: None,
        };
        repositories::create(&self.forge, permit, new, NOW_MS)
            .await
            .unwrap()
    }

    pub async fn seen(&self, caller: &Caller, path: &str) -> Result<Repository, plue_forge::Error> {
        let path: RepoPath = path.parse().unwrap();
        let permit = access::read(&self.forge, caller, &path, NOW_MS).await?;
        Ok(repositories::get(permit))
    }

    /// Opens a door through which everybody is this caller; its address, without the path.
    pub async fn door(&self, caller: &Caller) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (forge, caller) = (self.forge.clone(), caller.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (forge, caller) = (forge.clone(), caller.clone());
                tokio::spawn(async move { answer(&forge, caller, stream).await });
            }
        });
        format!("git://{address}")
    }

    /// Runs git in a folder of the user's home.
    pub fn try_git(&self, work: &Path, args: &[&str]) -> Said {
        tokio::task::block_in_place(|| self.home.try_git(work, args).unwrap())
    }

    pub fn git(&self, work: &Path, args: &[&str]) -> String {
        tokio::task::block_in_place(|| self.home.git(work, args).unwrap())
    }

    /// Clones into a new folder of the user's home.
    pub fn clone_of(&self, address: &str, folder: &str) -> PathBuf {
        self.git(self.home.path(), &["clone", "-q", "--mirror", address, folder]);
        self.home.at(folder)
    }

    /// The cache's folder of a repository.
    pub fn cache(&self, id: plue_contract::RepoId) -> PathBuf {
        let shard = format!("{:02x}", id.0 & 0xff);
        self.folder
            .path()
            .join("cache")
            .join(shard)
            .join(format!("{id}.git"))
    }

    /// Fails if a push left something behind that belongs to nobody.
    pub fn assert_tidy(&self) {
        let scratch = self.folder.path().join("cache/quarantine");
        let left: Vec<_> = std::fs::read_dir(scratch)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        assert!(left.is_empty(), "left behind: {left:?}");
    }
}

/// One connection of `git://`: a packet `git-upload-pack /path\0host=…\0\0version=2\0`, and then
/// the streams.
async fn answer(forge: &Forge, caller: Caller, mut stream: TcpStream) {
    let mut length = [0; 4];
    stream.read_exact(&mut length).await.unwrap();
    let length = usize::from_str_radix(std::str::from_utf8(&length).unwrap(), 16).unwrap();
    let mut line = vec![0; length - 4];
    stream.read_exact(&mut line).await.unwrap();
    let words: Vec<&str> = std::str::from_utf8(&line).unwrap().split('\0').collect();
    let (service, path) = words[0].split_once(' ').unwrap();
    let protocol = words.iter().find(|word| word.starts_with("version="));
    let command = format!("{service} '{path}'");
    let (input, output) = stream.into_split();
    match GitRequest::from_command(&command, protocol.copied()) {
        Ok(request) => {
            let mut errors = Vec::new();
            transport::serve(forge, caller, request, input, output, &mut errors, NOW_MS).await;
            eprint!("{}", String::from_utf8_lossy(&errors));
        }
        Err(error) => eprintln!("{error}"),
    }
}
