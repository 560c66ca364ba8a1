// The peer of a cached page: nothing but one Durable Object call and one cache match. Under /called/
// the object is called by a method, which costs the runtime less than a request; else by a request.

import { DurableObject } from "cloudflare:workers";

export class One extends DurableObject {
  fetch() {
    return new Response("1");
  }

  one() {
    return "1";
  }
}

export default {
  async fetch(request, env, context) {
    const { pathname } = new URL(request.url);
    const object = env.ONE.get(env.ONE.idFromName("one"));
    if (pathname.startsWith("/called/")) await object.one();
    else await (await object.fetch("https://object/")).text();
    const key = `https://kept.invalid${pathname}`;
    const kept = await caches.default.match(key);
    if (kept) return new Response(kept.body, kept);
    const bytes = Number(pathname.slice(pathname.lastIndexOf("/") + 1));
    const answer = new Response("x".repeat(bytes), {
      headers: { "content-type": "application/json", "cache-control": "public, max-age=86400" },
    });
    context.waitUntil(caches.default.put(key, answer.clone()));
    return answer;
  },
};
