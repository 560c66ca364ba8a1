//! The description of the interface for programs, made from the handlers themselves.

use super::cached;
use super::failure::Failure;
use super::{
    accounts, audit, auth, better_auth, browse, collaborators, events, health, history, hooks, issues, live,
    notifications, oauth, organisations, repositories, second_factor, siwe, social, ssh_keys, stars, sync,
    teams, tokens, topics, watches,
};
use axum::response::Response;
use http::HeaderMap;
use utoipa::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};

#[derive(OpenApi)]
#[openapi(
    info(title = "Plue", description = "A git forge whose public face runs at the edge.", license(name = "MIT")),
    modifiers(&Credentials),
    paths(
        health::health, health::healthz, health::ready, health::figures,
        auth::me, auth::login, auth::logout, auth::csrf_token, auth::token, auth::refresh,
        auth::list_sessions, auth::end_sessions, auth::end_session,
        better_auth::sign_up, better_auth::by_email, better_auth::by_username, better_auth::sign_out,
        better_auth::is_username_available, better_auth::get_session, better_auth::request_reset,
        better_auth::follow_reset, better_auth::reset, better_auth::send_verification, better_auth::verify,
        second_factor::enable, second_factor::disable, second_factor::renew_codes, second_factor::verify_totp,
        second_factor::verify_code,
        oauth::token, oauth::revoke, oauth::scopes, oauth::jwks, oauth::apps,
        oauth::authorizations, oauth::withdraw,
        social::sign_in, social::link, social::callback, social::list, social::unlink,
        siwe::nonce, siwe::verify, siwe::register, siwe::verify_short, siwe::list, siwe::link, siwe::unlink,
        accounts::list, accounts::search, accounts::get, accounts::repositories_of, accounts::update_me,
        ssh_keys::list, ssh_keys::add, ssh_keys::delete,
        tokens::list, tokens::create, tokens::delete,
        repositories::list, repositories::search, repositories::create, repositories::get, repositories::update,
        repositories::delete, repositories::transfer, repositories::deleted, repositories::restore,
        collaborators::list, collaborators::put, collaborators::remove,
        collaborators::list_keys, collaborators::add_key, collaborators::remove_key,
        organisations::list, organisations::create, organisations::get, organisations::update,
        organisations::delete, organisations::within, organisations::repositories_of, organisations::move_into,
        organisations::list_members, organisations::put_member, organisations::remove_member,
        organisations::list_outsiders, organisations::mine,
        teams::list, teams::create, teams::get, teams::update, teams::delete, teams::put_member,
        teams::remove_member, teams::put_repository, teams::remove_repository,
        audit::of_site, audit::of_self, audit::of_organisation, audit::of_repository,
        browse::resolve, browse::root, browse::tree, browse::blob, browse::commits,
        history::commit, history::history, history::blame, history::languages,
        issues::list::list, issues::list::change_many, issues::list::counts, issues::list::create, issues::one::get,
        issues::one::history, issues::one::update, issues::one::delete, issues::one::close, issues::one::reopen,
        issues::comments::list, issues::comments::add, issues::comments::edit, issues::comments::delete,
        issues::reactions::of_comment, issues::reactions::add_to_comment, issues::reactions::remove_from_comment,
        issues::reactions::of_issue, issues::reactions::add_to_issue, issues::reactions::remove_from_issue,
        issues::labels::list, issues::labels::create, issues::labels::update, issues::labels::delete,
        issues::labels::put_on, issues::labels::take_off, issues::marks::pin, issues::marks::unpin,
        issues::marks::lock, issues::marks::unlock, issues::marks::assign, issues::marks::unassign,
        issues::relations::list, issues::relations::add, issues::relations::remove, issues::marks::due,
        issues::marks::put_due, issues::marks::clear_due, issues::milestones::list, issues::milestones::create,
        issues::milestones::get, issues::milestones::update, issues::milestones::delete,
        issues::milestones::put_into, issues::milestones::take_out,
        live::get, events::schema, events::asyncapi,
        hooks::list, hooks::create, hooks::get, hooks::update, hooks::delete, hooks::test, hooks::deliveries,
        hooks::delivery, hooks::redeliver,
        stars::get, stars::put, stars::remove, stars::list, stars::of_account,
        watches::get, watches::put, watches::remove, watches::list,
        topics::get, topics::put, topics::popular, topics::repositories_about,
        notifications::list, notifications::update, notifications::see, notifications::settings,
        notifications::put_settings, issues::subscriptions::get, issues::subscriptions::put,
        issues::subscriptions::remove,
        issues::wit::sub_issues, issues::wit::order, issues::wit::put_parent, issues::wit::remove_parent,
        issues::wit::list_relations, issues::wit::relate, issues::wit::unrelate, issues::wit::duplicate,
        issues::wit::activity, issues::wit::activity_of_all, issues::wit::comment,
        sync::list, sync::adopt,
    )
)]
struct Description;

struct Credentials;

impl utoipa::Modify for Credentials {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        let cookie = ApiKey::Cookie(ApiKeyValue::new(plue_contract::credentials::SESSION_COOKIE));
        components.add_security_scheme("session", SecurityScheme::ApiKey(cookie));
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        components.add_security_scheme("token", SecurityScheme::Http(bearer));
    }
}

/// The whole description.
pub fn description() -> utoipa::openapi::OpenApi {
    Description::openapi()
}

/// Answers the description.
pub async fn get(headers: HeaderMap) -> Result<Response, Failure> {
    cached::json(&headers, &description())
}
