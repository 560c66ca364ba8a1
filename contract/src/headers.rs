//! Names of the headers that Plue's own programs exchange.

/// The signed statement of the edge: who calls, from where, for exactly this request.
pub const CALLER: &str = "plue-caller";
/// The signed statement of an SSH bridge.
pub const BRIDGE: &str = "plue-bridge";
/// The coordinator's signed notice to the edge.
pub const NOTICE: &str = "plue-notice";
/// In an answer to the edge: how the repository stood before it was made, which also says that
/// everybody may see it and a shared cache may keep it.
pub const MADE_FROM: &str = "plue-made-from";
/// Every header with this prefix is ours; from anybody else it is removed, in every spelling.
pub const PREFIX: &str = "plue-";
/// The request id, kept from edge to job.
pub const REQUEST_ID: &str = "x-request-id";
/// The token that proves a form or script came from our own page.
pub const CSRF: &str = "x-csrf-token";
