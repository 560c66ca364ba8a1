//! Plue's own routes: those of this server, and those that the Plue seeds promise.

use super::{Access, Body, Cache, Class, Csrf, Dialect, Route, routes};
use crate::limits::Preset;

const API: Route = Route::of(Class::Api, Dialect::Plue);
const LOGIN: Route = Route::of(Class::Login, Dialect::Plue);
const PAGE: Route = Route::of(Class::Page, Dialect::Page);
/// Pages with forms, for people who are signed in.
const FORM: Route = PAGE.known().csrf(Csrf::Form);
const ASSET: Route = Route::of(Class::Asset, Dialect::Page);
const HEALTH: Route = Route::of(Class::Health, Dialect::Plue);
const SOCKET: Route = Route::of(Class::Socket, Dialect::Plue);
const INTERNAL: Route = Route::of(Class::Internal, Dialect::Plue);
const HOOK: Route = Route::of(Class::Hook, Dialect::Plue);
const RUNNER: Route = Route::of(Class::Runner, Dialect::Plue);

routes! {
    /// What is not promised by any seed: health, pages, administration, conversations between
    /// our own programs.
    OWN:
    HEALTH.built() {
        Get "/health";
        Get "/healthz";
        Get "/ready";
        Get "/api/health";
        Get "/api/ready";
        Get "/metrics";
    }
    PAGE.built() {
        Get "/" .cache(Cache::Revalidate);
        Get "/login";
        Post "/login" .preset(Preset::Login);
        Post "/logout";
        Get "/-/second-step";
        Post "/-/second-step" .preset(Preset::Login);
        Post "/-/wallet" .preset(Preset::Login);
        Get "/-/sign-in/{provider}" .preset(Preset::Auth);
        Get "/-/sign-up";
        Post "/-/sign-up" .preset(Preset::Register);
        Get "/-/forgot";
        Post "/-/forgot" .preset(Preset::PasswordReset);
        Get "/-/reset";
        Post "/-/reset" .preset(Preset::Login);
        Get "/-/verify";
        Post "/-/verify" .preset(Preset::Auth);
        Get "/explore" .cache(Cache::Revalidate);
        Get "/search" .preset(Preset::Search) .cache(Cache::Revalidate);
        Get "/{owner}" .cache(Cache::Revalidate);
    }
    FORM.built() {
        Get "/new";
        Post "/new";
        Get "/-/settings";
        Post "/-/settings";
        Get "/-/settings/password";
        Post "/-/settings/password" .preset(Preset::Login);
        Get "/-/settings/email";
        Post "/-/settings/email" .preset(Preset::Login);
        Post "/-/settings/email/verify" .preset(Preset::Email);
        Get "/-/settings/second-factor";
        Post "/-/settings/second-factor" .preset(Preset::Login);
        Post "/-/settings/second-factor/confirm" .preset(Preset::Login);
        Post "/-/settings/second-factor/remove" .preset(Preset::Login);
        Post "/-/settings/second-factor/codes" .preset(Preset::Login);
        Get "/-/settings/wallets";
        Post "/-/settings/wallets" .preset(Preset::Auth);
        Post "/-/settings/wallets/{address}/remove";
        Get "/-/settings/identities";
        Post "/-/settings/identities/{provider}" .preset(Preset::Auth);
        Post "/-/settings/identities/{provider}/{subject}/remove";
        Get "/-/settings/apps";
        Post "/-/settings/apps";
        Get "/-/settings/apps/{id:digits}";
        Post "/-/settings/apps/{id:digits}";
        Post "/-/settings/apps/{id:digits}/secret";
        Post "/-/settings/apps/{id:digits}/remove";
        Post "/-/settings/authorizations/{id:digits}/remove";
        Get "/-/settings/keys";
        Post "/-/settings/keys";
        Post "/-/settings/keys/{id:digits}/remove";
        Get "/-/settings/tokens";
        Post "/-/settings/tokens";
        Post "/-/settings/tokens/{id:digits}/remove";
        Get "/-/settings/sessions";
        Post "/-/settings/sessions/end";
        Post "/-/settings/sessions/{id}/end";
        Get "/{owner}/{repo}/settings";
        Post "/{owner}/{repo}/settings";
        Post "/{owner}/{repo}/settings/rename";
        Post "/{owner}/{repo}/settings/archive";
        Post "/{owner}/{repo}/settings/transfer";
        Post "/{owner}/{repo}/settings/delete";
        Get "/{owner}/{repo}/settings/access";
        Post "/{owner}/{repo}/settings/access";
        Post "/{owner}/{repo}/settings/access/{username}/remove";
        Get "/{owner}/{repo}/settings/keys";
        Post "/{owner}/{repo}/settings/keys";
        Post "/{owner}/{repo}/settings/keys/{id:digits}/remove";
    }
    FORM.built() {
        Get "/-/settings/log";
        Get "/-/admin/log";
        Get "/{owner}/{repo}/settings/hooks";
        Post "/{owner}/{repo}/settings/hooks";
        Get "/{owner}/{repo}/settings/hooks/{id:digits}";
        Post "/{owner}/{repo}/settings/hooks/{id:digits}";
        Post "/{owner}/{repo}/settings/hooks/{id:digits}/test";
        Post "/{owner}/{repo}/settings/hooks/{id:digits}/remove";
        Get "/{owner}/{repo}/settings/hooks/{id:digits}/deliveries/{deliveryId:digits}";
        Post "/{owner}/{repo}/settings/hooks/{id:digits}/deliveries/{deliveryId:digits}/redeliver";
        Get "/{owner}/{repo}/settings/log";
        Get "/-/orgs/new";
        Post "/-/orgs/new";
        Get "/-/orgs/{org}";
        Post "/-/orgs/{org}";
        Post "/-/orgs/{org}/move";
        Post "/-/orgs/{org}/delete";
        Get "/-/orgs/{org}/members";
        Post "/-/orgs/{org}/members";
        Post "/-/orgs/{org}/members/{username}/remove";
        Get "/-/orgs/{org}/teams";
        Post "/-/orgs/{org}/teams";
        Get "/-/orgs/{org}/teams/{team}";
        Post "/-/orgs/{org}/teams/{team}";
        Post "/-/orgs/{org}/teams/{team}/delete";
        Post "/-/orgs/{org}/teams/{team}/members";
        Post "/-/orgs/{org}/teams/{team}/members/{username}/remove";
        Post "/-/orgs/{org}/teams/{team}/repos";
        Post "/-/orgs/{org}/teams/{team}/repos/{repo}/remove";
        Get "/-/orgs/{org}/log";
    }
    PAGE.built() {
        Get "/{owner}/{repo}/stargazers" .cache(Cache::Revalidate);
        Get "/{owner}/{repo}/issues" .cache(Cache::Revalidate);
        Get "/{owner}/{repo}/issues/{number:digits}" .cache(Cache::Revalidate);
        Get "/{owner}/{repo}/labels" .cache(Cache::Revalidate);
        Get "/{owner}/{repo}/milestones" .cache(Cache::Revalidate);
    }
    FORM.built() {
        Get "/-/stars";
        Get "/notifications";
        Post "/notifications";
        Post "/notifications/settings";
        Post "/{owner}/{repo}/issues/{number:digits}/subscription";
        Post "/{owner}/{repo}/star";
        Post "/{owner}/{repo}/watch";
        Post "/{owner}/{repo}/settings/topics";
        Get "/{owner}/{repo}/issues/new";
        Post "/{owner}/{repo}/issues/new";
        Post "/{owner}/{repo}/issues/many";
        Post "/{owner}/{repo}/issues/{number:digits}/comments";
        Post "/{owner}/{repo}/issues/{number:digits}/comments/{commentId:digits}";
        Post "/{owner}/{repo}/issues/{number:digits}/comments/{commentId:digits}/remove";
        Post "/{owner}/{repo}/issues/{number:digits}/edit";
        Post "/{owner}/{repo}/issues/{number:digits}/sort";
        Post "/{owner}/{repo}/issues/{number:digits}/flag";
        Post "/{owner}/{repo}/issues/{number:digits}/react";
        Post "/{owner}/{repo}/issues/{number:digits}/relate";
        Post "/{owner}/{repo}/labels";
        Post "/{owner}/{repo}/labels/{id:digits}";
        Post "/{owner}/{repo}/labels/{id:digits}/remove";
        Post "/{owner}/{repo}/milestones";
        Post "/{owner}/{repo}/milestones/{id:digits}/close";
        Post "/{owner}/{repo}/milestones/{id:digits}/open";
        Post "/{owner}/{repo}/milestones/{id:digits}/remove";
    }
    PAGE {
        Get "/-/{page:rest}";
        Post "/-/{page:rest}";
        Get "/about";
        Get "/pricing";
        Get "/docs";
        Get "/docs/{page:rest}";
        Get "/{owner}/{repo}/changes";
        Get "/{owner}/{repo}/changes/{changeId}";
    }
    PAGE.built() {
        Get "/{owner}/{repo}" .cache(Cache::Ref);
        Get "/{owner}/{repo}/tree/{path:rest}" .cache(Cache::Ref);
        Get "/{owner}/{repo}/blob/{path:rest}" .cache(Cache::Ref);
        Get "/{owner}/{repo}/raw/{path:rest}" .cache(Cache::Ref);
        Get "/{owner}/{repo}/blame/{path:rest}" .cache(Cache::Ref);
        Get "/{owner}/{repo}/commits" .cache(Cache::Ref);
        Get "/{owner}/{repo}/commits/{ref:rest}" .cache(Cache::Ref);
        Get "/{owner}/{repo}/commit/{oid}" .cache(Cache::Ref);
        Get "/{owner}/{repo}/compare" .cache(Cache::Ref);
        Get "/{owner}/{repo}/compare/{refs:rest}" .cache(Cache::Ref);
        Get "/{owner}/{repo}/bookmarks" .cache(Cache::Ref);
        Get "/{owner}/{repo}/tags" .cache(Cache::Ref);
        Get "/{owner}/{repo}/contributors" .cache(Cache::Ref);
        Get "/{owner}/{repo}/archive/{file:rest}" .cache(Cache::Ref);
        Get "/{owner}/{repo}/find/{ref:rest}" .cache(Cache::Ref);
    }
    ASSET.built() {
        Get "/assets/{path:rest}" .cache(Cache::Fingerprinted);
        Get "/robots.txt" .cache(Cache::Door);
        Get "/favicon.ico" .cache(Cache::Door);
        Get "/.well-known/openid-configuration";
        Get "/.well-known/oauth-authorization-server";
    }
    ASSET {
        Get "/.well-known/{path:rest}";
    }
    API.built() {
        Get "/api/openapi.json" .cache(Cache::Revalidate);
        Get "/api/events" .preset(Preset::Relaxed);
        Get "/api/events/schema.json" .cache(Cache::Revalidate);
        Get "/api/events/asyncapi.json" .cache(Cache::Revalidate);
    }
    LOGIN.built() {
        Post "/api/auth/login";
    }
    API.built().known().preset(Preset::Auth) {
        Post "/api/auth/token";
        Get "/api/auth/csrf" .preset(Preset::Api);
        Get "/api/auth/sessions" .preset(Preset::Api);
        Delete "/api/auth/sessions";
        Delete "/api/auth/sessions/{id}";
    }
    API.built() {
        Get "/api/{owner}/{repo}" .cache(Cache::Ref);
        Patch "/api/{owner}/{repo}" .known();
        Delete "/api/{owner}/{repo}" .known();
        Post "/api/{owner}/{repo}/transfer" .known();
    }
    API.built() {
        Get "/api/{owner}/{repo}/commits/{oid}" .cache(Cache::Ref);
        Get "/api/{owner}/{repo}/history/{oid}/{path:rest}" .cache(Cache::Ref);
        Get "/api/{owner}/{repo}/blame/{oid}/{path:rest}" .cache(Cache::Ref);
        Get "/api/{owner}/{repo}/languages/{oid}" .cache(Cache::Ref);
    }
    API.built().known() {
        Get "/api/{owner}/{repo}/collaborators";
        Put "/api/{owner}/{repo}/collaborators/{username}";
        Delete "/api/{owner}/{repo}/collaborators/{username}";
        Get "/api/{owner}/{repo}/keys";
        Post "/api/{owner}/{repo}/keys";
        Delete "/api/{owner}/{repo}/keys/{id:digits}";
    }
    API.built().known() {
        Get "/api/{owner}/{repo}/hooks";
        Post "/api/{owner}/{repo}/hooks";
        Get "/api/{owner}/{repo}/hooks/{id:digits}";
        Patch "/api/{owner}/{repo}/hooks/{id:digits}";
        Delete "/api/{owner}/{repo}/hooks/{id:digits}";
        Post "/api/{owner}/{repo}/hooks/{id:digits}/test";
        Get "/api/{owner}/{repo}/hooks/{id:digits}/deliveries";
        Get "/api/{owner}/{repo}/hooks/{id:digits}/deliveries/{deliveryId:digits}";
        Post "/api/{owner}/{repo}/hooks/{id:digits}/deliveries/{deliveryId:digits}/redeliver";
    }
    API.built() {
        Get "/api/{owner}/{repo}/issues/{number:digits}/subscription";
    }
    API.built().known() {
        Get "/api/notifications";
        Put "/api/notifications/read";
        Patch "/api/notifications/{id:digits}";
        Get "/api/notifications/settings";
        Put "/api/notifications/settings";
        Put "/api/{owner}/{repo}/issues/{number:digits}/subscription";
        Delete "/api/{owner}/{repo}/issues/{number:digits}/subscription";
        Patch "/api/{owner}/{repo}/issues";
        Put "/api/{owner}/{repo}/issues/{number:digits}/lock";
        Delete "/api/{owner}/{repo}/issues/{number:digits}/lock";
    }
    API.built() {
        Get "/api/orgs";
        Get "/api/orgs/{org}";
        Get "/api/orgs/{org}/orgs";
        Get "/api/orgs/{org}/repos";
    }
    API.built().known() {
        Get "/api/user/orgs";
        Get "/api/user/audit";
        Get "/api/{owner}/{repo}/audit";
        Post "/api/orgs";
        Patch "/api/orgs/{org}";
        Delete "/api/orgs/{org}";
        Put "/api/orgs/{org}/parent";
        Get "/api/orgs/{org}/members";
        Put "/api/orgs/{org}/members/{username}";
        Delete "/api/orgs/{org}/members/{username}";
        Get "/api/orgs/{org}/outside-collaborators";
        Get "/api/orgs/{org}/audit";
        Get "/api/orgs/{org}/teams";
        Post "/api/orgs/{org}/teams";
        Get "/api/orgs/{org}/teams/{team}";
        Patch "/api/orgs/{org}/teams/{team}";
        Delete "/api/orgs/{org}/teams/{team}";
        Put "/api/orgs/{org}/teams/{team}/members/{username}";
        Delete "/api/orgs/{org}/teams/{team}/members/{username}";
        Put "/api/orgs/{org}/teams/{team}/repos/{repo}";
        Delete "/api/orgs/{org}/teams/{team}/repos/{repo}";
    }
    API.built().access(Access::Admin) {
        Get "/api/admin/audit";
        Get "/api/admin/repos/deleted";
        Post "/api/admin/repos/{id:digits}/restore";
    }
    INTERNAL.built().access(Access::Sealed) {
        Post "/internal/introspect";
        Post "/internal/ssh/identify";
        Post "/internal/ssh/exec" .body(Body::AnyStream);
    }
    HOOK {
        Post "/hooks/{id}";
    }
    HOOK.built() {
        Post "/do/{scope:rest}" .body(Body::UpTo(64 * 1024));
    }
}

