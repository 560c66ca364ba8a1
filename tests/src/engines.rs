//! What a forge may stand on: each database with a store of packs, for tests that say the same of
//! all of them.

use crate::postgres;
use crate::s3::S3Server;
use crate::serve::Settings;

/// A database and a store of packs, and a forge's settings that name them.
#[derive(Debug)]
pub struct Engine {
    /// What they are, for messages.
    pub name: &'static str,
    /// Settings of a forge that uses them.
    pub settings: Settings,
    /// The S3 server, which lives as long as this.
    pub s3: Option<S3>,
}

/// SQLite with a directory, and PostgreSQL with S3; where PostgreSQL cannot be had, which is said
/// on standard error, SQLite with S3.
pub fn all() -> anyhow::Result<Vec<Engine>> {
    let (s3, settings) = S3::start()?;
    let (name, settings) = match postgres::database_url() {
        Some(url) => ("postgresql and s3", settings.env("DATABASE_URL", url)),
        None => ("sqlite and s3", settings),
    };
    Ok(vec![
        Engine {
            name: "sqlite and a directory",
            settings: Settings::new()?,
            s3: None,
        },
        Engine {
            name,
            settings,
            s3: Some(s3),
        },
    ])
}

/// An S3 server on a runtime of its own, for tests that are not asynchronous.
#[derive(Debug)]
pub struct S3 {
    server: Option<S3Server>,
    runtime: Option<tokio::runtime::Runtime>,
}

impl S3 {
    /// Starts one, and makes settings of a forge that keeps its packs there.
    pub fn start() -> anyhow::Result<(S3, Settings)> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let server = runtime.block_on(S3Server::start())?;
        let settings = Settings::new()?
            .env("S3_ENDPOINT", server.endpoint())
            .env("S3_BUCKET", server.bucket())
            .env("S3_REGION", "us-east-1")
            .env("S3_PATH_STYLE", "true")
            .env("S3_ACCESS_KEY_ID", server.access_key())
            .env("S3_SECRET_ACCESS_KEY", server.secret_key());
        let s3 = S3 {
            server: Some(server),
            runtime: Some(runtime),
        };
        Ok((s3, settings))
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        drop(self.server.take());
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
