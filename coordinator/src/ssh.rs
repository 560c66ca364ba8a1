//! What stands behind the SSH door: whose key it is, and what a command does. The door of this
//! process and those on other hosts both end here.

use crate::http::site::Site;
use plue_contract::bridge::Identity;
use plue_contract::{Caller, Who};
use plue_forge::transport::{self, GitRequest, Service};
use plue_forge::{Error, accounts};
use plue_ssh_bridge::{Backend, BackendError, Connection, Exec, Input, Output};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

/// What somebody without a key reads who wants more than that.
const KEYLESS: &[u8] =
    b"plue: Without a key you can clone and fetch public repositories, and nothing else.\n";

/// Whether the owner of this key may sign in.
pub async fn identify(site: &Site, fingerprint: &str) -> Result<Identity, Error> {
    let known = accounts::by_ssh_fingerprint(&site.forge, fingerprint, site.now_ms()).await?;
    Ok(Identity {
        known: known.is_some(),
    })
}

async fn caller(site: &Site, connection: &Connection, exec: &Exec) -> Result<Option<Caller>, Error> {
    let who = match &exec.fingerprint {
        None => Some(Who::Anonymous),
        Some(fingerprint) => accounts::by_ssh_fingerprint(&site.forge, fingerprint, site.now_ms()).await?,
    };
    Ok(who.map(|who| Caller {
        who,
        address: Some(connection.address),
        request_id: format!("ssh-{}", connection.id),
    }))
}

/// Runs one command and answers its exit status.
pub async fn exec(
    site: &Site,
    connection: &Connection,
    exec: Exec,
    input: impl AsyncRead + Send + Unpin + 'static,
    mut output: impl AsyncWrite + Send + Unpin + 'static,
    mut errors: impl AsyncWrite + Send + Unpin + 'static,
) -> Result<u32, Error> {
    let Some(caller) = caller(site, connection, &exec).await? else {
        // The key was removed, or its account disabled, since the client signed in.
        let _ = errors.write_all(b"This key is not known here any more.\n").await;
        return Ok(255);
    };
    let span = tracing::info_span!("ssh", request_id = %caller.request_id);
    let running = async {
        let Some(line) = exec.command else {
            let _ = output
                .write_all(greeting(&site.name, &caller.who).as_bytes())
                .await;
            return 0;
        };
        let request = match GitRequest::from_command(&line, exec.git_protocol.as_deref()) {
            Ok(request) => request,
            Err(error) => {
                let _ = errors.write_all(format!("plue: {error}\n").as_bytes()).await;
                return 128;
            }
        };
        if matches!(caller.who, Who::Anonymous) && request.service != Service::UploadPack {
            // The same for every name, so that nobody learns what there is.
            let _ = errors.write_all(KEYLESS).await;
            return 128;
        }
        transport::serve(&site.forge, caller, request, input, output, errors, site.now_ms()).await
    };
    Ok(tracing::Instrument::instrument(running, span).await)
}

/// What somebody reads who opens a shell.
fn greeting(site: &str, who: &Who) -> String {
    let name = match who {
        Who::Account { name, .. } => name.to_string(),
        Who::DeployKey { .. } => String::from("deploy key"),
        Who::Anonymous | Who::System => String::from("guest"),
    };
    format!("Hi {name}! You are signed in to {site}, which has git and no shell.\r\n")
}

/// The forge in this process, as the SSH door sees it.
pub struct InProcess(pub Site);

fn internal(error: Error) -> BackendError {
    BackendError::Internal(Box::new(error))
}

impl Backend for InProcess {
    async fn identify(&self, _: &Connection, fingerprint: &str) -> Result<Identity, BackendError> {
        identify(&self.0, fingerprint).await.map_err(internal)
    }

    async fn exec(
        &self,
        connection: &Connection,
        command: Exec,
        input: Input,
        output: Output,
        errors: Output,
    ) -> Result<u32, BackendError> {
        exec(&self.0, connection, command, input, output, errors)
            .await
            .map_err(internal)
    }
}
