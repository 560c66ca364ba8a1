// What the Rust half asks of the runtime's own objects. A head crosses as one text, a line for each
// header, because every call across and every object that the runtime makes for one costs more than
// what is computed in between. Lines cannot be broken: no header's name or value holds a newline.

/** Every header as `name:value`, one a line, with those of one name as the runtime joins them. */
function lines(headers) {
  let text = "";
  for (const [name, value] of headers) text += `${name}:${value}\n`;
  return text;
}

/** Headers from lines. */
function parsed(text) {
  const made = new Headers();
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf("\n", at);
    const colon = text.indexOf(":", at);
    made.append(text.slice(at, colon), text.slice(colon + 1, end));
    at = end + 1;
  }
  return made;
}

/** Method, URL, the socket's other end where the runtime tells it, and then the headers. */
export function requestHead(request) {
  return `${request.method}\n${request.url}\n${request.cf?.clientIp ?? ""}\n${lines(request.headers)}`;
}

/** The headers of an answer. */
export function answerHead(answer) {
  return lines(answer.headers);
}

/** The head of an answer that was kept, which stands in one header of it. */
export function keptHead(answer) {
  return answer.headers.get("plue-kept") ?? undefined;
}

/** Headers as the runtime has them. */
export function headers(text) {
  return parsed(text);
}

/** An answer; its body is a stream, bytes, or nothing. */
export function answer(status, text, body) {
  return new Response(body, { status, headers: parsed(text) });
}

/** Heads by their texts, as answers without a body: most from the cache differ from an earlier one in the request's id alone. */
const heads = new Map();
const MAX_HEADS = 512;

/** An answer with the body of what was kept; `head` is the request's id, then the status and `+` where the body belongs to it, and lines. */
export function served(head, kept) {
  const end = head.indexOf("\n");
  const text = head.slice(end + 1);
  let known = heads.get(text);
  if (known === undefined) {
    known = new Response(null, { status: Number(text.slice(0, 3)), headers: parsed(text.slice(5)) });
    if (heads.size >= MAX_HEADS) heads.clear();
    heads.set(text, known);
  }
  const made = new Response(text[3] === "+" ? kept.body : null, known);
  made.headers.set("x-request-id", head.slice(0, end));
  return made;
}

/** The answer to an upgrade that the coordinator accepted. The runtime joins the two ends by itself:
 * what is said passes by at the pace of the slower one, and nothing of it is held here. */
export function joined(upstream, text) {
  return new Response(null, { status: 101, webSocket: upstream.webSocket, headers: parsed(text) });
}

/** What the platform's cache has under a key. */
export function match(key) {
  return caches.default.match(key);
}

/** Keeps an answer under a key. */
export function put(key, answer) {
  return caches.default.put(key, answer);
}

/** Asks the object of a repository how the repository stands. */
export function look(objects, object) {
  return objects.getByName(object).stands(object);
}

/** How a repository stands, from its object's answer to a request; nothing where it failed. */
export function standing(answer) {
  return answer.headers.get("plue-standing") ?? undefined;
}
