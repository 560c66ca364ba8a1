// A real Chromium, and what every page must hold in it: nothing of another host is asked for,
// nothing is refused by its own policy, no script fails, axe finds nothing, nothing runs off to
// the side, and it weighs what it may. Pictures of what was seen are kept for people to look at.

import { strict as assert } from "node:assert";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { target } from "./site.mjs";

const require = createRequire(import.meta.url);
const axe = existsSync(new URL("../../node_modules/axe-core", import.meta.url))
  ? readFileSync(require.resolve("axe-core/axe.min.js"), "utf8")
  : "";

/** The pictures, one for each page, width and theme. */
export const pictures = join(target, "screenshots");

/** The widths at which pages are looked at. */
export const widths = [360, 800, 1280];

const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) => existsSync(path));
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Why there is no browser here; false where there is one. */
export function cannotBrowse() {
  if (!executablePath) return "there is no Chromium: apt-get install -y chromium";
  if (!axe) return "playwright-core and axe-core are not installed: npm ci";
  return false;
}

/** Starts the browser. */
export async function startBrowser() {
  const { chromium } = require("playwright-core");
  mkdirSync(pictures, { recursive: true });
  return chromium.launch({ executablePath, args: FLAGS });
}

/**
 * Opens a window onto `site`. `script: false` is a browser in which scripts are switched off.
 *
 * The window's `page` is playwright's. `go(path)` goes there and answers the response; `signIn
 * (name)` signs in by the form; `faults` is what went wrong so far, which [`close`] insists is
 * nothing; `expected` are statuses of answers that a test asks for on purpose.
 */
export async function open(browser, site, { width = 1280, theme = "light", script = true, ...more } = {}) {
  const context = await browser.newContext({
    viewport: { width, height: 800 },
    colorScheme: theme,
    javaScriptEnabled: script,
    baseURL: site.url,
    ...more,
  });
  const page = await context.newPage();
  const faults = [];
  const asked = [];
  page.on("pageerror", (error) => faults.push(`a script failed: ${error}`));
  page.on("console", (message) => {
    // The browser's own word for an answer of 4xx; the tests look at statuses themselves.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) faults.push(message.text());
  });
  page.on("request", (request) => {
    const { origin, protocol } = new URL(request.url());
    if (protocol !== "data:" && origin !== site.url) faults.push(`${request.url()} is of another host`);
  });
  page.on("requestfinished", async (request) => {
    asked.push(request);
  });
  return {
    context,
    page,
    faults,
    asked,
    width,
    theme,
    script,
    async go(path) {
      asked.length = 0;
      return page.goto(path, { waitUntil: "load" });
    },
    async signIn(name) {
      await page.goto("/login");
      await page.getByLabel("Name", { exact: true }).fill(name);
      await page.getByLabel("Password").fill(site.password(name));
      await page.getByRole("main").getByRole("button", { name: "Sign in" }).click();
      await page.waitForURL((url) => !url.pathname.startsWith("/login"));
    },
    async close() {
      await context.close();
      assert.deepEqual(faults, []);
    },
  };
}

/** Opens a window for one story; it insists on no faults when the story is over. */
export async function inWindow(browser, site, options, story) {
  const window = await open(browser, site, options);
  await story(window.page, window);
  await window.close();
}

/** How many bytes came over the line for what the window shows, and in how many requests. */
export async function weight(window) {
  await window.page.waitForLoadState("networkidle");
  let bytes = 0;
  const requests = [...window.asked];
  for (const request of requests) {
    const sizes = await request.sizes();
    bytes += sizes.responseBodySize;
  }
  return { bytes, requests: requests.length };
}

/** Insists that axe finds nothing in what the window shows, and that nothing runs off to the side. */
export async function wellMade(window, name) {
  const { page } = window;
  await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  const faults = found.violations.map(
    ({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.target.join(" ")).join(", ")}`,
  );
  assert.deepEqual(faults, [], `${name} at ${window.width}, ${window.theme}`);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(wide <= 0, `${name} runs ${wide} points off to the side at ${window.width}`);
}

/** Keeps a picture of what the window shows. */
export async function picture(window, name) {
  const file = `${name}-${window.width}-${window.theme}${window.script ? "" : "-without-script"}.png`;
  await window.page.screenshot({ path: join(pictures, file), fullPage: true });
}

/**
 * Looks at pages, each `[name, path]`, at every width in both themes, and without script: as
 * `signedIn`, where that is a name. Each is well made, and a picture of it is kept.
 */
export async function lookAt(browser, site, pages, { signedIn } = {}) {
  const views = widths.flatMap((width) => [
    { width, theme: "light" },
    { width, theme: "dark" },
  ]);
  for (const view of [...views, { width: 360, theme: "light", script: false }]) {
    const window = await open(browser, site, view);
    if (signedIn) await window.signIn(signedIn);
    for (const [name, path, status = 200] of pages) {
      const answer = await window.go(path);
      assert.equal(answer.status(), status, `${name}: ${path}`);
      if (window.script) await wellMade(window, name);
      await picture(window, name);
    }
    await window.close();
  }
}
