// The platform's own limiter in plain workerd, which has none: per key so many requests a period,
// counted in this process. Like the platform's it is approximate and knows no other place; it only
// keeps floods away from the exact limits.

const MAX_KEYS = 65_536;

class Ratelimit {
  #limit;
  #periodMs;
  #counts = new Map();
  #endsMs = 0;

  constructor(limit, periodS) {
    this.#limit = limit;
    this.#periodMs = periodS * 1000;
  }

  async limit({ key }) {
    const nowMs = Date.now();
    if (nowMs >= this.#endsMs || this.#counts.size >= MAX_KEYS) {
      this.#counts.clear();
      this.#endsMs = nowMs + this.#periodMs;
    }
    const count = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, count);
    return { success: count <= this.#limit };
  }
}

export default (env) => new Ratelimit(Number(env.limit), Number(env.period));
