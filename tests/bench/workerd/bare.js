// The peer of a cached page: nothing but one Durable Object call and one cache match.

export class One {
  fetch() {
    return new Response("1");
  }
}

export default {
  async fetch(request, env, context) {
    const object = env.ONE.get(env.ONE.idFromName("one"));
    await (await object.fetch("https://object/")).text();
    const { pathname } = new URL(request.url);
    const key = `https://kept.invalid${pathname}`;
    const kept = await caches.default.match(key);
    if (kept) return new Response(kept.body, kept);
    const bytes = Number(pathname.slice(1));
    const answer = new Response("x".repeat(bytes), {
      headers: { "content-type": "application/json", "cache-control": "public, max-age=86400" },
    });
    context.waitUntil(caches.default.put(key, answer.clone()));
    return answer;
  },
};
