//! Blobs in an S3 bucket. Nothing is overwritten (`If-None-Match`), and the SHA-256 that each
//! object carries among its metadata is checked whenever it is read.
//!
//! Bodies are sent from memory, in parts of a few megabytes, because their signature then covers
//! the content and no bucket has to know the newer checksum headers.

mod answer;
mod parts;

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
};
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _, ReadBuf};

use answer::Answer;

use crate::{BlobEntry, BlobError, BlobKey, BlobReader, S3Settings, Stored};

/// The metadata that holds the hex SHA-256 of the whole object.
const SHA256: &str = "plue-sha256";
/// Larger files go up in parts.
const PART_BYTES: u64 = 8 << 20;
/// How often a whole download is begun before its failure is reported.
const DOWNLOAD_ATTEMPTS: u32 = 3;

#[derive(Debug)]
pub(crate) struct Bucket {
    client: Client,
    name: String,
    prefix: String,
}

impl Bucket {
    pub(crate) fn new(settings: S3Settings) -> Result<Bucket, BlobError> {
        for (name, value) in [
            ("S3_BUCKET", &settings.bucket),
            ("S3_REGION", &settings.region),
            ("S3_ACCESS_KEY_ID", &settings.access_key_id),
            ("S3_SECRET_ACCESS_KEY", &settings.secret_access_key),
        ] {
            if value.is_empty() {
                return Err(BlobError::BadSetting {
                    name,
                    why: "is empty",
                });
            }
        }
        if settings
            .endpoint
            .as_ref()
            .is_some_and(|e| !e.starts_with("http://") && !e.starts_with("https://"))
        {
            return Err(BlobError::BadSetting {
                name: "S3_ENDPOINT",
                why: "must begin with http:// or https://",
            });
        }
        let mut prefix = settings.prefix.trim_matches('/').to_owned();
        if !prefix.is_empty() {
            if BlobKey::parse(&prefix).is_err() {
                return Err(BlobError::BadSetting {
                    name: "S3_PREFIX",
                    why: "must be plain path segments",
                });
            }
            prefix.push('/');
        }
        let credentials = Credentials::new(
            settings.access_key_id,
            settings.secret_access_key,
            settings.session_token,
            None,
            "plue",
        );
        let https = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(5))
            .read_timeout(Duration::from_secs(30))
            .operation_attempt_timeout(Duration::from_secs(120))
            .build();
        let mut config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(https)
            .credentials_provider(credentials)
            .region(Region::new(settings.region))
            .force_path_style(settings.path_style)
            .retry_config(
                RetryConfig::standard()
                    .with_max_attempts(5)
                    .with_initial_backoff(Duration::from_millis(200)),
            )
            .timeout_config(timeouts)
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        if let Some(endpoint) = settings.endpoint {
            config = config.endpoint_url(endpoint);
        }
        Ok(Bucket {
            client: Client::from_conf(config.build()),
            name: settings.bucket,
            prefix,
        })
    }

    fn object(&self, key: &BlobKey) -> String {
        format!("{}{key}", self.prefix)
    }

    pub(crate) async fn check(&self) -> Result<(), BlobError> {
        match self.client.head_bucket().bucket(&self.name).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(Answer::of(error).into_error("looking for the bucket", None)),
        }
    }

    pub(crate) async fn put_file(&self, key: &BlobKey, source: &Path) -> Result<Stored, BlobError> {
        let local = |e| BlobError::local(source, e);
        let mut file = tokio::fs::File::open(source).await.map_err(local)?;
        let size_bytes = file.metadata().await.map_err(local)?.len();
        if size_bytes <= PART_BYTES {
            let mut content = Vec::with_capacity(size_bytes as usize);
            file.read_to_end(&mut content).await.map_err(local)?;
            return self.put_bytes(key, content.into()).await;
        }
        let sha256 = sha256_of(&mut file).await.map_err(local)?;
        file.rewind().await.map_err(local)?;
        self.put_parts(key, source, file, size_bytes, sha256).await
    }

    pub(crate) async fn put_bytes(&self, key: &BlobKey, content: Bytes) -> Result<Stored, BlobError> {
        let size_bytes = content.len() as u64;
        let sha256 = hex(&Sha256::digest(&content));
        let put = self
            .client
            .put_object()
            .bucket(&self.name)
            .key(self.object(key))
            .if_none_match("*")
            .metadata(SHA256, &sha256)
            .body(ByteStream::from(content))
            .send()
            .await;
        match put {
            Ok(_) => Ok(Stored { size_bytes }),
            Err(error) => {
                self.accept_repeat(key, size_bytes, &sha256, Answer::of(error))
                    .await
            }
        }
    }

    /// Lets a refused put pass if the object says the same: an earlier attempt whose answer was lost has made it.
    async fn accept_repeat(
        &self,
        key: &BlobKey,
        size_bytes: u64,
        sha256: &str,
        answer: Answer,
    ) -> Result<Stored, BlobError> {
        if !answer.is_taken() {
            return Err(answer.into_error("writing", Some(key)));
        }
        let head = self
            .client
            .head_object()
            .bucket(&self.name)
            .key(self.object(key))
            .send()
            .await;
        match head {
            Ok(head) => {
                let known = head.metadata().and_then(|metadata| metadata.get(SHA256));
                if known.is_some_and(|known| known == sha256)
                    && head.content_length() == i64::try_from(size_bytes).ok()
                {
                    Ok(Stored { size_bytes })
                } else {
                    Err(BlobError::AlreadyExists { key: key.clone() })
                }
            }
            // Two puts at once, of which neither has won yet.
            Err(error) => match Answer::of(error) {
                absent if absent.status == Some(404) => Err(answer.into_unavailable("writing")),
                other => Err(other.into_error("writing", Some(key))),
            },
        }
    }

    pub(crate) async fn get_to_file(&self, key: &BlobKey, dest: &Path) -> Result<Stored, BlobError> {
        let mut attempt = 1;
        loop {
            match self.download(key, dest).await {
                Err(BlobError::Unavailable { source, .. }) if attempt < DOWNLOAD_ATTEMPTS => {
                    tracing::warn!(%key, attempt, error = %source, "a download broke off and is begun again");
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }

    async fn download(&self, key: &BlobKey, dest: &Path) -> Result<Stored, BlobError> {
        let mut blob = self.open_blob(key).await?;
        let local = |e| BlobError::local(dest, e);
        let folder = dest.parent().unwrap_or(Path::new("."));
        let (file, temporary) = tempfile::Builder::new()
            .prefix(".blob-")
            .tempfile_in(folder)
            .map_err(local)?
            .into_parts();
        let mut file = tokio::fs::File::from_std(file);
        let mut buffer = vec![0; 256 << 10];
        loop {
            let count = match blob.read(&mut buffer).await {
                Ok(0) => break,
                Ok(count) => count,
                Err(e) if e.kind() == io::ErrorKind::InvalidData => {
                    return Err(BlobError::Damaged { key: key.clone() });
                }
                Err(e) => {
                    return Err(BlobError::Unavailable {
                        what: format!("reading {key}"),
                        source: e.into(),
                    });
                }
            };
            file.write_all(&buffer[..count]).await.map_err(local)?;
        }
        file.flush().await.map_err(local)?;
        file.sync_all().await.map_err(local)?;
        temporary
            .persist_noclobber(dest)
            .map_err(|refused| local(refused.error))?;
        Ok(Stored {
            size_bytes: blob.size_bytes(),
        })
    }

    pub(crate) async fn open_blob(&self, key: &BlobKey) -> Result<BlobReader, BlobError> {
        let got = self
            .client
            .get_object()
            .bucket(&self.name)
            .key(self.object(key))
            .send()
            .await
            .map_err(|error| Answer::of(error).into_error("reading", Some(key)))?;
        let damaged = || BlobError::Damaged { key: key.clone() };
        let size_bytes = got
            .content_length()
            .and_then(|length| u64::try_from(length).ok())
            .ok_or_else(damaged)?;
        // Without the checksum the object is not one that was put here.
        let sha256 = got
            .metadata()
            .and_then(|metadata| metadata.get(SHA256))
            .ok_or_else(damaged)?
            .clone();
        let content = Verified {
            content: got.body.into_async_read(),
            hash: Sha256::new(),
            rest_bytes: size_bytes,
            sha256,
        };
        Ok(BlobReader::new(size_bytes, content))
    }

    pub(crate) async fn size(&self, key: &BlobKey) -> Result<Option<u64>, BlobError> {
        match self
            .client
            .head_object()
            .bucket(&self.name)
            .key(self.object(key))
            .send()
            .await
        {
            Ok(head) => Ok(Some(
                head.content_length()
                    .and_then(|n| u64::try_from(n).ok())
                    .unwrap_or(0),
            )),
            Err(error) => match Answer::of(error).into_error("asking for", Some(key)) {
                BlobError::NotFound { .. } => Ok(None),
                other => Err(other),
            },
        }
    }

    pub(crate) async fn delete(&self, key: &BlobKey) -> Result<(), BlobError> {
        match self
            .client
            .delete_object()
            .bucket(&self.name)
            .key(self.object(key))
            .send()
            .await
        {
            Ok(_) => Ok(()),
            Err(error) => match Answer::of(error).into_error("deleting", Some(key)) {
                BlobError::NotFound { .. } => Ok(()),
                other => Err(other),
            },
        }
    }

    pub(crate) async fn list(
        &self,
        prefix: &str,
        after: Option<&BlobKey>,
        limit: usize,
    ) -> Result<Vec<BlobEntry>, BlobError> {
        let mut found = Vec::new();
        let mut after = after.map(|key| self.object(key));
        while found.len() < limit {
            let wanted = (limit - found.len()).min(1000) as i32;
            let page = self
                .client
                .list_objects_v2()
                .bucket(&self.name)
                .prefix(format!("{}{prefix}", self.prefix))
                .set_start_after(after.take())
                .max_keys(wanted)
                .send()
                .await
                .map_err(|error| Answer::of(error).into_error("listing", None))?;
            for object in page.contents() {
                let Some(name) = object.key() else { continue };
                after = Some(name.to_owned());
                // Others' objects can stand in a shared bucket; no blob is named like that.
                let Some(Ok(key)) = name.strip_prefix(&self.prefix).map(BlobKey::parse) else {
                    continue;
                };
                found.push(BlobEntry {
                    key,
                    size_bytes: object.size().and_then(|n| u64::try_from(n).ok()).unwrap_or(0),
                    modified_ms: object
                        .last_modified()
                        .and_then(|at| at.to_millis().ok())
                        .unwrap_or(0),
                });
            }
            if page.is_truncated() != Some(true) || after.is_none() {
                break;
            }
        }
        Ok(found)
    }
}

/// A stream that ends in an error where it is not what its checksum promises.
struct Verified<R> {
    content: R,
    hash: Sha256,
    rest_bytes: u64,
    sha256: String,
}

impl<R: AsyncRead + Unpin> AsyncRead for Verified<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.content).poll_read(cx, buf))?;
        let read = &buf.filled()[before..];
        let count = read.len() as u64;
        if count > self.rest_bytes {
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "longer than announced",
            )));
        }
        self.rest_bytes -= count;
        self.hash.update(read);
        if count == 0 {
            if self.rest_bytes > 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            if hex(&self.hash.finalize_reset()) != self.sha256 {
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "another SHA-256")));
            }
            // A reader may ask again after the end.
            self.sha256 = hex(&Sha256::digest(b""));
        }
        Poll::Ready(Ok(()))
    }
}

async fn sha256_of(file: &mut tokio::fs::File) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        match file.read(&mut buffer).await? {
            0 => return Ok(hex(&hash.finalize())),
            count => hash.update(&buffer[..count]),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
