// Better-Auth's own client, with the cookies and the origin that a browser would send. Each line
// of the input is one call, `{call, args}`; each line of the output is what the client answers.

import { createInterface } from "node:readline";
import { createAuthClient } from "better-auth/client";
import { usernameClient } from "better-auth/client/plugins";

const [url] = process.argv.slice(2);
const jar = new Map();

async function browse(input, init = {}) {
  const headers = new Headers(init.headers);
  headers.set("origin", url);
  if (jar.size) headers.set("cookie", [...jar].map(([name, value]) => `${name}=${value}`).join("; "));
  const answer = await fetch(input, { ...init, headers, redirect: "manual" });
  for (const set of answer.headers.getSetCookie()) {
    const [pair] = set.split(";");
    const [name, value] = [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)];
    if (value && !/max-age=0/i.test(set)) jar.set(name, value);
    else jar.delete(name);
  }
  return answer;
}

const client = createAuthClient({
  baseURL: url,
  fetchOptions: { customFetchImpl: browse },
  plugins: [usernameClient()],
});

for await (const line of createInterface({ input: process.stdin })) {
  const { call, args } = JSON.parse(line);
  const act = call.split(".").reduce((on, name) => on[name], client);
  const { data, error } = await act(args);
  console.log(JSON.stringify({ data, error }));
}
