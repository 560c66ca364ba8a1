// The Cache API's storage in plain workerd, which has none of its own: in memory, the least recently
// used goes first. workerd sends what a worker does with a cache as requests: GET for a match, PUT
// with the whole answer as the body, PURGE for a deletion.

const MAX_BYTES = 256 * 1024 * 1024;
const MAX_ENTRY_BYTES = 16 * 1024 * 1024;
/** What an entry costs beside its body. */
const OVERHEAD_BYTES = 1024;

/** By namespace and URL; a Map keeps the order in which its keys were set. */
const entries = new Map();
let bytes = 0;

function remove(key) {
  const entry = entries.get(key);
  if (entry) {
    entries.delete(key);
    bytes -= entry.size;
  }
  return Boolean(entry);
}

/** Reads an answer as it would stand on the wire. */
function parse(message) {
  let end = 0;
  while (!(message[end] === 13 && message[end + 1] === 10 && message[end + 2] === 13 && message[end + 3] === 10)) {
    if (++end > message.length) throw new Error("an answer without an end of its head");
  }
  const [status, ...lines] = new TextDecoder("latin1").decode(message.subarray(0, end)).split("\r\n");
  const headers = lines.map((line) => {
    const at = line.indexOf(":");
    return [line.slice(0, at).toLowerCase(), line.slice(at + 1).trim()];
  });
  let body = message.slice(end + 4);
  const coding = headers.find(([name]) => name === "transfer-encoding");
  if (coding && /chunked/i.test(coding[1])) body = joined(body);
  const kept = headers.filter(([name]) => name !== "transfer-encoding" && name !== "connection");
  return { status: Number(status.split(" ")[1]), headers: kept, body };
}

/** Joins the chunks of a body. */
function joined(body) {
  const chunks = [];
  for (let at = 0; at < body.length; ) {
    let end = at;
    while (body[end] !== 13) end++;
    const length = Number.parseInt(new TextDecoder().decode(body.subarray(at, end)), 16);
    if (!length) break;
    chunks.push(body.subarray(end + 2, end + 2 + length));
    at = end + 2 + length + 2;
  }
  const whole = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

/** How long an answer may be kept, in milliseconds. */
function lifetime(headers) {
  const control = headers.find(([name]) => name === "cache-control")?.[1] ?? "";
  if (/no-store|private/.test(control)) return 0;
  const age = /s-maxage=(\d+)/.exec(control) ?? /max-age=(\d+)/.exec(control);
  return age ? Number(age[1]) * 1000 : 0;
}

async function put(key, request) {
  const message = new Uint8Array(await request.arrayBuffer());
  remove(key);
  const { status, headers, body } = parse(message);
  const ends = Date.now() + lifetime(headers);
  const size = body.length + key.length + OVERHEAD_BYTES;
  if (ends > Date.now() && size <= MAX_ENTRY_BYTES) {
    entries.set(key, { status, headers, body, ends, size });
    bytes += size;
    for (const oldest of entries.keys()) {
      if (bytes <= MAX_BYTES) break;
      remove(oldest);
    }
  }
  return new Response(null, { status: 204 });
}

function match(key) {
  const entry = entries.get(key);
  if (!entry || entry.ends <= Date.now()) {
    remove(key);
    return new Response(null, { status: 504, headers: { "cf-cache-status": "MISS" } });
  }
  entries.delete(key);
  entries.set(key, entry);
  return new Response(entry.body, { status: entry.status, headers: [...entry.headers, ["cf-cache-status", "HIT"]] });
}

export default {
  async fetch(request) {
    const key = `${request.headers.get("cf-cache-namespace") ?? ""} ${request.url}`;
    switch (request.method) {
      case "GET":
        return match(key);
      case "PUT":
        return put(key, request);
      case "PURGE":
        return new Response(null, { status: remove(key) ? 200 : 404 });
      default:
        return new Response(null, { status: 405 });
    }
  },
};
