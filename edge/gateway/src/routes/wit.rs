//! What the wit seed and its real clients promise.

use super::{Access, Class, Csrf, Dialect, Route, routes};
use crate::limits::Preset;

const ROOT: Route = Route::of(Class::Wit, Dialect::Plue);
const AUTH: Route = Route::of(Class::Login, Dialect::BetterAuth);
const REPOS: Route = Route::of(Class::Wit, Dialect::Plue);
const V1: Route = Route::of(Class::V1, Dialect::Message);
const TRPC: Route = Route::of(Class::Trpc, Dialect::Trpc);
/// The question to a person.
const CONSENT: Route = Route::of(Class::OAuth, Dialect::Page);
const OAUTH: Route = Route::of(Class::OAuth, Dialect::OAuth);
const NPM: Route = Route::of(Class::Npm, Dialect::Plue);
const OCI: Route = Route::of(Class::Oci, Dialect::Oci);
const SOCKET: Route = Route::of(Class::Socket, Dialect::Plue);

routes! {
    /// wit's repositories, issues, pull requests and registries.
    ALL:
    ROOT.built() {
        Get "/repos";
        Post "/sync" .access(Access::Admin).preset(Preset::Strict);
    }
    AUTH.preset(Preset::WitAuth).built() {
        Post "/api/auth/sign-up/email";
        Post "/api/auth/sign-in/email";
        Post "/api/auth/sign-in/username";
        Post "/api/auth/sign-out" .preset(Preset::Auth);
        Post "/api/auth/is-username-available" .preset(Preset::Search);
        Get "/api/auth/get-session" .preset(Preset::Standard);
        Post "/api/auth/request-password-reset" .preset(Preset::PasswordReset);
        Get "/api/auth/reset-password/{token}" .preset(Preset::Auth);
        Post "/api/auth/reset-password" .preset(Preset::Login);
        Post "/api/auth/send-verification-email" .preset(Preset::Email);
        Get "/api/auth/verify-email" .preset(Preset::Auth);
    }
    AUTH.preset(Preset::Login).built() {
        Post "/api/auth/two-factor/enable" .known();
        Post "/api/auth/two-factor/disable" .known();
        Post "/api/auth/two-factor/generate-backup-codes" .known();
        Post "/api/auth/two-factor/verify-totp";
        Post "/api/auth/two-factor/verify-backup-code";
    }
    AUTH.preset(Preset::WitAuth).built() {
        Post "/api/auth/sign-in/social";
        Post "/api/auth/link-social" .known();
        Get "/api/auth/callback/{provider}";
    }
    TRPC {
        Get "/trpc/{procedures}";
        Post "/trpc/{procedures}";
    }
    REPOS.preset(Preset::Standard).built() {
        Get "/api/repos/{owner}/{repo}/issues/activity";
        Get "/api/repos/{owner}/{repo}/issues/{number:digits}/sub-issues";
        Get "/api/repos/{owner}/{repo}/issues/{number:digits}/relations";
        Get "/api/repos/{owner}/{repo}/issues/{number:digits}/activity";
    }
    REPOS.preset(Preset::Standard).built().known() {
        Put "/api/repos/{owner}/{repo}/issues/{number:digits}/sub-issues";
        Post "/api/repos/{owner}/{repo}/issues/{number:digits}/parent";
        Delete "/api/repos/{owner}/{repo}/issues/{number:digits}/parent";
        Post "/api/repos/{owner}/{repo}/issues/{number:digits}/relations";
        Delete "/api/repos/{owner}/{repo}/issues/{number:digits}/relations/{relatedNumber:digits}";
        Post "/api/repos/{owner}/{repo}/issues/{number:digits}/duplicate";
        Post "/api/repos/{owner}/{repo}/issues/{number:digits}/comments";
    }
    REPOS.preset(Preset::Standard) {
        Get "/api/repos/{owner}/{repo}/cycles";
        Get "/api/repos/{owner}/{repo}/cycles/current";
        Get "/api/repos/{owner}/{repo}/cycles/velocity";
        Get "/api/repos/{owner}/{repo}/cycles/{number:digits}";
        Get "/api/repos/{owner}/{repo}/cycles/{number:digits}/progress";
        Get "/api/repos/{owner}/{repo}/cycles/{number:digits}/issues";
        Get "/api/repos/{owner}/{repo}/issues";
        Get "/api/repos/{owner}/{repo}/issues/board";
        Get "/api/repos/{owner}/{repo}/issues/{number:digits}";
        Get "/api/repos/{owner}/{repo}/stages";
        Get "/api/repos/{owner}/{repo}/stages/{stageKey}";
        Get "/api/repos/{owner}/{repo}/projects";
        Get "/api/repos/{owner}/{repo}/projects/{name:slash}";
        Get "/api/repos/{owner}/{repo}/projects/{name:slash}/progress";
        Get "/api/repos/{owner}/{repo}/projects/{name:slash}/issues";
        Get "/api/repos/{owner}/{repo}/pulls";
        Get "/api/repos/{owner}/{repo}/pulls/{number:digits}";
        Get "/api/repos/{owner}/{repo}/sentinel/status";
        Get "/api/repos/{owner}/{repo}/sentinel/scans";
        Get "/api/repos/{owner}/{repo}/sentinel/scans/{scanId}";
        Get "/api/repos/{owner}/{repo}/sentinel/findings";
    }
    REPOS.preset(Preset::Standard).known() {
        Post "/api/repos/{owner}/{repo}/cycles";
        Patch "/api/repos/{owner}/{repo}/cycles/{number:digits}";
        Delete "/api/repos/{owner}/{repo}/cycles/{number:digits}";
        Post "/api/repos/{owner}/{repo}/cycles/{number:digits}/issues";
        Delete "/api/repos/{owner}/{repo}/cycles/{number:digits}/issues/{issueNumber:digits}";
        Post "/api/repos/{owner}/{repo}/issues";
        Patch "/api/repos/{owner}/{repo}/issues/{number:digits}";
        Post "/api/repos/{owner}/{repo}/issues/{number:digits}/accept";
        Post "/api/repos/{owner}/{repo}/issues/{number:digits}/reject";
        Patch "/api/repos/{owner}/{repo}/issues/{number:digits}/stage";
        Post "/api/repos/{owner}/{repo}/stages";
        Post "/api/repos/{owner}/{repo}/stages/reorder";
        Post "/api/repos/{owner}/{repo}/stages/init";
        Patch "/api/repos/{owner}/{repo}/stages/{stageKey}";
        Delete "/api/repos/{owner}/{repo}/stages/{stageKey}";
        Post "/api/repos/{owner}/{repo}/projects";
        Patch "/api/repos/{owner}/{repo}/projects/{name:slash}";
        Delete "/api/repos/{owner}/{repo}/projects/{name:slash}";
        Post "/api/repos/{owner}/{repo}/projects/{name:slash}/complete";
        Post "/api/repos/{owner}/{repo}/pulls";
        Patch "/api/repos/{owner}/{repo}/pulls/{number:digits}";
        Put "/api/repos/{owner}/{repo}/pulls/{number:digits}/merge";
        Post "/api/repos/{owner}/{repo}/pulls/{number:digits}/comments";
        Post "/api/repos/{owner}/{repo}/transfer";
        Get "/api/repos/{owner}/{repo}/sentinel/config";
        Put "/api/repos/{owner}/{repo}/sentinel/config";
        Post "/api/repos/{owner}/{repo}/sentinel/enable";
        Post "/api/repos/{owner}/{repo}/sentinel/scan";
        Post "/api/repos/{owner}/{repo}/sentinel/findings/{findingId}/dismiss";
        Post "/api/repos/{owner}/{repo}/sentinel/findings/{findingId}/undismiss";
        Post "/api/repos/{owner}/{repo}/sentinel/findings/{findingId}/create-issue";
        Get "/api/storage/credentials";
        Post "/api/storage/credentials";
        Delete "/api/storage/credentials/{id}";
        Post "/api/storage/test";
        Get "/api/storage/{owner}/{repo}/storage";
        Put "/api/storage/{owner}/{repo}/storage";
        Post "/api/storage/{owner}/{repo}/storage/sync";
        Post "/api/agent/chat/stream";
        Post "/api/planning/stream";
        Get "/api/planning/observe/{runId}";
        Get "/api/sandbox/pool/stats";
        Get "/api/sandbox/{repoId}/status";
        Post "/api/sandbox/{repoId}/exec";
        Get "/api/sandbox/{repoId}/sessions";
        Delete "/api/sandbox/{repoId}/pool";
    }
    SOCKET {
        Get "/api/sandbox/ws/{repoId}";
    }
    V1 {
        Get "/api/v1";
        Get "/api/v1/";
        Get "/api/v1/rate_limit";
        Get "/api/v1/users/{username}";
        Get "/api/v1/users/{username}/repos";
        Get "/api/v1/repos/{owner}/{repo}";
        Get "/api/v1/repos/{owner}/{repo}/branches";
        Get "/api/v1/repos/{owner}/{repo}/collaborators";
        Get "/api/v1/repos/{owner}/{repo}/stargazers";
        Get "/api/v1/repos/{owner}/{repo}/issues";
        Get "/api/v1/repos/{owner}/{repo}/issues/{number:digits}";
        Get "/api/v1/repos/{owner}/{repo}/issues/{number:digits}/comments";
        Get "/api/v1/repos/{owner}/{repo}/labels";
        Get "/api/v1/repos/{owner}/{repo}/pulls";
        Get "/api/v1/repos/{owner}/{repo}/pulls/{number:digits}";
        Get "/api/v1/repos/{owner}/{repo}/pulls/{number:digits}/reviews";
        Get "/api/v1/repos/{owner}/{repo}/pulls/{number:digits}/comments";
        Get "/api/v1/orgs/{org}";
        Get "/api/v1/orgs/{org}/members";
        Get "/api/v1/orgs/{org}/repos";
        Get "/api/v1/search/repositories" .preset(Preset::Search);
        Get "/api/v1/search/issues" .preset(Preset::Search);
        Get "/api/v1/search/users" .preset(Preset::Search);
    }
    V1.known() {
        Get "/api/v1/user";
        Patch "/api/v1/user";
        Get "/api/v1/user/repos";
        Patch "/api/v1/repos/{owner}/{repo}";
        Delete "/api/v1/repos/{owner}/{repo}";
        Put "/api/v1/repos/{owner}/{repo}/collaborators/{username}";
        Delete "/api/v1/repos/{owner}/{repo}/collaborators/{username}";
        Put "/api/v1/repos/starred/{owner}/{repo}";
        Delete "/api/v1/repos/starred/{owner}/{repo}";
        Put "/api/v1/user/starred/{owner}/{repo}";
        Delete "/api/v1/user/starred/{owner}/{repo}";
        Post "/api/v1/repos/{owner}/{repo}/issues";
        Patch "/api/v1/repos/{owner}/{repo}/issues/{number:digits}";
        Post "/api/v1/repos/{owner}/{repo}/issues/{number:digits}/comments";
        Post "/api/v1/repos/{owner}/{repo}/labels";
        Post "/api/v1/repos/{owner}/{repo}/issues/{number:digits}/labels";
        Delete "/api/v1/repos/{owner}/{repo}/issues/{number:digits}/labels/{name:slash}";
        Post "/api/v1/repos/{owner}/{repo}/pulls";
        Patch "/api/v1/repos/{owner}/{repo}/pulls/{number:digits}";
        Put "/api/v1/repos/{owner}/{repo}/pulls/{number:digits}/merge";
        Post "/api/v1/repos/{owner}/{repo}/pulls/{number:digits}/reviews";
        Patch "/api/v1/orgs/{org}";
        Put "/api/v1/orgs/{org}/memberships/{username}";
        Delete "/api/v1/orgs/{org}/memberships/{username}";
    }
    CONSENT.built() {
        Get "/oauth/authorize";
        Post "/oauth/authorize" .known().csrf(Csrf::Form);
    }
    OAUTH.built() {
        Post "/oauth/token" .csrf(Csrf::Token);
        Post "/oauth/revoke" .csrf(Csrf::Token);
        Get "/oauth/scopes";
        Get "/oauth/jwks" .preset(Preset::Relaxed);
    }
    OAUTH.known().built() {
        Get "/oauth/apps";
        Get "/oauth/authorizations";
        Delete "/oauth/authorizations/{id:digits}";
    }
    NPM {
        Get "/api/packages/-/ping";
        Get "/api/packages/-/whoami";
        Put "/api/packages/-/user/org.couchdb.user:{name}" .preset(Preset::Login);
        Get "/api/packages/-/v1/search" .preset(Preset::Search);
        Get "/api/packages/-/package/{package:slash}/dist-tags";
        Get "/api/packages/-/package/{scope:scope}/{package}/dist-tags";
        Get "/api/packages/{package:slash}";
        Get "/api/packages/{scope:scope}/{package}";
        Get "/api/packages/{package:slash}/{version}";
        Get "/api/packages/{scope:scope}/{package}/{version}";
        Get "/api/packages/{package:slash}/-/{tarball}";
        Get "/api/packages/{scope:scope}/{package}/-/{tarball}";
        Get "/api/packages/{package:slash}/-/{tarballScope:scope}/{tarball}";
    }
    NPM.known().preset(Preset::Upload) {
        Put "/api/packages/-/package/{package:slash}/dist-tags/{tag}";
        Delete "/api/packages/-/package/{package:slash}/dist-tags/{tag}";
        Put "/api/packages/-/package/{scope:scope}/{package}/dist-tags/{tag}";
        Delete "/api/packages/-/package/{scope:scope}/{package}/dist-tags/{tag}";
        Put "/api/packages/{package:slash}";
        Put "/api/packages/{scope:scope}/{package}";
        Delete "/api/packages/{package:slash}/-rev/{rev}";
        Delete "/api/packages/{scope:scope}/{package}/-rev/{rev}";
        Delete "/api/packages/{package:slash}/-/{tarball}/-rev/{rev}";
        Delete "/api/packages/{scope:scope}/{package}/-/{tarball}/-rev/{rev}";
    }
    OCI {
        Get "/v2";
        Get "/v2/";
        Get "/v2/{path:rest}";
        Post "/v2/{path:rest}";
        Put "/v2/{path:rest}";
        Patch "/v2/{path:rest}";
        Delete "/v2/{path:rest}";
    }
}
