//! How a bucket is reached.

/// Which bucket, where it is and how to sign.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct S3Settings {
    /// The bucket's name; it must exist.
    pub bucket: String,
    /// What every key in the bucket begins with; empty for a bucket of Plue's own.
    pub prefix: String,
    /// The region that requests are signed for.
    pub region: String,
    /// The server, as `http(s)://host[:port]`, where it is not Amazon's.
    pub endpoint: Option<String>,
    /// Puts the bucket's name in the path and not in the host name, as most servers but Amazon's want.
    pub path_style: bool,
    /// The public half of the credentials.
    pub access_key_id: String,
    /// The secret half of the credentials.
    pub secret_access_key: String,
    /// The third part of temporary credentials.
    pub session_token: Option<String>,
}

impl std::fmt::Debug for S3Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("S3Settings")
            .field("bucket", &self.bucket)
            .field("prefix", &self.prefix)
            .field("region", &self.region)
            .field("endpoint", &self.endpoint)
            .field("path_style", &self.path_style)
            .finish_non_exhaustive()
    }
}
