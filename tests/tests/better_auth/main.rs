//! Better-Auth's client from npm is the judge of the routes that are meant for it: it makes an
//! account, signs in and out, and follows the letters that a real SMTP server was given.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails where it stands")]

use plue_tests::serve::Settings;
use plue_tests::smtp::Mailbox;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// The client, in a process of its own.
struct Client {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Client {
    /// Starts it; none where node or the client is not installed.
    fn start(url: &str) -> Option<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let node = Command::new("node").arg("--version").output();
        if !root.join("node_modules/better-auth").is_dir() || node.is_err() {
            println!("skipped: better-auth is not installed; `npm ci` in the root folder installs it");
            return None;
        }
        let mut child = Command::new("node")
            .args(["tests/tests/better_auth/client.mjs", url])
            .current_dir(root)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Some(Self {
            input: child.stdin.take().unwrap(),
            output: BufReader::new(child.stdout.take().unwrap()),
            child,
        })
    }

    /// One call of the client: what it answers as data, and as an error.
    fn call(&mut self, call: &str, args: Value) -> (Value, Value) {
        writeln!(self.input, "{}", json!({ "call": call, "args": args })).unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        let mut answer: Value = serde_json::from_str(&line).unwrap();
        (answer["data"].take(), answer["error"].take())
    }

    fn good(&mut self, call: &str, args: Value) -> Value {
        let (data, error) = self.call(call, args);
        assert!(error.is_null(), "{call}: {error}");
        data
    }

    /// The status and the code of a call that is refused.
    fn refused(&mut self, call: &str, args: Value) -> (u64, String) {
        let (data, error) = self.call(call, args);
        assert!(data.is_null(), "{call}: {data}");
        assert!(
            error["message"].as_str().is_some_and(|text| !text.is_empty()),
            "{error}"
        );
        let code = error["code"].as_str().unwrap_or_default().to_owned();
        (error["status"].as_u64().unwrap(), code)
    }
}

fn expect(told: (u64, String), status: u64, code: &str) {
    assert_eq!((told.0, told.1.as_str()), (status, code));
}

