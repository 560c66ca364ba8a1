//! Which handler answers which route of the gateway's table. The paths themselves, who may call
//! and how often stand there and not here.

use super::site::Site;
use super::{
    accounts, auth, collaborators, git, health, internal, openapi, pages, repositories, ssh_keys, tokens,
};
use axum::extract::Request;
use axum::response::Response;
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;

type Answering = Pin<Box<dyn Future<Output = Response> + Send>>;

/// One handler, whatever it asks of the request.
pub type Handler = Box<dyn Fn(Request, Site) -> Answering + Send + Sync>;

fn on<H, T>(name: &'static str, handler: H) -> (&'static str, Handler)
where
    H: axum::handler::Handler<T, Site> + Sync,
    T: 'static,
{
    let call = move |request, site| Box::pin(handler.clone().call(request, site)) as Answering;
    (name, Box::new(call))
}

/// All handlers, by the name of their route.
pub fn handlers() -> HashMap<&'static str, Handler> {
    HashMap::from([
        on("GET /health", health::health),
        on("GET /healthz", health::healthz),
        on("GET /ready", health::ready),
        on("GET /api/health", health::health),
        on("GET /api/ready", health::ready),
        on("GET /metrics", health::figures),
        on("GET /", pages::index),
        on("GET /login", auth::login_page),
        on("POST /login", auth::login_form),
        on("GET /api/openapi.json", openapi::get),
        on("GET /api/auth/me", auth::me),
        on("POST /api/auth/login", auth::login),
        on("POST /api/auth/logout", auth::logout),
        on("GET /api/auth/csrf", auth::csrf_token),
        on("POST /api/auth/token", auth::token),
        on("POST /api/auth/refresh", auth::refresh),
        on("GET /api/auth/sessions", auth::list_sessions),
        on("DELETE /api/auth/sessions", auth::end_sessions),
        on("DELETE /api/auth/sessions/{id}", auth::end_session),
        on("GET /api/users", accounts::list),
        on("GET /api/users/search", accounts::search),
        on("GET /api/users/{username}", accounts::get),
        on("GET /api/users/{username}/repos", accounts::repositories_of),
        on("PATCH /api/users/me", accounts::update_me),
        on("GET /api/ssh-keys", ssh_keys::list),
        on("POST /api/ssh-keys", ssh_keys::add),
        on("DELETE /api/ssh-keys/{id:digits}", ssh_keys::delete),
        on("GET /api/user/tokens", tokens::list),
        on("POST /api/user/tokens", tokens::create),
        on("DELETE /api/user/tokens/{id:digits}", tokens::delete),
        on("GET /api/repos", repositories::list),
        on("GET /api/repos/search", repositories::search),
        on("POST /api/repos", repositories::create),
        on("GET /api/{owner}/{repo}", repositories::get),
        on("PATCH /api/{owner}/{repo}", repositories::update),
        on("DELETE /api/{owner}/{repo}", repositories::delete),
        on("POST /api/{owner}/{repo}/transfer", repositories::transfer),
        on("GET /api/admin/repos/deleted", repositories::deleted),
        on("POST /api/admin/repos/{id:digits}/restore", repositories::restore),
        on("GET /api/{owner}/{repo}/collaborators", collaborators::list),
        on(
            "PUT /api/{owner}/{repo}/collaborators/{username}",
            collaborators::put,
        ),
        on(
            "DELETE /api/{owner}/{repo}/collaborators/{username}",
            collaborators::remove,
        ),
        on("GET /api/{owner}/{repo}/keys", collaborators::list_keys),
        on("POST /api/{owner}/{repo}/keys", collaborators::add_key),
        on(
            "DELETE /api/{owner}/{repo}/keys/{id:digits}",
            collaborators::remove_key,
        ),
        on("GET /{owner}/{repo}/info/refs", git::info_refs),
        on("POST /{owner}/{repo}/git-upload-pack", git::upload_pack),
        on("POST /{owner}/{repo}/git-receive-pack", git::receive_pack),
        on("POST /internal/introspect", internal::introspect),
        on("POST /internal/ssh/identify", internal::identify),
        on("POST /internal/ssh/exec", internal::exec),
    ])
}
