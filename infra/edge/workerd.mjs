// Turns wrangler.toml into a configuration for plain workerd. What is deployed and what is served
// locally are read from the same file, so that they cannot drift; a setting that this file does
// not know how to carry over is an error, not an omission.

import { readFileSync } from "node:fs";
import { parse } from "smol-toml";

/** The secrets that workerd takes from its environment. */
export const SECRETS = [
  "EDGE_SECRET",
  "EDGE_SECRET_PREVIOUS",
  "JWT_SECRET",
  "JWT_SECRET_PREVIOUS",
  "EDGE_PUSH_SECRET",
  "METRICS_API_KEY",
];

// `name`, `workers_dev`, `observability`, `build` and `assets` mean something to Cloudflare or to
// wrangler only: in plain workerd the worker gets assets from the coordinator, and keeps them.
const KNOWN = new Set([
  "name",
  "main",
  "compatibility_date",
  "compatibility_flags",
  "workers_dev",
  "observability",
  "assets",
  "build",
  "vars",
  "durable_objects",
  "migrations",
  "ratelimits",
]);

/** Reads wrangler.toml: its main file, compatibility, vars, Durable Objects and platform limiters. */
export function readWrangler(path) {
  const settings = parse(readFileSync(path, "utf8"));
  const strange = Object.keys(settings).filter((key) => !KNOWN.has(key));
  if (strange.length > 0) throw new Error(`${path}: workerd.mjs cannot carry over ${strange.join(", ")}`);

  const sqlite = new Set();
  for (const migration of settings.migrations ?? []) {
    for (const [step, classes] of Object.entries(migration)) {
      if (step === "tag") continue;
      if (step !== "new_sqlite_classes") throw new Error(`${path}: workerd.mjs cannot carry over migrations.${step}`);
      for (const name of classes) sqlite.add(name);
    }
  }
  const objects = (settings.durable_objects?.bindings ?? []).map(({ name, class_name }) => {
    if (!sqlite.has(class_name)) throw new Error(`${path}: no migration makes the class ${class_name}`);
    return { name, className: class_name };
  });
  return {
    name: settings.name,
    main: settings.main,
    compatibilityDate: settings.compatibility_date,
    compatibilityFlags: settings.compatibility_flags ?? [],
    vars: settings.vars ?? {},
    objects,
    floods: (settings.ratelimits ?? []).map(({ name, simple }) => ({ name, ...simple })),
  };
}

/** A text as Cap'n Proto's configuration language writes it. */
function text(value) {
  const escaped = String(value).replace(/[\\"]/g, "\\$&").replace(/[\x00-\x1f\x7f]/g, (c) =>
    `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`);
  return `"${escaped}"`;
}

/** Writes the configuration; `index.js`, `index_bg.wasm`, `cache.js` and `floods.js` are expected beside it. */
export function generate(wrangler, { vars, listen, objects }) {
  const all = { ...wrangler.vars, ...vars };
  const origin = new URL(all.ORIGIN_URL);
  if (origin.protocol !== "http:" && origin.protocol !== "https:") throw new Error(`${origin}: expected http or https`);
  const tls = origin.protocol === "https:";
  const address = `${origin.hostname}:${origin.port || (tls ? 443 : 80)}`;
  const bindings = [
    ...Object.entries(all).map(([name, value]) => `(name = ${text(name)}, text = ${text(value)})`),
    ...SECRETS.map((name) => `(name = ${text(name)}, fromEnvironment = ${text(name)})`),
    ...wrangler.objects.map(
      ({ name, className }) => `(name = ${text(name)}, durableObjectNamespace = (className = ${text(className)}))`,
    ),
  ];
  for (const { name, limit, period } of wrangler.floods) {
    const inner = Object.entries({ limit, period }).map(([key, value]) => `(name = ${text(key)}, text = ${text(value)})`);
    bindings.push(`(name = ${text(name)}, wrapped = (moduleName = "plue:floods", innerBindings = [${inner.join(", ")}]))`);
  }
  const namespaces = wrangler.objects.map(
    ({ className }) =>
      `(className = ${text(className)}, uniqueKey = ${text(`${wrangler.name}-${className}`)}, enableSql = true)`,
  );
  const named = [...wrangler.objects, ...wrangler.floods].map(({ name }) => name);
  const names = [...Object.keys(all), ...SECRETS, ...named];
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice) throw new Error(`${twice} is the name of two bindings`);
  const list = (items) => `[\n    ${items.join(",\n    ")},\n  ]`;
  // The coordinator is the one place that the worker can reach, whatever URL it is brought to ask.
  return `# Generated from wrangler.toml by infra/edge/workerd.mjs.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "edge", worker = .edge),
    (name = "cache", worker = .cache),
    (name = "objects", disk = (path = ${text(objects)}, writable = true)),
    (name = "coordinator", external = (address = ${text(address)}, ${
      tls ? `https = (options = (), tlsOptions = (trustBrowserCas = true))` : "http = ()"
    })),
  ],
  sockets = [(name = "http", address = ${text(listen)}, http = (), service = "edge")],
  extensions = [(modules = [(name = "plue:floods", esModule = embed "floods.js", internal = true)])],
);

const edge :Workerd.Worker = (
  modules = [
    (name = "index.js", esModule = embed "index.js"),
    (name = "index_bg.wasm", wasm = embed "index_bg.wasm"),
  ],
  compatibilityDate = ${text(wrangler.compatibilityDate)},
  compatibilityFlags = [${wrangler.compatibilityFlags.map(text).join(", ")}],
  bindings = ${list(bindings)},
  durableObjectNamespaces = ${list(namespaces)},
  durableObjectStorage = (localDisk = "objects"),
  globalOutbound = "coordinator",
  cacheApiOutbound = "cache",
);

const cache :Workerd.Worker = (
  modules = [(name = "cache.js", esModule = embed "cache.js")],
  compatibilityDate = ${text(wrangler.compatibilityDate)},
);
`;
}
