//! Files that go up in parts, and parts of uploads that nobody finished.

use std::path::Path;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use tokio::io::AsyncReadExt as _;
use tokio::task::JoinSet;

use super::answer::Answer;
use super::{Bucket, PART_BYTES, SHA256};
use crate::{BlobError, BlobKey, Stored};

/// S3 accepts no more parts than this in one upload.
const PARTS_LIMIT: u64 = 10_000;
/// How many parts of one upload are on their way at once; memory is this times the part.
const PARTS_IN_FLIGHT: usize = 4;

impl Bucket {
    pub(super) async fn put_parts(
        &self,
        key: &BlobKey,
        source: &Path,
        file: tokio::fs::File,
        size_bytes: u64,
        sha256: String,
    ) -> Result<Stored, BlobError> {
        let begun = self
            .client
            .create_multipart_upload()
            .bucket(&self.name)
            .key(self.object(key))
            .metadata(SHA256, &sha256)
            .send()
            .await
            .map_err(|error| Answer::of(error).into_error("writing", Some(key)))?;
        let upload = begun.upload_id().unwrap_or_default().to_owned();
        let finished = match self.send_parts(key, source, file, size_bytes, &upload).await {
            Ok(parts) => self
                .client
                .complete_multipart_upload()
                .bucket(&self.name)
                .key(self.object(key))
                .upload_id(&upload)
                .if_none_match("*")
                .multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(parts)).build())
                .send()
                .await
                .map_err(Answer::of),
            Err(error) => {
                self.abandon(key, &upload).await;
                return Err(error);
            }
        };
        match finished {
            Ok(_) => Ok(Stored { size_bytes }),
            Err(answer) => {
                let outcome = self.accept_repeat(key, size_bytes, &sha256, answer).await;
                self.abandon(key, &upload).await;
                outcome
            }
        }
    }

    async fn send_parts(
        &self,
        key: &BlobKey,
        source: &Path,
        mut file: tokio::fs::File,
        size_bytes: u64,
        upload: &str,
    ) -> Result<Vec<CompletedPart>, BlobError> {
        let part_bytes = PART_BYTES.max(size_bytes.div_ceil(PARTS_LIMIT));
        let mut parts = Vec::new();
        let mut sending: JoinSet<Result<CompletedPart, Answer>> = JoinSet::new();
        let mut rest_bytes = size_bytes;
        let mut number = 0;
        while rest_bytes > 0 || !sending.is_empty() {
            if rest_bytes > 0 && sending.len() < PARTS_IN_FLIGHT {
                let mut part = vec![0; part_bytes.min(rest_bytes) as usize];
                file.read_exact(&mut part)
                    .await
                    .map_err(|e| BlobError::local(source, e))?;
                rest_bytes -= part.len() as u64;
                number += 1;
                let request = self
                    .client
                    .upload_part()
                    .bucket(&self.name)
                    .key(self.object(key))
                    .upload_id(upload)
                    .part_number(number)
                    .body(ByteStream::from(part));
                sending.spawn(async move {
                    let sent = request.send().await.map_err(Answer::of)?;
                    Ok(CompletedPart::builder()
                        .part_number(number)
                        .set_e_tag(sent.e_tag)
                        .build())
                });
            } else if let Some(sent) = sending.join_next().await {
                let sent = sent.map_err(|e| BlobError::Unavailable {
                    what: format!("writing {key}"),
                    source: e.into(),
                })?;
                parts.push(sent.map_err(|answer| answer.into_error("writing", Some(key)))?);
            }
        }
        parts.sort_by_key(CompletedPart::part_number);
        Ok(parts)
    }

    /// Gives back the room of an upload that will not be finished.
    async fn abandon(&self, key: &BlobKey, upload: &str) {
        let aborted = self
            .client
            .abort_multipart_upload()
            .bucket(&self.name)
            .key(self.object(key))
            .upload_id(upload)
            .send()
            .await
            .map_err(Answer::of);
        match aborted {
            Ok(_) => {}
            // It was completed after all, and its answer lost.
            Err(answer) if answer.status == Some(404) => {}
            Err(answer) => {
                tracing::warn!(%key, error = %answer.source, "an unfinished upload stays until the sweeper takes it");
            }
        }
    }

    pub(crate) async fn sweep_unfinished(&self, before_ms: i64) -> Result<usize, BlobError> {
        let mut swept = 0;
        let (mut key_marker, mut upload_marker) = (None, None);
        loop {
            let page = self
                .client
                .list_multipart_uploads()
                .bucket(&self.name)
                .prefix(&self.prefix)
                .set_key_marker(key_marker.take())
                .set_upload_id_marker(upload_marker.take())
                .send()
                .await
                .map_err(Answer::of);
            let page = match page {
                Ok(page) => page,
                Err(answer) if answer.status == Some(501) => {
                    tracing::warn!(
                        "this S3 server cannot list unfinished uploads: give the bucket a rule that ends them"
                    );
                    return Ok(swept);
                }
                Err(answer) => return Err(answer.into_error("listing", None)),
            };
            for upload in page.uploads() {
                let (Some(name), Some(id), Some(begun)) =
                    (upload.key(), upload.upload_id(), upload.initiated())
                else {
                    continue;
                };
                let Some(Ok(key)) = name.strip_prefix(&self.prefix).map(BlobKey::parse) else {
                    continue;
                };
                if begun.to_millis().is_ok_and(|begun_ms| begun_ms < before_ms) {
                    self.abandon(&key, id).await;
                    swept += 1;
                }
            }
            if page.is_truncated() != Some(true) {
                return Ok(swept);
            }
            key_marker = page.next_key_marker().map(str::to_owned);
            upload_marker = page.next_upload_id_marker().map(str::to_owned);
        }
    }
}