routes! {
    /// What the Plue seeds promise.
    SEED:
    API.built() {
        Get "/api/auth/me";
        Post "/api/auth/logout";
    }
    LOGIN {
        Post "/api/auth/dev-login";
    }
    LOGIN.built() {
        Post "/api/auth/siwe/verify";
        Post "/api/auth/siwe/register" .preset(Preset::Register);
        Post "/api/auth/verify";
        Get "/api/auth/siwe/nonce" .preset(Preset::Auth);
        Get "/api/auth/nonce" .preset(Preset::Auth);
    }
    API.built().known().preset(Preset::Auth) {
        Get "/api/user/wallets" .preset(Preset::Api);
        Post "/api/user/wallets";
        Delete "/api/user/wallets/{address}";
        Get "/api/user/identities" .preset(Preset::Api);
        Delete "/api/user/identities/{provider}/{subject}";
    }
    API.built().known() {
        Post "/api/auth/refresh" .preset(Preset::Auth);
        Patch "/api/users/me";
        Get "/api/ssh-keys";
        Post "/api/ssh-keys";
        Delete "/api/ssh-keys/{id:digits}";
        Get "/api/user/tokens";
        Post "/api/user/tokens";
        Delete "/api/user/tokens/{id:digits}";
        Post "/api/repos";
    }
    API.built() {
        Get "/api/users";
        Get "/api/users/search" .preset(Preset::Search);
        Get "/api/users/{username}";
        Get "/api/users/{username}/repos";
        Get "/api/repos";
        Get "/api/repos/search" .preset(Preset::Search);
        Get "/api/{owner}/{repo}/refs/{ref:slash}" .cache(Cache::Ref);
        Get "/api/{owner}/{repo}/tree/{oid}" .cache(Cache::Object);
        Get "/api/{owner}/{repo}/tree/{oid}/{path:rest}" .cache(Cache::Object);
        Get "/api/{owner}/{repo}/blob/{oid}/{path:rest}" .cache(Cache::Object);
        Get "/api/{owner}/{repo}/commits" .cache(Cache::Ref);
    }
    API.built() {
        Get "/api/{owner}/{repo}/issues";
        Get "/api/{owner}/{repo}/issues/counts";
        Get "/api/{owner}/{repo}/issues/{number:digits}";
        Get "/api/{owner}/{repo}/issues/{number:digits}/history";
        Get "/api/{owner}/{repo}/issues/{number:digits}/comments";
        Get "/api/{owner}/{repo}/issues/{number:digits}/comments/{commentId:digits}/reactions";
        Get "/api/{owner}/{repo}/issues/{number:digits}/reactions";
        Get "/api/{owner}/{repo}/labels";
        Get "/api/{owner}/{repo}/issues/{number:digits}/dependencies";
        Get "/api/{owner}/{repo}/issues/{number:digits}/due-date";
        Get "/api/{owner}/{repo}/milestones";
        Get "/api/{owner}/{repo}/milestones/{id:digits}";
    }
    API.built().known() {
        Post "/api/{owner}/{repo}/issues";
        Patch "/api/{owner}/{repo}/issues/{number:digits}";
        Delete "/api/{owner}/{repo}/issues/{number:digits}";
        Post "/api/{owner}/{repo}/issues/{number:digits}/close";
        Post "/api/{owner}/{repo}/issues/{number:digits}/reopen";
        Post "/api/{owner}/{repo}/issues/{number:digits}/comments";
        Patch "/api/{owner}/{repo}/issues/{number:digits}/comments/{commentId:digits}";
        Delete "/api/{owner}/{repo}/issues/{number:digits}/comments/{commentId:digits}";
        Post "/api/{owner}/{repo}/issues/{number:digits}/comments/{commentId:digits}/reactions";
        Delete "/api/{owner}/{repo}/issues/{number:digits}/comments/{commentId:digits}/reactions/{emoji}";
        Post "/api/{owner}/{repo}/issues/{number:digits}/reactions";
        Delete "/api/{owner}/{repo}/issues/{number:digits}/reactions/{emoji}";
        Post "/api/{owner}/{repo}/labels";
        Patch "/api/{owner}/{repo}/labels/{name:slash}";
        Delete "/api/{owner}/{repo}/labels/{name:slash}";
        Post "/api/{owner}/{repo}/issues/{number:digits}/labels";
        Delete "/api/{owner}/{repo}/issues/{number:digits}/labels/{labelId:digits}";
        Post "/api/{owner}/{repo}/issues/{number:digits}/pin";
        Post "/api/{owner}/{repo}/issues/{number:digits}/unpin";
        Post "/api/{owner}/{repo}/issues/{number:digits}/assignees";
        Delete "/api/{owner}/{repo}/issues/{number:digits}/assignees/{userId:digits}";
        Post "/api/{owner}/{repo}/issues/{number:digits}/dependencies";
        Delete "/api/{owner}/{repo}/issues/{number:digits}/dependencies/{blockedNumber:digits}";
        Put "/api/{owner}/{repo}/issues/{number:digits}/due-date";
        Delete "/api/{owner}/{repo}/issues/{number:digits}/due-date";
        Post "/api/{owner}/{repo}/milestones";
        Patch "/api/{owner}/{repo}/milestones/{id:digits}";
        Delete "/api/{owner}/{repo}/milestones/{id:digits}";
        Put "/api/{owner}/{repo}/issues/{number:digits}/milestone";
        Delete "/api/{owner}/{repo}/issues/{number:digits}/milestone";
    }
    API.built() {
        Get "/api/users/{username}/starred";
        Get "/api/repos/topics/popular";
        Get "/api/repos/topics/{topic}";
        Get "/api/{owner}/{repo}/stargazers";
        Get "/api/{owner}/{repo}/watchers";
        Get "/api/{owner}/{repo}/star";
        Get "/api/{owner}/{repo}/watch";
        Get "/api/{owner}/{repo}/topics";
    }
    API.built().known() {
        Post "/api/{owner}/{repo}/star";
        Delete "/api/{owner}/{repo}/star";
        Post "/api/{owner}/{repo}/watch";
        Delete "/api/{owner}/{repo}/watch";
        Put "/api/{owner}/{repo}/topics";
    }
    API {
        Get "/api/{owner}/{repo}/stats";
        Get "/api/{owner}/{repo}/bookmarks";
        Get "/api/{owner}/{repo}/bookmarks/{name:slash}";
        Get "/api/{owner}/{repo}/changes";
        Get "/api/{owner}/{repo}/changes/{changeId}";
        Get "/api/{owner}/{repo}/changes/{changeId}/diff";
        Get "/api/{owner}/{repo}/changes/{changeId}/files";
        Get "/api/{owner}/{repo}/changes/{changeId}/file/{path:rest}";
        Get "/api/{owner}/{repo}/changes/{from}/compare/{to}";
        Get "/api/{owner}/{repo}/changes/{changeId}/conflicts";
        Get "/api/{owner}/{repo}/changes/{changeId}/stack";
        Get "/api/{owner}/{repo}/changes/{changeId}/statuses";
        Get "/api/{owner}/{repo}/operations";
        Get "/api/{owner}/{repo}/operations/{operationId}";
        Get "/api/{owner}/{repo}/landing";
        Get "/api/{owner}/{repo}/landing/{id:digits}";
        Get "/api/{owner}/{repo}/landing/{id:digits}/files";
        Get "/api/{owner}/{repo}/landing/{id:digits}/comments";
        Get "/api/{owner}/{repo}/settings/protection";
        Get "/api/{owner}/{repo}/workflows/runs";
        Get "/api/{owner}/{repo}/workflows/runs/{runId:digits}";
        Get "/api/{owner}/{repo}/workflows/runs/{runId:digits}/jobs";
        Get "/api/{owner}/{repo}/workflows/runs/{runId:digits}/logs";
        Get "/api/agents";
        Get "/api/agents/{name}";
        Get "/api/tools";
        Get "/api/watcher/status";
        Get "/api/watcher/repos";
    }
    API.known() {
        Post "/api/{owner}/{repo}/bookmarks";
        Put "/api/{owner}/{repo}/bookmarks/{name:slash}";
        Delete "/api/{owner}/{repo}/bookmarks/{name:slash}";
        Post "/api/{owner}/{repo}/bookmarks/{name:slash}/set-default";
        Post "/api/{owner}/{repo}/changes/{changeId}/conflicts/{filePath:slash}/resolve";
        Post "/api/{owner}/{repo}/changes/{changeId}/statuses";
        Post "/api/{owner}/{repo}/operations/undo";
        Post "/api/{owner}/{repo}/operations/{operationId}/restore";
        Post "/api/{owner}/{repo}/landing";
        Delete "/api/{owner}/{repo}/landing/{id:digits}";
        Post "/api/{owner}/{repo}/landing/{id:digits}/check";
        Post "/api/{owner}/{repo}/landing/{id:digits}/land";
        Post "/api/{owner}/{repo}/landing/{id:digits}/reviews";
        Post "/api/{owner}/{repo}/landing/{id:digits}/comments";
        Patch "/api/{owner}/{repo}/landing/{id:digits}/comments/{commentId:digits}";
        Delete "/api/{owner}/{repo}/landing/{id:digits}/comments/{commentId:digits}";
        Post "/api/{owner}/{repo}/settings/protection";
        Delete "/api/{owner}/{repo}/settings/protection/{id:digits}";
        Post "/api/{owner}/{repo}/workflows/runs";
        Patch "/api/{owner}/{repo}/workflows/runs/{runId:digits}";
        Post "/api/{owner}/{repo}/workflows/runs/{runId:digits}/cancel";
    }
    API.known() {
        Get "/api/sessions";
        Post "/api/sessions";
        Get "/api/sessions/{id}";
        Patch "/api/sessions/{id}";
        Delete "/api/sessions/{id}";
        Post "/api/sessions/{id}/abort";
        Get "/api/sessions/{id}/diff";
        Get "/api/sessions/{id}/changes";
        Get "/api/sessions/{id}/changes/{changeId}";
        Get "/api/sessions/{id}/changes/{from}/compare/{to}";
        Get "/api/sessions/{id}/changes/{changeId}/files";
        Get "/api/sessions/{id}/changes/{changeId}/file/{path:rest}";
        Get "/api/sessions/{id}/conflicts";
        Get "/api/sessions/{id}/operations";
        Post "/api/sessions/{id}/operations/undo";
        Post "/api/sessions/{id}/operations/{operationId}/restore";
        Post "/api/sessions/{id}/fork";
        Post "/api/sessions/{id}/revert";
        Post "/api/sessions/{id}/unrevert";
        Post "/api/sessions/{id}/undo";
        Get "/api/sessions/{id}/messages";
        Post "/api/sessions/{id}/messages";
        Get "/api/sessions/{id}/messages/{messageId}";
        Patch "/api/sessions/{id}/messages/{messageId}";
        Delete "/api/sessions/{id}/messages/{messageId}";
        Get "/api/sessions/{id}/messages/{messageId}/parts";
        Post "/api/sessions/{id}/messages/{messageId}/parts";
        Patch "/api/sessions/{id}/messages/{messageId}/parts/{partId}";
        Delete "/api/sessions/{id}/messages/{messageId}/parts/{partId}";
        Post "/api/sessions/{id}/run";
        Get "/api/sessions/{id}/stream";
        Post "/api/workflows/parse";
        Post "/api/workflows/run";
        Get "/api/workflows/runs";
        Get "/api/workflows/runs/{id:digits}";
        Get "/api/workflows/runs/{id:digits}/stream";
        Post "/api/workflows/runs/{id:digits}/cancel";
        Post "/api/prompts/parse";
        Post "/api/prompts/render";
    }
    API.known() {
        Get "/pty";
        Post "/pty";
        Get "/pty/{id}";
        Delete "/pty/{id}";
        Post "/pty/{id}/resize";
    }
    SOCKET {
        Get "/pty/{id}/ws";
    }
    API.access(Access::Admin) {
        Post "/api/watcher/watch/{owner}/{repo}";
        Delete "/api/watcher/watch/{owner}/{repo}";
        Post "/api/watcher/sync/{owner}/{repo}";
    }
    RUNNER {
        Post "/api/runners/register";
        Post "/api/runners/heartbeat";
        Get "/api/runners/tasks/fetch";
        Post "/api/runners/tasks/{taskId}/status";
        Post "/api/runners/tasks/{taskId}/logs";
        Post "/internal/runners/register";
        Post "/internal/runners/{podName}/heartbeat";
        Post "/internal/tasks/{taskId:digits}/stream";
        Post "/internal/tasks/{taskId:digits}/complete";
        Post "/internal/agent/messages";
        Patch "/internal/agent/messages/{id}";
        Post "/internal/agent/messages/{id}/parts";
    }
}
