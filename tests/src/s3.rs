//! A real S3 server over a temporary folder, in the test's own process.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

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
    faults: Arc<Mutex<Vec<Fault>>>,
}

/// What a server that is having a bad day does to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Answers with 503 and does nothing.
    Refuse,
    /// Does what it is asked and closes the connection without an answer.
    LoseAnswer,
    /// Does what it is asked after a while.
    Delay(Duration),
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
        let faults = Arc::new(Mutex::new(Vec::new()));
        let coming = Arc::clone(&faults);
        let accepting = tokio::spawn(async move {
            // Dropped with this task, so that no connection outlives the server.
            let mut connections = JoinSet::new();
            let http = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            while let Ok((socket, _)) = listener.accept().await {
                let (inner, coming) = (service.clone(), Arc::clone(&coming));
                let with_faults =
                    hyper::service::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                        let fault = take_first(&coming);
                        let inner = inner.clone();
                        async move {
                            match fault {
                                Some(Fault::Refuse) => {
                                    let mut answer = hyper::Response::new(s3s::Body::empty());
                                    *answer.status_mut() = hyper::StatusCode::SERVICE_UNAVAILABLE;
                                    return anyhow::Ok(answer);
                                }
                                Some(Fault::Delay(a_while)) => tokio::time::sleep(a_while).await,
                                Some(Fault::LoseAnswer) | None => {}
                            }
                            let answer = inner.call(request.map(s3s::Body::from)).await;
                            let answer =
                                answer.map_err(|error| anyhow::anyhow!("the S3 server failed: {error:?}"))?;
                            // An error of the service closes the connection.
                            anyhow::ensure!(fault != Some(Fault::LoseAnswer), "the answer is lost");
                            Ok(answer)
                        }
                    });
                let connection = http
                    .serve_connection(TokioIo::new(socket), with_faults)
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
            faults,
        })
    }

    /// Says what happens to the next requests, one for each, in this order; those after them fare well.
    pub fn faults(&self, faults: impl IntoIterator<Item = Fault>) {
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner) = faults.into_iter().collect();
    }

    /// How many of the faults have not come to pass yet.
    pub fn faults_left(&self) -> usize {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).len()
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

fn take_first(faults: &Mutex<Vec<Fault>>) -> Option<Fault> {
    let mut faults = faults.lock().unwrap_or_else(PoisonError::into_inner);
    (!faults.is_empty()).then(|| faults.remove(0))
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
