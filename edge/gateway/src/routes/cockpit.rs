//! What the Cockpit seed promises.

use super::{Class, Csrf, Dialect, Route, routes};

const COCKPIT: Route = Route::of(Class::Cockpit, Dialect::Text);
const SOCKET: Route = Route::of(Class::Socket, Dialect::Text);

routes! {
    /// Sessions, tasks and terminals of a phone that steers a machine.
    ALL:
    COCKPIT.known() {
        Post "/api/session" .anyone().csrf(Csrf::OriginJson);
        Get "/api/session/{id}";
        Post "/api/tasks";
        Get "/api/tasks/{id}";
        Get "/api/tasks/{id}/patches";
        Post "/api/tasks/{id}/apply";
        Post "/api/cmd";
        Get "/api/git/diff";
    }
    SOCKET {
        Get "/ws/pty";
        Get "/ws/events";
        Get "/ws/{id}";
    }
}
