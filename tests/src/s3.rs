//! A real S3 server over a temporary folder, in the test's own process.

use std::path::Path;

use anyhow::Context as _;
use hyper_util::rt::{TokioExecutor, TokioIo};
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

const BUCKET: &str = "plue";
const ACCESS_KEY: &str = "plue-test-key";
const SECRET_KEY: &str = "plue-test-secret-that-opens-nothing";

/// An S3 server that listens on 127.0.0.1 and stops when it is dropped.
#[derive(Debug)]
pub struct S3Server {
    endpoint: String,
    folder: tempfile::TempDir,
    accepting: tokio::task::JoinHandle<()>,
}

impl S3Server {
    /// Starts a server with one empty bucket.
    pub async fn start() -> anyhow::Result<S3Server> {
        let folder = tempfile::tempdir().context("a folder for the S3 server")?;
        std::fs::create_dir(folder.path().join(BUCKET))?;
        let files = s3s_fs::FileSystem::new(folder.path())
            .map_err(|error| anyhow::anyhow!("the S3 server cannot use its folder: {error:?}"))?;
        let mut builder = S3ServiceBuilder::new(files);
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let service = builder.build();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let accepting = tokio::spawn(async move {
            // Dropped with this task, so that no connection outlives the server.
            let mut connections = JoinSet::new();
            let http = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            while let Ok((socket, _)) = listener.accept().await {
                let connection = http
                    .serve_connection(TokioIo::new(socket), service.clone())
                    .into_owned();
                connections.spawn(async move {
                    // A client that hangs up in mid-request is its own business.
                    let _ = connection.await;
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(S3Server {
            endpoint,
            folder,
            accepting,
        })
    }

    /// The address to give to clients: `http://127.0.0.1:PORT`; buckets are named in the path.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The one bucket that exists.
    pub fn bucket(&self) -> &str {
        BUCKET
    }

    /// The access key id that the server accepts.
    pub fn access_key(&self) -> &str {
        ACCESS_KEY
    }

    /// The secret that belongs to the access key id.
    pub fn secret_key(&self) -> &str {
        SECRET_KEY
    }

    /// The folder that holds the bucket's objects, for tests that damage one.
    pub fn root(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
