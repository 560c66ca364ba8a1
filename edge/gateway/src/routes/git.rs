//! Git over HTTP, and the large files beside it.

use super::{Body, Class, Dialect, Route, routes};

const READ: Route = Route::of(Class::GitRead, Dialect::Git);
const WRITE: Route = Route::of(Class::GitWrite, Dialect::Git);
const LFS: Route = Route::of(Class::Lfs, Dialect::Lfs);

routes! {
    /// Transport under a repository's own address.
    ALL:
    READ.built() {
        Get "/{owner}/{repo}/info/refs";
        Get "/{owner}/{repo}/bundles/{generation:digits}";
        Post "/{owner}/{repo}/git-upload-pack" .body(Body::Stream("application/x-git-upload-pack-request"));
    }
    WRITE.built() {
        Post "/{owner}/{repo}/git-receive-pack" .body(Body::Stream("application/x-git-receive-pack-request"));
    }
    LFS {
        Post "/{owner}/{repo}/info/lfs/objects/batch";
        Get "/{owner}/{repo}/info/lfs/objects/{oid}";
        Put "/{owner}/{repo}/info/lfs/objects/{oid}" .body(Body::AnyStream);
        Post "/{owner}/{repo}/info/lfs/verify";
        Get "/{owner}/{repo}/info/lfs/locks";
        Post "/{owner}/{repo}/info/lfs/locks";
        Post "/{owner}/{repo}/info/lfs/locks/verify";
        Post "/{owner}/{repo}/info/lfs/locks/{id}/unlock";
    }
}
