// Writes the files that pages name (style sheet, scripts, pictures) for the platform's assets
// binding, under the names that the coordinator gives them: a hash of their content. Which there
// are is read from the coordinator's own list; a test compares the two.
//
//   node infra/edge/assets.mjs FOLDER

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const source = join(root, "coordinator/pages/src");
const folder = process.argv[2];
if (!folder) throw new Error("which folder?");

const list = readFileSync(join(source, "assets.rs"), "utf8");

/** What stands between two texts. */
function between(begin, end) {
  const from = list.indexOf(begin);
  const to = list.indexOf(end, from);
  if (from < 0 || to < 0) throw new Error(`assets.rs has no ${begin}`);
  return list.slice(from + begin.length, to);
}

/** The files that a piece of the list includes, one after the other. */
function included(text) {
  const names = [...text.matchAll(/include_str!\("([^"]+)"\)/g)].map(([, name]) => name);
  if (names.length === 0) throw new Error(`${text} includes nothing`);
  return Buffer.concat(names.map((name) => readFileSync(join(source, name))));
}

const style = included(between("const STYLE: &str = concat!(", ");"));
const rows = between("const SOURCES: &[(&str, &str, &str, &str)] = &[", "];");
rmSync(folder, { recursive: true, force: true });
mkdirSync(join(folder, "assets"), { recursive: true });
for (const [, stem, ending, content] of rows.matchAll(/\(\s*"([^"]+)",\s*"([^"]+)",\s*[A-Z]+,\s*(STYLE|include_str!\("[^"]+"\)),?\s*\)/g)) {
  const bytes = content === "STYLE" ? style : included(content);
  const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 16);
  writeFileSync(join(folder, "assets", `${stem}-${hash}.${ending}`), bytes);
}
// The names change with the content: for a year. The other headers are those of the gateway.
writeFileSync(
  join(folder, "_headers"),
  `/assets/*
  Cache-Control: public, max-age=31536000, immutable
  X-Content-Type-Options: nosniff
`,
);
