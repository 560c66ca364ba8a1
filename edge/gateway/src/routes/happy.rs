//! What the Happy seed and its real clients promise.

use super::{Body, Class, Dialect, Route, routes};
use crate::limits::Preset;

const HAPPY: Route = Route::of(Class::Happy, Dialect::Happy);

routes! {
    /// Sessions, machines, artifacts and settings that only their owner's devices can read.
    ALL:
    HAPPY.preset(Preset::Auth) {
        Post "/v1/auth";
        Post "/v1/auth/request";
        Get "/v1/auth/request/status";
        Post "/v1/auth/account/request";
    }
    HAPPY.known() {
        Post "/v1/auth/response";
        Post "/v1/auth/account/response";
        Get "/v1/auth/me";
        Get "/v1/sessions";
        Post "/v1/sessions";
        Get "/v1/sessions/{id}";
        Post "/v1/sessions/{id}";
        Delete "/v1/sessions/{id}";
        Get "/v1/sessions/{id}/messages";
        Post "/v1/sessions/{id}/messages";
        Post "/v1/sessions/{id}/archive";
        Post "/v1/sessions/{id}/push-event";
        Get "/v1/sessions/{id}/artifacts";
        Post "/v1/sessions/{id}/artifacts";
        Post "/v1/sessions/{id}/attachments/request-upload" .preset(Preset::Upload);
        Post "/v1/sessions/{id}/attachments/request-download";
        Get "/v1/sessions/{id}/attachments/{file}";
        Put "/v1/sessions/{id}/attachments/{file}" .body(Body::AnyStream).preset(Preset::Upload);
        Get "/v2/sessions";
        Get "/v2/sessions/active";
        Get "/v3/sessions/{id}/messages";
        Post "/v3/sessions/{id}/messages";
        Get "/v1/machines";
        Post "/v1/machines";
        Get "/v1/machines/{id}";
        Delete "/v1/machines/{id}";
        Post "/v1/machines/{id}/metadata";
        Post "/v1/machines/{id}/state";
        Get "/v1/artifacts";
        Post "/v1/artifacts";
        Get "/v1/artifacts/{id}";
        Post "/v1/artifacts/{id}";
        Delete "/v1/artifacts/{id}";
        Get "/v1/access-keys/{sessionId}/{machineId}";
        Post "/v1/access-keys/{sessionId}/{machineId}";
        Put "/v1/access-keys/{sessionId}/{machineId}";
        Get "/v1/kv";
        Post "/v1/kv";
        Post "/v1/kv/bulk";
        Get "/v1/kv/{key:slash}";
        Get "/v1/account/profile";
        Get "/v1/account/settings";
        Post "/v1/account/settings";
        Post "/v1/usage/query";
        Get "/v1/push-tokens";
        Post "/v1/push-tokens";
        Delete "/v1/push-tokens/{token:slash}";
        Get "/v1/connect/github/params";
        Delete "/v1/connect/github";
        Get "/v1/connect/tokens";
        Post "/v1/connect/{vendor}/register";
        Get "/v1/connect/{vendor}/token";
        Delete "/v1/connect/{vendor}";
        Get "/v1/user/search" .preset(Preset::Search);
        Get "/v1/user/{id}";
        Get "/v1/friends";
        Post "/v1/friends/add";
        Post "/v1/friends/remove";
        Get "/v1/feed";
        Post "/v1/voice/conversations";
        Get "/v1/voice/usage";
        Post "/v1/voice/token";
        Post "/v1/voice/session";
    }
    HAPPY {
        Post "/v1/version";
        Get "/v1/connect/github/callback";
        Post "/v1/connect/github/webhook" .preset(Preset::Webhook);
        Get "/files/{path:rest}";
        Get "/v1/updates";
        Post "/v1/updates";
        Get "/v1/updates/";
        Post "/v1/updates/";
    }
}
