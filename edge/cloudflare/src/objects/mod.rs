//! The Durable Objects: which there are, what each is called, and how the worker calls them.
//! Storage is theirs; what is computed with it is the gateway's.

pub mod limiter;
pub mod repository;
pub mod session;

use crate::config::ConfigError;
use crate::glue;
use plue_contract::SessionId;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;
use wasm_bindgen::JsValue;
use worker::durable::ObjectNamespace;
use worker::wasm_bindgen_futures::JsFuture;
use worker::worker_sys::web_sys;
use worker::{Env, Request, Response, Stub};

/// Among how many limiters the keys are spread. One serves about a thousand requests a second.
/// Changing the number forgets what was taken.
pub const LIMITER_SHARDS: u32 = 64;

/// The binding of the limiters.
const LIMITS: &str = "LIMITS";
/// The binding of the sessions.
const SESSIONS: &str = "SESSIONS";
/// The binding of the repositories.
const REPOSITORIES: &str = "REPOSITORIES";

/// The name of one limiter.
fn limiter_name(shard: u32) -> String {
    format!("limiter-{shard}-of-{LIMITER_SHARDS}")
}

/// The name of one session's object. A session's id is no secret.
fn session_name(id: &SessionId) -> String {
    format!("session-{id}")
}

/// What the names of repositories' objects begin with.
const REPOSITORY: &str = "repository-";

/// The name of the object that knows the repository of a name, which is written as
/// `RepoPath::key` writes it: whoever asks for a repository knows its name and nothing else, and
/// one call has to be enough.
pub fn repository_name(name: &str) -> String {
    format!("{REPOSITORY}{name}")
}

/// The other way round.
fn repository_of(object: &str) -> Option<&str> {
    object.strip_prefix(REPOSITORY)
}

/// Why a Durable Object did not answer.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// The runtime could not call it.
    #[error("a Durable Object cannot be called: {0}")]
    Runtime(#[from] worker::Error),
    /// It answered with an error.
    #[error("a Durable Object answered {0}")]
    Status(u16),
    /// What it said cannot be read.
    #[error("a Durable Object's words cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// It did not say how its repository stands.
    #[error("a repository's object does not say how it stands")]
    Standing,
}

/// Every kind of Durable Object, bound.
pub struct Objects {
    limits: ObjectNamespace,
    sessions: ObjectNamespace,
    repositories: ObjectNamespace,
}

impl Objects {
    /// Finds the bindings.
    pub fn bind(env: &Env) -> Result<Self, ConfigError> {
        let bind = |name| env.durable_object(name).map_err(|_| ConfigError::Unbound(name));
        Ok(Self {
            limits: bind(LIMITS)?,
            sessions: bind(SESSIONS)?,
            repositories: bind(REPOSITORIES)?,
        })
    }

    /// The limiter of one shard.
    pub fn limiter(&self, shard: u32) -> Result<Object<Take, Taken>, ObjectError> {
        Object::named(&self.limits, &limiter_name(shard))
    }

    /// The object of one session.
    pub fn session(&self, id: &SessionId) -> Result<Object<Find, Found>, ObjectError> {
        Object::named(&self.sessions, &session_name(id))
    }

    /// The object of the repository of a name, written as `RepoPath::key` writes it.
    pub fn repository(&self, name: &str) -> Result<Object<Tell, Told>, ObjectError> {
        Object::named(&self.repositories, &repository_name(name))
    }

    /// How the repository of a name stands, as its object says: each cached read asks this, so
    /// that it has to cost as little as one call can.
    pub async fn look(&self, name: &str) -> Result<Standing, ObjectError> {
        let namespace: &JsValue = self.repositories.as_ref();
        let asked = glue::look(namespace, &repository_name(name)).map_err(worker::Error::from)?;
        let said = JsFuture::from(asked).await.map_err(worker::Error::from)?;
        let standing = said.as_string().and_then(|said| said.parse().ok());
        standing.ok_or(ObjectError::Standing)
    }
}

use limiter::{Take, Taken};
use repository::{Standing, Tell, Told};
use session::{Find, Found};

/// One object that takes messages of `M` and answers with `A`.
pub struct Object<M, A> {
    stub: Stub,
    speaks: PhantomData<fn(M) -> A>,
}

impl<M: Serialize, A: DeserializeOwned> Object<M, A> {
    fn named(namespace: &ObjectNamespace, name: &str) -> Result<Self, ObjectError> {
        Ok(Self {
            stub: namespace.get_by_name(name)?,
            speaks: PhantomData,
        })
    }

    /// Sends a message and waits for its answer.
    pub async fn call(&self, message: &M) -> Result<A, ObjectError> {
        let init = web_sys::RequestInit::new();
        init.set_method("POST");
        init.set_body(&JsValue::from_str(&serde_json::to_string(message)?));
        let request =
            web_sys::Request::new_with_str_and_init("https://object/", &init).map_err(worker::Error::from)?;
        let mut answer = self.stub.fetch_with_request(request.into()).await?;
        if answer.status_code() != 200 {
            return Err(ObjectError::Status(answer.status_code()));
        }
        Ok(serde_json::from_str(&answer.text().await?)?)
    }
}

/// Reads the message of a call.
async fn message<M: DeserializeOwned>(request: &mut Request) -> worker::Result<M> {
    Ok(serde_json::from_str(&request.text().await?)?)
}

/// Makes the answer of a call.
fn answer<A: Serialize>(answer: &A) -> worker::Result<Response> {
    Response::ok(serde_json::to_string(answer)?)
}
