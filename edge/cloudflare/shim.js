// What the runtime sees: an entry point and the Durable Object classes, over the bindings that
// wasm-bindgen generates. A panic is caught in Rust and ends one request. A hard abort (memory or
// stack exhausted) ends the instance; the next call makes a new one, and an object whose Rust half
// lived in the old one gets a new half over the same storage.

import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";
import * as wasm from "./index.js";

const state = wasm.__worker_init_state();

export default class Edge extends WorkerEntrypoint {
  fetch(request) {
    return wasm.fetch.call(this, request, this.env, this.ctx);
  }
}

const durable = (name) =>
  class extends DurableObject {
    #half;
    #instance;

    get #rust() {
      if (this.#instance !== state.instanceId) {
        this.#half = new wasm[name](this.ctx, this.env);
        this.#instance = state.instanceId;
      }
      return this.#half;
    }

    fetch(request) {
      return this.#rust.fetch(request);
    }

    alarm() {
      return this.#rust.alarm();
    }
  };

export const RateLimiter = durable("RateLimiter");
export const Session = durable("Session");
export const Repository = durable("Repository");
