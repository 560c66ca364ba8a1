// What the runtime sees: an entry point and the Durable Object classes, over the bindings that
// wasm-bindgen generates. A panic is caught in Rust and ends one request. A hard abort (memory or
// stack exhausted) ends the instance; the next call makes a new one, and an object whose Rust half
// lived in the old one gets a new half over the same storage.

import { DurableObject } from "cloudflare:workers";
import * as wasm from "./index.js";
import { keptHead, look, match, requestHead, served, standing } from "./glue.js";

const state = wasm.__worker_init_state();

export default {
  async fetch(request, env, context) {
    const asked = wasm.ask(requestHead(request), env);
    try {
      const object = asked.object();
      let said;
      let kept;
      // What is kept is answered by three short calls, between which only the object and the cache
      // are waited for. Where one of the two fails, that costs a cached answer and no more.
      try {
        if (object !== undefined) said = await look(env.REPOSITORIES, object);
        const key = asked.key(said);
        if (key !== undefined) kept = await match(key);
      } catch (error) {
        console.error(`nothing can be read from the cache: ${error}`);
      }
      const head = kept && asked.serve(keptHead(kept) ?? "");
      return head === undefined ? await asked.answer(request, context) : served(head, kept);
    } finally {
      asked.free();
    }
  },
};

const durable = (name) =>
  class extends DurableObject {
    #half;
    #instance;

    get rust() {
      if (this.#instance !== state.instanceId) {
        this.#half = new wasm[name](this.ctx, this.env);
        this.#instance = state.instanceId;
      }
      return this.#half;
    }

    fetch(request) {
      return this.rust.fetch(request);
    }

    alarm() {
      return this.rust.alarm();
    }
  };

export const RateLimiter = durable("RateLimiter");
export const Session = durable("Session");

// What a repository's object is asked most is a call and no request, which costs the runtime half
// as much, and is answered without a future wherever that can be done.
export class Repository extends durable("Repository") {
  stands(object) {
    return this.rust.held() ?? this.fetch(new Request(`https://object/${object}`)).then(standing);
  }
}
