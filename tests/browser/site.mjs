// A real `plue serve` with the real worker before it, for one test file: the addresses, an account
// for each person of the story, and git as they use it. Everything is of the system's own ports
// and in a folder of its own, and gone afterwards.

import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { createServer } from "node:net";
import { homedir, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "plue");
export const target = process.env.CARGO_TARGET_DIR || join(cache, "target");
const plue = join(process.env.PLUE_BIN_DIR || join(target, "debug"), "plue");
const worker = join(root, "edge/cloudflare/build/index.js");
const STARTING_MS = 60_000;

/** Why the site cannot be started here; false where it can. */
export function cannotStart() {
  if (!existsSync(plue)) return `${plue} is not built: cargo build -p plue`;
  if (!existsSync(worker)) return "the worker is not built: infra/edge/build.sh";
  return false;
}

/** Starts a program that says in one line of JSON when it is ready. */
async function start(command, args, options) {
  const child = spawn(command, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text) => (errors = (errors + text).slice(-20_000)));
  const ready = await new Promise((ok, fail) => {
    const late = setTimeout(() => fail(new Error(`${command} was not ready in time:\n${errors}`)), STARTING_MS);
    let said = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      said += text;
      const end = said.indexOf("\n");
      if (end < 0) return;
      clearTimeout(late);
      ok(JSON.parse(said.slice(0, end)));
    });
    child.once("error", fail);
    child.once("exit", (code) => fail(new Error(`${command} ended with ${code}:\n${errors}`)));
  });
  const stop = () =>
    new Promise((ok) => {
      if (child.exitCode !== null || child.signalCode !== null) return ok();
      child.once("exit", () => ok());
      child.kill("SIGTERM");
    });
  return { ready, stop, errors: () => errors };
}

/** A port that nobody listens on just now. */
async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  await new Promise((ok) => server.close(ok));
  return port;
}

/** Limits that no test meets by accident. */
const wide = ["login", "register", "password_reset", "email", "wit_auth", "auth", "api", "standard", "relaxed", "search", "git", "v1", "webhook"];

/**
 * Starts the forge and the edge. `variables` are the coordinator's.
 *
 * `url` is where people go, `origin` the coordinator by itself. `account(name)` makes an account
 * and its password; `link(name)` a one-time sign-in link; `token(name)` an access token. `git(cwd,
 * …args)` runs git as a stranger to this machine's own settings. `commit(name, files)` makes a
 * work tree with one commit, `push(tree, path, token)` pushes it through the edge.
 * `repository(path, { private })` makes one that is empty, public unless it is to be private.
 * `letter(email, to)` waits for a letter to that address with a link to `to`, and answers the link
 * as it is at the edge.
 */
export async function startSite({ variables = {} } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "plue-browser-"));
  const data = join(folder, "data");
  mkdirSync(data, { mode: 0o700 });
  const environment = { PATH: process.env.PATH, HOME: folder, TMPDIR: folder };
  // Each has to be told of the other, so that the edge's port is chosen here.
  const listen = `127.0.0.1:${await freePort()}`;
  const presets = wide.map((name) => `${name}=1000000/1s`).join(",");
  const coordinator = await start(plue, ["serve", "--json", "--http", "127.0.0.1:0", "--ssh", "127.0.0.1:0", "--data-dir", data], {
    cwd: folder,
    env: { ...environment, PLUE_LIMITS: presets, EDGE_URL: `http://${listen}`, ...variables },
  });
  let edge;
  try {
    edge = await start(
      process.execPath,
      [
        join(root, "infra/edge/serve.mjs"), "--listen", listen, "--origin", coordinator.ready.http,
        "--state", join(folder, "edge"), "--secrets-dir", join(data, "secrets"), "--var", `RATE_LIMITS=${presets}`,
      ],
      { cwd: root, env: { PATH: process.env.PATH } },
    );
  } catch (error) {
    await coordinator.stop();
    throw error;
  }
  const url = edge.ready.edge;
  const admin = (...args) =>
    execFileSync(plue, ["admin", "--json", "--data-dir", data, ...args], { cwd: folder, env: environment, encoding: "utf8" });
  const git = (cwd, ...args) =>
    execFileSync("git", ["-c", "init.defaultBranch=main", ...args], {
      cwd,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...environment,
        GIT_CONFIG_NOSYSTEM: "1",
        GIT_TERMINAL_PROMPT: "0",
        GIT_AUTHOR_NAME: "Ada Lovelace",
        GIT_AUTHOR_EMAIL: "ada@plue.test",
        GIT_COMMITTER_NAME: "Ada Lovelace",
        GIT_COMMITTER_EMAIL: "ada@plue.test",
      },
    });
  const password = (name) => `${name} has a long password`;
  return {
    url,
    origin: coordinator.ready.http,
    ssh: coordinator.ready.ssh,
    folder,
    admin,
    git,
    password,
    account(name) {
      execFileSync(plue, ["admin", "--json", "--data-dir", data, "user", "create", name, "--password-stdin"], {
        cwd: folder,
        env: environment,
        input: `${password(name)}\n`,
      });
    },
    link(name) {
      const { sign_in } = JSON.parse(admin("user", "link", name));
      return url + new URL(sign_in).pathname + new URL(sign_in).search;
    },
    repository(path, { private: hidden = false, description = "" } = {}) {
      admin("repo", "create", path, "--description", description, ...(hidden ? ["--private"] : []));
    },
    async letter(email, to = "/-/verify") {
      const folder = join(data, "mail");
      for (let tries = 0; tries < 300; tries += 1) {
        const files = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith(".eml")).sort() : [];
        for (const file of files.reverse()) {
          const text = readFileSync(join(folder, file), "utf8").replaceAll("=\r\n", "").replaceAll("=3D", "=");
          const link = text.match(/https?:\/\/[^\s]+/)?.[0];
          if (text.includes(`To: ${email}\r\n`) && link?.includes(to)) {
            return url + new URL(link).pathname + new URL(link).search;
          }
        }
        await new Promise((ok) => setTimeout(ok, 100));
      }
      throw new Error(`no letter to ${email} arrived`);
    },
    token(name, scopes = "repo,user") {
      return JSON.parse(admin("token", "create", "--user", name, "--scopes", scopes)).token;
    },
    commit(name, files) {
      const tree = join(folder, name);
      mkdirSync(tree, { recursive: true });
      for (const [path, content] of Object.entries(files)) {
        mkdirSync(dirname(join(tree, path)), { recursive: true });
        writeFileSync(join(tree, path), content);
      }
      git(tree, "init", "-q");
      git(tree, "add", "-A");
      git(tree, "commit", "-q", "-m", "The first commit");
      return tree;
    },
    push(tree, path, token, ref = "main") {
      const { host } = new URL(url);
      git(tree, "push", "-q", `http://${path.split("/")[0]}:${token}@${host}/${path}.git`, ref);
    },
    async stop() {
      await edge.stop();
      await coordinator.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