#[tokio::test(flavor = "multi_thread")]
async fn better_auths_client_makes_an_account_and_follows_its_letters() {
    let mail = Mailbox::start().await.unwrap();
    let settings = Settings::new()
        .unwrap()
        .without_limits()
        .env("PLUE_SMTP_URL", mail.url())
        .env("PLUE_MAIL_FROM", "Plue <plue@plue.test>")
        .env("GITHUB_CLIENT_ID", "the-client")
        .env("GITHUB_CLIENT_SECRET", "the-secret");
    let plue = settings.start().unwrap();
    let Some(mut client) = Client::start(plue.http()) else {
        return;
    };
    assert!(client.good("getSession", json!({})).is_null());
    let free = client.good("isUsernameAvailable", json!({ "username": "ada" }));
    assert_eq!(free, json!({ "available": true }));

    let new = json!({
        "email": "ada@plue.test", "password": "correct horse", "name": "Ada Lovelace", "username": "Ada",
    });
    let made = client.good("signUp.email", new.clone());
    let user = &made["user"];
    assert_eq!(
        (&user["email"], &user["emailVerified"], &user["name"]),
        (&json!("ada@plue.test"), &json!(false), &json!("Ada Lovelace"))
    );
    assert_eq!(
        (&user["username"], &user["displayUsername"]),
        (&json!("ada"), &json!("Ada"))
    );
    assert!(
        made["token"]
            .as_str()
            .is_some_and(|token| token.split('.').count() == 3)
    );
    let session = client.good("getSession", json!({}));
    assert_eq!(session["user"]["id"], user["id"]);
    assert_eq!(session["session"]["userId"], user["id"]);
    assert_eq!(client.good("signOut", json!({})), json!({ "success": true }));
    assert!(client.good("getSession", json!({})).is_null());

    // Off to another site; what comes of it is the door's own test.
    let social = json!({ "provider": "github", "callbackURL": "/explore", "disableRedirect": true });
    let left = client.good("signIn.social", social);
    let address = left["url"].as_str().unwrap();
    assert!(
        address.starts_with("https://github.com/login/oauth/authorize?client_id=the-client&"),
        "{address}"
    );
    assert_eq!(left["redirect"], json!(false));
    expect(
        client.refused("linkSocial", json!({ "provider": "github" })),
        401,
        "UNAUTHENTICATED",
    );

    // What cannot be had.
    let taken = client.good("isUsernameAvailable", json!({ "username": "ADA" }));
    assert_eq!(taken, json!({ "available": false }));
    let with = |name: &str, value: Value| {
        let mut new = new.clone();
        new["username"] = json!("bob");
        new["email"] = json!("bob@plue.test");
        new[name] = value;
        new
    };
    for (new, status, code) in [
        (
            with("email", json!("ADA@plue.test")),
            422,
            "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL",
        ),
        (with("username", json!("ada")), 400, "USERNAME_IS_ALREADY_TAKEN"),
        (with("username", json!("api")), 400, "INVALID_USERNAME"),
        (with("username", Value::Null), 400, "INVALID_USERNAME"),
        (with("email", json!("bob")), 400, "INVALID_EMAIL"),
        (with("password", json!("short")), 400, "INVALID_PASSWORD"),
        (with("callbackURL", json!("https://evil.test/")), 403, "FORBIDDEN"),
        // CVE-2023-7028: several addresses where one is meant.
        (
            with("email", json!(["bob@plue.test", "eve@evil.test"])),
            400,
            "INVALID_REQUEST",
        ),
    ] {
        expect(client.refused("signUp.email", new), status, code);
    }

    // In again, by either.
    let by_email = json!({ "email": "ada@plue.test", "password": "correct horse" });
    assert_eq!(
        client.good("signIn.email", by_email.clone())["user"]["id"],
        user["id"]
    );
    let by_name = json!({ "username": "ada", "password": "correct horse" });
    assert_eq!(
        client.good("signIn.username", by_name.clone())["user"]["id"],
        user["id"]
    );
    client.good("signOut", json!({}));
    for email in ["ada@plue.test", "nobody@plue.test"] {
        let wrong = client.refused("signIn.email", json!({ "email": email, "password": "wrong" }));
        expect(wrong, 401, "INVALID_EMAIL_OR_PASSWORD");
    }
    let wrong = client.refused(
        "signIn.username",
        json!({ "username": "ada", "password": "wrong" }),
    );
    expect(wrong, 401, "INVALID_USERNAME_OR_PASSWORD");

    // The letter that proves the address.
    let letter = mail.next().await.unwrap();
    assert_eq!(letter.to, ["ada@plue.test"]);
    let link = letter.link().unwrap();
    assert!(
        link.starts_with(&format!("{}/-/verify?token=", plue.http())),
        "{link}"
    );
    let token = link.split('=').nth(1).unwrap();
    let proven = client.good("verifyEmail", json!({ "query": { "token": token } }));
    assert_eq!(proven["user"]["emailVerified"], json!(true));
    let again = client.refused("verifyEmail", json!({ "query": { "token": token } }));
    expect(again, 401, "INVALID_TOKEN");

    // A forgotten password: nobody learns which addresses are known, and no link leads elsewhere.
    let asked = client.good(
        "requestPasswordReset",
        json!({ "email": "ada@plue.test", "redirectTo": "/-/reset" }),
    );
    let unknown = client.good("requestPasswordReset", json!({ "email": "nobody@plue.test" }));
    assert_eq!(asked, unknown);
    // gitea#36660: a backslash is a slash to browsers.
    for to in [
        "https://evil.test/",
        "//evil.test",
        "/\\evil.test",
        "javascript:alert(1)",
    ] {
        let foreign = client.refused(
            "requestPasswordReset",
            json!({ "email": "ada@plue.test", "redirectTo": to }),
        );
        expect(foreign, 403, "FORBIDDEN");
    }
    let letter = mail.next().await.unwrap();
    assert_eq!(letter.to, ["ada@plue.test"]);
    let link = letter.link().unwrap();
    let follow = link.strip_prefix(plue.http()).unwrap();
    let led = plue.client().get(follow).unwrap();
    assert_eq!(led.status, 302, "{led:?}");
    let to = led.header("location").unwrap();
    let token = to.strip_prefix("/-/reset?token=").unwrap();
    let set = json!({ "newPassword": "battery staple", "token": token });
    let short = client.refused("resetPassword", json!({ "newPassword": "short", "token": token }));
    expect(short, 400, "INVALID_PASSWORD");
    assert_eq!(
        client.good("resetPassword", set.clone()),
        json!({ "status": true })
    );
    expect(client.refused("resetPassword", set), 400, "INVALID_TOKEN");
    expect(
        client.refused("signIn.email", by_email),
        401,
        "INVALID_EMAIL_OR_PASSWORD",
    );
    let by_new = json!({ "email": "ada@plue.test", "password": "battery staple" });
    client.good("signIn.email", by_new);
    let led = plue.client().get(follow).unwrap();
    assert_eq!(led.header("location"), Some("/-/reset?error=INVALID_TOKEN"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_is_closed_says_so() {
    let plue = Settings::new()
        .unwrap()
        .without_limits()
        .env("PLUE_SIGN_UP", "false")
        .start()
        .unwrap();
    let Some(mut client) = Client::start(plue.http()) else {
        return;
    };
    let new = json!({
        "email": "ada@plue.test", "password": "correct horse", "name": "Ada", "username": "ada",
    });
    expect(client.refused("signUp.email", new), 403, "FORBIDDEN");
    let social = client.refused("signIn.social", json!({ "provider": "github" }));
    expect(social, 404, "PROVIDER_NOT_FOUND");
}
