//! Which handler answers which route of the gateway's table. The paths themselves, who may call
//! and how often stand there and not here.

use super::site::Site;
use super::{
    accounts, audit, auth, better_auth, browse, collaborators, events, git, health, history, hooks, internal,
    issues, live, notifications, oauth, openapi, organisations, pages, repositories, second_factor, siwe,
    social, ssh_keys, stars, sync, teams, tokens, topics, watches,
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
        on("GET /", pages::home::get),
        on("GET /{owner}/{repo}", pages::repo::home),
        on("GET /{owner}/{repo}/tree/{path:rest}", pages::repo::tree),
        on("GET /{owner}/{repo}/blob/{path:rest}", pages::repo::blob),
        on("GET /{owner}/{repo}/raw/{path:rest}", pages::repo::raw),
        on("GET /{owner}/{repo}/blame/{path:rest}", pages::repo::blame),
        on("GET /{owner}/{repo}/commits", pages::repo::commits),
        on("GET /{owner}/{repo}/commits/{ref:rest}", pages::repo::commits_of),
        on("GET /{owner}/{repo}/commit/{oid}", pages::repo::commit),
        on("GET /{owner}/{repo}/compare", pages::repo::compare_form),
        on("GET /{owner}/{repo}/compare/{refs:rest}", pages::repo::compare),
        on("GET /{owner}/{repo}/bookmarks", pages::repo::bookmarks),
        on("GET /{owner}/{repo}/tags", pages::repo::tags),
        on("GET /{owner}/{repo}/contributors", pages::repo::contributors),
        on("GET /{owner}/{repo}/archive/{file:rest}", pages::repo::archive),
        on("GET /{owner}/{repo}/find/{ref:rest}", pages::repo::find),
        on("GET /{owner}/{repo}/stargazers", pages::repo::stargazers),
        on("POST /{owner}/{repo}/star", pages::repo::star),
        on("POST /{owner}/{repo}/watch", pages::repo::watch),
        on("GET /-/stars", pages::home::starred),
        on("GET /notifications", pages::notifications::get),
        on("POST /notifications", pages::notifications::post),
        on("POST /notifications/settings", pages::notifications::save),
        on(
            "POST /{owner}/{repo}/issues/{number:digits}/subscription",
            pages::issues::subscribe,
        ),
        on(
            "POST /{owner}/{repo}/issues/{number:digits}/relate",
            pages::issues::relate,
        ),
        on("GET /login", pages::sign_in::get),
        on("POST /login", pages::sign_in::post),
        on("POST /logout", pages::sign_in::sign_out),
        on("GET /new", pages::create::get),
        on("POST /new", pages::create::post),
        on("GET /-/second-step", pages::sign_in::no_ticket),
        on("POST /-/second-step", pages::sign_in::second_step),
        on("POST /-/wallet", pages::sign_in::by_wallet),
        on("GET /-/sign-in/{provider}", pages::sign_in::elsewhere),
        on("GET /-/sign-up", pages::sign_up::get),
        on("POST /-/sign-up", pages::sign_up::post),
        on("GET /-/forgot", pages::recover::forgot),
        on("POST /-/forgot", pages::recover::ask),
        on("GET /-/reset", pages::recover::reset),
        on("POST /-/reset", pages::recover::set),
        on("GET /-/verify", pages::recover::verify),
        on("POST /-/verify", pages::recover::prove),
        on("GET /explore", pages::explore::get),
        on("GET /search", pages::explore::search),
        on("GET /{owner}", pages::organisation::get),
        on("GET /-/settings", pages::settings::profile::get),
        on("POST /-/settings", pages::settings::profile::post),
        on("GET /-/settings/password", pages::settings::profile::password),
        on(
            "POST /-/settings/password",
            pages::settings::profile::set_password,
        ),
        on("GET /-/settings/email", pages::settings::email::get),
        on("POST /-/settings/email", pages::settings::email::post),
        on("POST /-/settings/email/verify", pages::settings::email::verify),
        on(
            "GET /-/settings/second-factor",
            pages::settings::second_factor::get,
        ),
        on(
            "POST /-/settings/second-factor",
            pages::settings::second_factor::begin,
        ),
        on(
            "POST /-/settings/second-factor/confirm",
            pages::settings::second_factor::confirm,
        ),
        on(
            "POST /-/settings/second-factor/remove",
            pages::settings::second_factor::remove,
        ),
        on(
            "POST /-/settings/second-factor/codes",
            pages::settings::second_factor::renew,
        ),
        on("GET /-/settings/apps", pages::settings::apps::get),
        on("POST /-/settings/apps", pages::settings::apps::create),
        on("GET /-/settings/apps/{id:digits}", pages::settings::apps::one),
        on("POST /-/settings/apps/{id:digits}", pages::settings::apps::update),
        on(
            "POST /-/settings/apps/{id:digits}/secret",
            pages::settings::apps::renew_secret,
        ),
        on(
            "POST /-/settings/apps/{id:digits}/remove",
            pages::settings::apps::remove,
        ),
        on(
            "POST /-/settings/authorizations/{id:digits}/remove",
            pages::settings::apps::withdraw,
        ),
        on("GET /-/settings/identities", pages::settings::identities::get),
        on(
            "POST /-/settings/identities/{provider}",
            pages::settings::identities::link,
        ),
        on(
            "POST /-/settings/identities/{provider}/{subject}/remove",
            pages::settings::identities::remove,
        ),
        on("GET /-/settings/wallets", pages::settings::wallets::get),
        on("POST /-/settings/wallets", pages::settings::wallets::post),
        on(
            "POST /-/settings/wallets/{address}/remove",
            pages::settings::wallets::remove,
        ),
        on("GET /-/settings/keys", pages::settings::keys::get),
        on("POST /-/settings/keys", pages::settings::keys::add),
        on(
            "POST /-/settings/keys/{id:digits}/remove",
            pages::settings::keys::remove,
        ),
        on("GET /-/settings/tokens", pages::settings::tokens::get),
        on("POST /-/settings/tokens", pages::settings::tokens::create),
        on(
            "POST /-/settings/tokens/{id:digits}/remove",
            pages::settings::tokens::remove,
        ),
        on("GET /-/settings/sessions", pages::settings::sessions::get),
        on(
            "POST /-/settings/sessions/end",
            pages::settings::sessions::end_all,
        ),
        on(
            "POST /-/settings/sessions/{id}/end",
            pages::settings::sessions::end,
        ),
        on("GET /{owner}/{repo}/settings", pages::repository_settings::get),
        on("POST /{owner}/{repo}/settings", pages::repository_settings::save),
        on(
            "POST /{owner}/{repo}/settings/topics",
            pages::repository_settings::save_topics,
        ),
        on(
            "POST /{owner}/{repo}/settings/rename",
            pages::repository_settings::rename,
        ),
        on(
            "POST /{owner}/{repo}/settings/archive",
            pages::repository_settings::archive,
        ),
        on(
            "POST /{owner}/{repo}/settings/transfer",
            pages::repository_settings::transfer,
        ),
        on(
            "POST /{owner}/{repo}/settings/delete",
            pages::repository_settings::delete,
        ),
        on(
            "GET /{owner}/{repo}/settings/access",
            pages::repository_settings::access,
        ),
        on(
            "POST /{owner}/{repo}/settings/access",
            pages::repository_settings::grant,
        ),
        on(
            "POST /{owner}/{repo}/settings/access/{username}/remove",
            pages::repository_settings::withdraw,
        ),
        on(
            "GET /{owner}/{repo}/settings/keys",
            pages::repository_settings::deploy_keys,
        ),
        on(
            "POST /{owner}/{repo}/settings/keys",
            pages::repository_settings::add_key,
        ),
        on(
            "POST /{owner}/{repo}/settings/keys/{id:digits}/remove",
            pages::repository_settings::remove_key,
        ),
        on("GET /{owner}/{repo}/settings/hooks", pages::hooks::list),
        on("POST /{owner}/{repo}/settings/hooks", pages::hooks::create),
        on(
            "GET /{owner}/{repo}/settings/hooks/{id:digits}",
            pages::hooks::get,
        ),
        on(
            "POST /{owner}/{repo}/settings/hooks/{id:digits}",
            pages::hooks::save,
        ),
        on(
            "POST /{owner}/{repo}/settings/hooks/{id:digits}/test",
            pages::hooks::test,
        ),
        on(
            "POST /{owner}/{repo}/settings/hooks/{id:digits}/remove",
            pages::hooks::remove,
        ),
        on(
            "GET /{owner}/{repo}/settings/hooks/{id:digits}/deliveries/{deliveryId:digits}",
            pages::hooks::delivery,
        ),
        on(
            "POST /{owner}/{repo}/settings/hooks/{id:digits}/deliveries/{deliveryId:digits}/redeliver",
            pages::hooks::redeliver,
        ),
        on("GET /{owner}/{repo}/issues", pages::issues::list),
        on("GET /{owner}/{repo}/issues/{number:digits}", pages::issues::get),
        on("GET /{owner}/{repo}/labels", pages::issues::labels),
        on("GET /{owner}/{repo}/milestones", pages::issues::milestones),
        on("GET /{owner}/{repo}/issues/new", pages::issues::form),
        on("POST /{owner}/{repo}/issues/new", pages::issues::create),
        on("POST /{owner}/{repo}/issues/many", pages::issues::change_many),
        on(
            "POST /{owner}/{repo}/issues/{number:digits}/comments",
            pages::issues::comment,
        ),
        on(
            "POST /{owner}/{repo}/issues/{number:digits}/comments/{commentId:digits}",
            pages::issues::edit_comment,
        ),
        on(
            "POST /{owner}/{repo}/issues/{number:digits}/comments/{commentId:digits}/remove",
            pages::issues::remove_comment,
        ),
        on(
            "POST /{owner}/{repo}/issues/{number:digits}/edit",
            pages::issues::edit,
        ),
        on(
            "POST /{owner}/{repo}/issues/{number:digits}/sort",
            pages::issues::sort,
        ),
        on(
            "POST /{owner}/{repo}/issues/{number:digits}/flag",
            pages::issues::flag,
        ),
        on(
            "POST /{owner}/{repo}/issues/{number:digits}/react",
            pages::issues::react,
        ),
        on("POST /{owner}/{repo}/labels", pages::issues::create_label),
        on(
            "POST /{owner}/{repo}/labels/{id:digits}",
            pages::issues::change_label,
        ),
        on(
            "POST /{owner}/{repo}/labels/{id:digits}/remove",
            pages::issues::remove_label,
        ),
        on("POST /{owner}/{repo}/milestones", pages::issues::create_milestone),
        on(
            "POST /{owner}/{repo}/milestones/{id:digits}/close",
            pages::issues::close_milestone,
        ),
        on(
            "POST /{owner}/{repo}/milestones/{id:digits}/open",
            pages::issues::open_milestone,
        ),
        on(
            "POST /{owner}/{repo}/milestones/{id:digits}/remove",
            pages::issues::remove_milestone,
        ),
        on("GET /-/settings/log", pages::log::of_self),
        on("GET /-/admin/log", pages::log::of_site),
        on("GET /{owner}/{repo}/settings/log", pages::log::of_repository),
        on("GET /-/orgs/new", pages::organisation::create_form),
        on("POST /-/orgs/new", pages::organisation::create),
        on("GET /-/orgs/{org}", pages::organisation::general),
        on("POST /-/orgs/{org}", pages::organisation::save),
        on("POST /-/orgs/{org}/move", pages::organisation::move_into),
        on("POST /-/orgs/{org}/delete", pages::organisation::delete),
        on("GET /-/orgs/{org}/members", pages::organisation::members),
        on("POST /-/orgs/{org}/members", pages::organisation::put_member),
        on(
            "POST /-/orgs/{org}/members/{username}/remove",
            pages::organisation::remove_member,
        ),
        on("GET /-/orgs/{org}/teams", pages::teams::list),
        on("POST /-/orgs/{org}/teams", pages::teams::create),
        on("GET /-/orgs/{org}/teams/{team}", pages::teams::get),
        on("POST /-/orgs/{org}/teams/{team}", pages::teams::save),
        on("POST /-/orgs/{org}/teams/{team}/delete", pages::teams::delete),
        on(
            "POST /-/orgs/{org}/teams/{team}/members",
            pages::teams::put_member,
        ),
        on(
            "POST /-/orgs/{org}/teams/{team}/members/{username}/remove",
            pages::teams::remove_member,
        ),
        on(
            "POST /-/orgs/{org}/teams/{team}/repos",
            pages::teams::put_repository,
        ),
        on(
            "POST /-/orgs/{org}/teams/{team}/repos/{repo}/remove",
            pages::teams::remove_repository,
        ),
        on("GET /-/orgs/{org}/log", pages::log::of_organisation),
        on("GET /assets/{path:rest}", pages::assets::get),
        on("GET /robots.txt", pages::assets::robots),
        on("GET /favicon.ico", pages::assets::favicon),
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
        on("POST /api/auth/sign-up/email", better_auth::sign_up),
        on("POST /api/auth/sign-in/email", better_auth::by_email),
        on("POST /api/auth/sign-in/username", better_auth::by_username),
        on("POST /api/auth/sign-out", better_auth::sign_out),
        on(
            "POST /api/auth/is-username-available",
            better_auth::is_username_available,
        ),
        on("GET /api/auth/get-session", better_auth::get_session),
        on(
            "POST /api/auth/request-password-reset",
            better_auth::request_reset,
        ),
        on("GET /api/auth/reset-password/{token}", better_auth::follow_reset),
        on("POST /api/auth/reset-password", better_auth::reset),
        on(
            "POST /api/auth/send-verification-email",
            better_auth::send_verification,
        ),
        on("GET /api/auth/verify-email", better_auth::verify),
        on("POST /api/auth/two-factor/enable", second_factor::enable),
        on("POST /api/auth/two-factor/disable", second_factor::disable),
        on(
            "POST /api/auth/two-factor/generate-backup-codes",
            second_factor::renew_codes,
        ),
        on(
            "POST /api/auth/two-factor/verify-totp",
            second_factor::verify_totp,
        ),
        on(
            "POST /api/auth/two-factor/verify-backup-code",
            second_factor::verify_code,
        ),
        on("GET /oauth/authorize", oauth::authorize),
        on("POST /oauth/authorize", oauth::decide),
        on("POST /oauth/token", oauth::token),
        on("POST /oauth/revoke", oauth::revoke),
        on("GET /oauth/scopes", oauth::scopes),
        on("GET /oauth/jwks", oauth::jwks),
        on("GET /oauth/apps", oauth::apps),
        on("GET /oauth/authorizations", oauth::authorizations),
        on("DELETE /oauth/authorizations/{id:digits}", oauth::withdraw),
        on("GET /.well-known/openid-configuration", oauth::discovery),
        on("GET /.well-known/oauth-authorization-server", oauth::discovery),
        on("POST /api/auth/sign-in/social", social::sign_in),
        on("POST /api/auth/link-social", social::link),
        on("GET /api/auth/callback/{provider}", social::callback),
        on("GET /api/user/identities", social::list),
        on("DELETE /api/user/identities/{provider}/{subject}", social::unlink),
        on("GET /api/auth/siwe/nonce", siwe::nonce),
        on("GET /api/auth/nonce", siwe::nonce),
        on("POST /api/auth/siwe/verify", siwe::verify),
        on("POST /api/auth/siwe/register", siwe::register),
        on("POST /api/auth/verify", siwe::verify_short),
        on("GET /api/user/wallets", siwe::list),
        on("POST /api/user/wallets", siwe::link),
        on("DELETE /api/user/wallets/{address}", siwe::unlink),
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
        on("GET /api/orgs", organisations::list),
        on("POST /api/orgs", organisations::create),
        on("GET /api/orgs/{org}", organisations::get),
        on("PATCH /api/orgs/{org}", organisations::update),
        on("DELETE /api/orgs/{org}", organisations::delete),
        on("GET /api/orgs/{org}/orgs", organisations::within),
        on("GET /api/orgs/{org}/repos", organisations::repositories_of),
        on("PUT /api/orgs/{org}/parent", organisations::move_into),
        on("GET /api/orgs/{org}/members", organisations::list_members),
        on(
            "PUT /api/orgs/{org}/members/{username}",
            organisations::put_member,
        ),
        on(
            "DELETE /api/orgs/{org}/members/{username}",
            organisations::remove_member,
        ),
        on(
            "GET /api/orgs/{org}/outside-collaborators",
            organisations::list_outsiders,
        ),
        on("GET /api/user/orgs", organisations::mine),
        on("GET /api/orgs/{org}/teams", teams::list),
        on("POST /api/orgs/{org}/teams", teams::create),
        on("GET /api/orgs/{org}/teams/{team}", teams::get),
        on("PATCH /api/orgs/{org}/teams/{team}", teams::update),
        on("DELETE /api/orgs/{org}/teams/{team}", teams::delete),
        on(
            "PUT /api/orgs/{org}/teams/{team}/members/{username}",
            teams::put_member,
        ),
        on(
            "DELETE /api/orgs/{org}/teams/{team}/members/{username}",
            teams::remove_member,
        ),
        on(
            "PUT /api/orgs/{org}/teams/{team}/repos/{repo}",
            teams::put_repository,
        ),
        on(
            "DELETE /api/orgs/{org}/teams/{team}/repos/{repo}",
            teams::remove_repository,
        ),
        on("GET /api/admin/audit", audit::of_site),
        on("GET /api/user/audit", audit::of_self),
        on("GET /api/orgs/{org}/audit", audit::of_organisation),
        on("GET /api/{owner}/{repo}/audit", audit::of_repository),
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
        on("GET /api/events", live::get),
        on("GET /api/events/schema.json", events::schema),
        on("GET /api/events/asyncapi.json", events::asyncapi),
        on("GET /api/{owner}/{repo}/hooks", hooks::list),
        on("POST /api/{owner}/{repo}/hooks", hooks::create),
        on("GET /api/{owner}/{repo}/hooks/{id:digits}", hooks::get),
        on("PATCH /api/{owner}/{repo}/hooks/{id:digits}", hooks::update),
        on("DELETE /api/{owner}/{repo}/hooks/{id:digits}", hooks::delete),
        on("POST /api/{owner}/{repo}/hooks/{id:digits}/test", hooks::test),
        on(
            "GET /api/{owner}/{repo}/hooks/{id:digits}/deliveries",
            hooks::deliveries,
        ),
        on(
            "GET /api/{owner}/{repo}/hooks/{id:digits}/deliveries/{deliveryId:digits}",
            hooks::delivery,
        ),
        on(
            "POST /api/{owner}/{repo}/hooks/{id:digits}/deliveries/{deliveryId:digits}/redeliver",
            hooks::redeliver,
        ),
        on(
            "GET /api/repos/{owner}/{repo}/issues/{number:digits}/sub-issues",
            issues::wit::sub_issues,
        ),
        on(
            "PUT /api/repos/{owner}/{repo}/issues/{number:digits}/sub-issues",
            issues::wit::order,
        ),
        on(
            "POST /api/repos/{owner}/{repo}/issues/{number:digits}/parent",
            issues::wit::put_parent,
        ),
        on(
            "DELETE /api/repos/{owner}/{repo}/issues/{number:digits}/parent",
            issues::wit::remove_parent,
        ),
        on(
            "GET /api/repos/{owner}/{repo}/issues/{number:digits}/relations",
            issues::wit::list_relations,
        ),
        on(
            "POST /api/repos/{owner}/{repo}/issues/{number:digits}/relations",
            issues::wit::relate,
        ),
        on(
            "DELETE /api/repos/{owner}/{repo}/issues/{number:digits}/relations/{relatedNumber:digits}",
            issues::wit::unrelate,
        ),
        on(
            "POST /api/repos/{owner}/{repo}/issues/{number:digits}/duplicate",
            issues::wit::duplicate,
        ),
        on(
            "GET /api/repos/{owner}/{repo}/issues/{number:digits}/activity",
            issues::wit::activity,
        ),
        on(
            "GET /api/repos/{owner}/{repo}/issues/activity",
            issues::wit::activity_of_all,
        ),
        on(
            "POST /api/repos/{owner}/{repo}/issues/{number:digits}/comments",
            issues::wit::comment,
        ),
        on("GET /api/notifications", notifications::list),
        on("PUT /api/notifications/read", notifications::see),
        on("PATCH /api/notifications/{id:digits}", notifications::update),
        on("GET /api/notifications/settings", notifications::settings),
        on("PUT /api/notifications/settings", notifications::put_settings),
        on(
            "GET /api/{owner}/{repo}/issues/{number:digits}/subscription",
            issues::subscriptions::get,
        ),
        on(
            "PUT /api/{owner}/{repo}/issues/{number:digits}/subscription",
            issues::subscriptions::put,
        ),
        on(
            "DELETE /api/{owner}/{repo}/issues/{number:digits}/subscription",
            issues::subscriptions::remove,
        ),
        on("GET /api/{owner}/{repo}/star", stars::get),
        on("POST /api/{owner}/{repo}/star", stars::put),
        on("DELETE /api/{owner}/{repo}/star", stars::remove),
        on("GET /api/{owner}/{repo}/stargazers", stars::list),
        on("GET /api/users/{username}/starred", stars::of_account),
        on("GET /api/{owner}/{repo}/watch", watches::get),
        on("POST /api/{owner}/{repo}/watch", watches::put),
        on("DELETE /api/{owner}/{repo}/watch", watches::remove),
        on("GET /api/{owner}/{repo}/watchers", watches::list),
        on("GET /api/{owner}/{repo}/topics", topics::get),
        on("PUT /api/{owner}/{repo}/topics", topics::put),
        on("GET /api/repos/topics/popular", topics::popular),
        on("GET /api/repos/topics/{topic}", topics::repositories_about),
        on("GET /api/{owner}/{repo}/refs/{ref:slash}", browse::resolve),
        on("GET /api/{owner}/{repo}/tree/{oid}", browse::root),
        on("GET /api/{owner}/{repo}/tree/{oid}/{path:rest}", browse::tree),
        on("GET /api/{owner}/{repo}/blob/{oid}/{path:rest}", browse::blob),
        on("GET /api/{owner}/{repo}/commits", browse::commits),
        on("GET /api/{owner}/{repo}/commits/{oid}", history::commit),
        on(
            "GET /api/{owner}/{repo}/history/{oid}/{path:rest}",
            history::history,
        ),
        on("GET /api/{owner}/{repo}/blame/{oid}/{path:rest}", history::blame),
        on("GET /api/{owner}/{repo}/languages/{oid}", history::languages),
        on("GET /api/{owner}/{repo}/issues", issues::list::list),
        on("PATCH /api/{owner}/{repo}/issues", issues::list::change_many),
        on("GET /api/{owner}/{repo}/issues/counts", issues::list::counts),
        on("POST /api/{owner}/{repo}/issues", issues::list::create),
        on("GET /api/{owner}/{repo}/issues/{number:digits}", issues::one::get),
        on(
            "GET /api/{owner}/{repo}/issues/{number:digits}/history",
            issues::one::history,
        ),
        on(
            "PATCH /api/{owner}/{repo}/issues/{number:digits}",
            issues::one::update,
        ),
        on(
            "DELETE /api/{owner}/{repo}/issues/{number:digits}",
            issues::one::delete,
        ),
        on(
            "POST /api/{owner}/{repo}/issues/{number:digits}/close",
            issues::one::close,
        ),
        on(
            "POST /api/{owner}/{repo}/issues/{number:digits}/reopen",
            issues::one::reopen,
        ),
        on(
            "GET /api/{owner}/{repo}/issues/{number:digits}/comments",
            issues::comments::list,
        ),
        on(
            "POST /api/{owner}/{repo}/issues/{number:digits}/comments",
            issues::comments::add,
        ),
        on(
            "PATCH /api/{owner}/{repo}/issues/{number:digits}/comments/{commentId:digits}",
            issues::comments::edit,
        ),
        on(
            "DELETE /api/{owner}/{repo}/issues/{number:digits}/comments/{commentId:digits}",
            issues::comments::delete,
        ),
        on(
            "GET /api/{owner}/{repo}/issues/{number:digits}/comments/{commentId:digits}/reactions",
            issues::reactions::of_comment,
        ),
        on(
            "POST /api/{owner}/{repo}/issues/{number:digits}/comments/{commentId:digits}/reactions",
            issues::reactions::add_to_comment,
        ),
        on(
            "DELETE /api/{owner}/{repo}/issues/{number:digits}/comments/{commentId:digits}/reactions/{emoji}",
            issues::reactions::remove_from_comment,
        ),
        on(
            "GET /api/{owner}/{repo}/issues/{number:digits}/reactions",
            issues::reactions::of_issue,
        ),
        on(
            "POST /api/{owner}/{repo}/issues/{number:digits}/reactions",
            issues::reactions::add_to_issue,
        ),
        on(
            "DELETE /api/{owner}/{repo}/issues/{number:digits}/reactions/{emoji}",
            issues::reactions::remove_from_issue,
        ),
        on("GET /api/{owner}/{repo}/labels", issues::labels::list),
        on("POST /api/{owner}/{repo}/labels", issues::labels::create),
        on(
            "PATCH /api/{owner}/{repo}/labels/{name:slash}",
            issues::labels::update,
        ),
        on(
            "DELETE /api/{owner}/{repo}/labels/{name:slash}",
            issues::labels::delete,
        ),
        on(
            "POST /api/{owner}/{repo}/issues/{number:digits}/labels",
            issues::labels::put_on,
        ),
        on(
            "DELETE /api/{owner}/{repo}/issues/{number:digits}/labels/{labelId:digits}",
            issues::labels::take_off,
        ),
        on(
            "POST /api/{owner}/{repo}/issues/{number:digits}/pin",
            issues::marks::pin,
        ),
        on(
            "POST /api/{owner}/{repo}/issues/{number:digits}/unpin",
            issues::marks::unpin,
        ),
        on(
            "PUT /api/{owner}/{repo}/issues/{number:digits}/lock",
            issues::marks::lock,
        ),
        on(
            "DELETE /api/{owner}/{repo}/issues/{number:digits}/lock",
            issues::marks::unlock,
        ),
        on(
            "POST /api/{owner}/{repo}/issues/{number:digits}/assignees",
            issues::marks::assign,
        ),
        on(
            "DELETE /api/{owner}/{repo}/issues/{number:digits}/assignees/{userId:digits}",
            issues::marks::unassign,
        ),
        on(
            "GET /api/{owner}/{repo}/issues/{number:digits}/dependencies",
            issues::relations::list,
        ),
        on(
            "POST /api/{owner}/{repo}/issues/{number:digits}/dependencies",
            issues::relations::add,
        ),
        on(
            "DELETE /api/{owner}/{repo}/issues/{number:digits}/dependencies/{blockedNumber:digits}",
            issues::relations::remove,
        ),
        on(
            "GET /api/{owner}/{repo}/issues/{number:digits}/due-date",
            issues::marks::due,
        ),
        on(
            "PUT /api/{owner}/{repo}/issues/{number:digits}/due-date",
            issues::marks::put_due,
        ),
        on(
            "DELETE /api/{owner}/{repo}/issues/{number:digits}/due-date",
            issues::marks::clear_due,
        ),
        on("GET /api/{owner}/{repo}/milestones", issues::milestones::list),
        on("POST /api/{owner}/{repo}/milestones", issues::milestones::create),
        on(
            "GET /api/{owner}/{repo}/milestones/{id:digits}",
            issues::milestones::get,
        ),
        on(
            "PATCH /api/{owner}/{repo}/milestones/{id:digits}",
            issues::milestones::update,
        ),
        on(
            "DELETE /api/{owner}/{repo}/milestones/{id:digits}",
            issues::milestones::delete,
        ),
        on(
            "PUT /api/{owner}/{repo}/issues/{number:digits}/milestone",
            issues::milestones::put_into,
        ),
        on(
            "DELETE /api/{owner}/{repo}/issues/{number:digits}/milestone",
            issues::milestones::take_out,
        ),
        on("GET /repos", sync::list),
        on("POST /sync", sync::adopt),
        on("GET /{owner}/{repo}/info/refs", git::info_refs),
        on("GET /{owner}/{repo}/bundles/{generation:digits}", git::bundle),
        on("POST /{owner}/{repo}/git-upload-pack", git::upload_pack),
        on("POST /{owner}/{repo}/git-receive-pack", git::receive_pack),
        on("POST /do/{scope:rest}", internal::invalidate),
        on("POST /internal/introspect", internal::introspect),
        on("POST /internal/ssh/identify", internal::identify),
        on("POST /internal/ssh/exec", internal::exec),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use plue_gateway::routes::{self, Class, Dialect, State};
    use std::collections::BTreeSet;

    fn built() -> BTreeSet<&'static str> {
        routes::all()
            .filter(|route| route.state == State::Built)
            .map(|route| route.name)
            .collect()
    }

    #[test]
    fn every_built_route_has_its_handler() {
        let handled: BTreeSet<_> = handlers().into_keys().collect();
        assert_eq!(handled, built());
    }

    #[test]
    fn the_description_is_of_every_built_route_for_programs() {
        let plain = |path: &str| {
            let segments: Vec<_> = path
                .split('/')
                .map(|segment| match segment.split_once(':') {
                    Some((name, _)) => format!("{name}}}"),
                    None => segment.to_owned(),
                })
                .collect();
            segments.join("/")
        };
        // The same address in other words: it is described once.
        let twins = [
            "GET /api/health",
            "GET /api/ready",
            "GET /api/openapi.json",
            "GET /api/auth/nonce",
            // The edge's own; here it only says so.
            "POST /do/{scope:rest}",
        ];
        let promised: BTreeSet<String> = routes::all()
            .filter(|route| built().contains(route.name) && !twins.contains(&route.name))
            .filter(|route| !matches!(route.dialect, Dialect::Page | Dialect::Git))
            .filter(|route| route.class != Class::Internal)
            .map(|route| format!("{} {}", route.method.as_str(), plain(route.path)))
            .collect();
        let description = serde_json::to_value(openapi::description()).unwrap();
        assert_eq!(description["openapi"], "3.1.0");
        let paths = description["paths"].as_object().unwrap();
        let described: BTreeSet<String> = paths
            .iter()
            .flat_map(|(path, methods)| {
                let methods = methods.as_object().unwrap().keys();
                methods.map(move |method| format!("{} {path}", method.to_uppercase()))
            })
            .collect();
        assert_eq!(described, promised);
    }
}
