// Runs the built worker in plain workerd, with Durable Objects on the local disk.
//
//   node infra/edge/serve.mjs [--listen 127.0.0.1:8787] [--origin http://127.0.0.1:4000]
//                             [--state .plue/edge] [--secrets-dir DIR] [--var NAME=VALUE]... [--verbose]
//                             [--build DIR] [--floods LIMIT/SECONDS]
//
// Secrets come from the environment, or, where it has none, from files of the coordinator's
// secrets folder (EDGE_SECRET from `edge-secret`, and so on); they are handed to workerd through
// its environment and never written. When the edge listens, one line of JSON with its address
// goes to standard output; everything else goes to standard error.

import { spawn, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { generate, readWrangler, SECRETS } from "./workerd.mjs";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

function fail(message) {
  process.stderr.write(`edge: ${message}\n`);
  process.exit(2);
}

const { values: options } = parseArgs({
  options: {
    listen: { type: "string", default: "127.0.0.1:8787" },
    origin: { type: "string", default: "http://127.0.0.1:4000" },
    state: { type: "string", default: join(root, ".plue/edge") },
    "secrets-dir": { type: "string" },
    build: { type: "string" },
    var: { type: "string", multiple: true, default: [] },
    floods: { type: "string" },
    verbose: { type: "boolean", default: false },
  },
});

const wrangler = readWrangler(join(root, "wrangler.toml"));
const build = options.build ? resolve(options.build) : join(root, dirname(wrangler.main));
const state = resolve(options.state);
const workerd = join(root, "node_modules/.bin/workerd");

if (!existsSync(join(build, "index.js"))) fail("the worker is not built; run infra/edge/build.sh");
if (!existsSync(workerd)) fail("workerd is not installed; run npm ci");

const environment = { PATH: process.env.PATH };
for (const name of SECRETS) {
  const file = join(options["secrets-dir"] ?? "", name.toLowerCase().replaceAll("_", "-"));
  const kept = () => (options["secrets-dir"] && existsSync(file) ? readFileSync(file, "utf8").replace(/\r?\n$/, "") : "");
  environment[name] = process.env[name] || kept();
}
for (const name of ["EDGE_SECRET", "JWT_SECRET"]) {
  if (!environment[name]) fail(`${name} is not set: the edge shares it with the coordinator (or give --secrets-dir)`);
}

const vars = { CLIENT_ADDRESS: "socket", BEHIND_TLS: "false", ORIGIN_URL: options.origin };
for (const pair of options.var) {
  const at = pair.indexOf("=");
  if (at < 1) fail(`--var ${pair}: expected NAME=VALUE`);
  vars[pair.slice(0, at)] = pair.slice(at + 1);
}

// Beside what wrangler.toml has, as it has none unless floods are to be expected.
if (options.floods) {
  const [, limit, period] = /^(\d+)\/(\d+)$/.exec(options.floods) ?? fail(`--floods ${options.floods}: expected LIMIT/SECONDS`);
  wrangler.floods = [{ name: "FLOODS", limit, period }];
}

// The configuration embeds its files by name, so they lie beside it; a rebuild does not disturb
// an edge that runs.
mkdirSync(join(state, "objects"), { recursive: true, mode: 0o700 });
for (const file of ["index.js", "index_bg.wasm"]) copyFileSync(join(build, file), join(state, file));
for (const file of ["cache.js", "floods.js"]) copyFileSync(join(root, "infra/edge", file), join(state, file));
const config = join(state, "config.capnp");
try {
  writeFileSync(config, generate(wrangler, { vars, listen: options.listen, objects: join(state, "objects") }));
} catch (error) {
  fail(error.message);
}

// Where the system can, workerd is ended with this process, however that ends.
const tied = process.platform === "linux" && spawnSync("setpriv", ["--version"]).status === 0;
const command = [workerd, "serve", config, "--control-fd=3", ...(options.verbose ? ["--verbose"] : [])];
if (tied) command.unshift("setpriv", "--pdeathsig", "KILL");
const child = spawn(command[0], command.slice(1), {
  env: environment,
  stdio: ["ignore", 2, 2, "pipe"],
});

let said = "";
child.stdio[3].setEncoding("utf8").on("data", (text) => {
  said += text;
  for (let end = said.indexOf("\n"); end >= 0; end = said.indexOf("\n")) {
    const event = JSON.parse(said.slice(0, end));
    said = said.slice(end + 1);
    if (event.event === "listen" && event.socket === "http") {
      const host = options.listen.slice(0, options.listen.lastIndexOf(":"));
      process.stdout.write(`${JSON.stringify({ edge: `http://${host}:${event.port}`, pid: child.pid })}\n`);
    }
  }
});

// workerd finishes what it began on the first signal; after ten seconds it is ended.
let stopping = false;
function stop() {
  if (stopping) return;
  stopping = true;
  child.kill("SIGTERM");
  setTimeout(() => child.kill("SIGKILL"), 10_000).unref();
}
process.on("SIGINT", stop);
process.on("SIGTERM", stop);
process.on("SIGHUP", stop);
child.on("error", (error) => fail(`workerd could not be started: ${error.message}`));
child.on("exit", (code, signal) => process.exit(stopping ? 0 : (code ?? (signal ? 1 : 0))));
