//! What a bucket says when it does not do what it is asked, in our words.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::{BlobError, BlobKey};

/// What the bucket said when it did not do what it was asked.
pub(super) struct Answer {
    pub(super) status: Option<u16>,
    code: Option<String>,
    pub(super) source: Box<dyn std::error::Error + Send + Sync>,
}

impl Answer {
    pub(super) fn of<E>(error: SdkError<E>) -> Answer
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let status = error.raw_response().map(|response| response.status().as_u16());
        let code = error.code().map(str::to_owned);
        let text = aws_sdk_s3::error::DisplayErrorContext(&error).to_string();
        tracing::debug!(?status, ?code, "the bucket answered with an error");
        Answer {
            status,
            code,
            source: text.into(),
        }
    }

    /// Answers whether the name is taken, or being taken at this moment.
    pub(super) fn is_taken(&self) -> bool {
        matches!(self.status, Some(409 | 412))
    }

    pub(super) fn into_unavailable(self, what: &str) -> BlobError {
        BlobError::Unavailable {
            what: what.to_owned(),
            source: self.source,
        }
    }

    pub(super) fn into_error(self, doing: &str, key: Option<&BlobKey>) -> BlobError {
        let what = key.map_or_else(|| doing.to_owned(), |key| format!("{doing} {key}"));
        match (self.status, key) {
            (_, _) if self.code.as_deref() == Some("NoSuchBucket") => BlobError::Denied {
                what,
                source: self.source,
            },
            (Some(404), Some(key)) => BlobError::NotFound { key: key.clone() },
            (Some(408 | 409 | 412 | 425 | 429), _) => BlobError::Unavailable {
                what,
                source: self.source,
            },
            (Some(400..=499), _) => BlobError::Denied {
                what,
                source: self.source,
            },
            _ => BlobError::Unavailable {
                what,
                source: self.source,
            },
        }
    }
}
