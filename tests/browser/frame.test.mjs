// The pages that are about no repository's content, in a real Chromium, through the real worker,
// before a real forge: signing in, making a repository and pushing to it, settings, by mouse, by
// keyboard alone and without script; how they are made, and what they weigh.

import { strict as assert } from "node:assert";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { cannotBrowse, inWindow, lookAt, open, picture, startBrowser, weight, wellMade } from "./browser.mjs";
import { cannotStart, startSite } from "./site.mjs";

const skip = cannotStart() || cannotBrowse();

describe("pages", { skip }, () => {
  let site;
  let browser;

  before(async () => {
    site = await startSite();
    browser = await startBrowser();
    for (const name of ["ada", "grace"]) site.account(name);
    const token = site.token("ada");
    const tree = site.commit("engine", { "README.md": "# Engine\n\nIt computes tables.\n", "src/main.rs": "fn main() {}\n" });
    site.repository("ada/engine", { description: "An engine that computes tables by the method of differences." });
    site.push(tree, "ada/engine", token);
  });

  after(async () => {
    await browser?.close();
    await site?.stop();
  });

  const within = (options, story) => inWindow(browser, site, options, story);

  it("are well made at every width, light and dark, with script and without", async () => {
    await lookAt(browser, site, [
      ["home", "/"],
      ["explore", "/explore"],
      ["explore-nothing", "/explore?q=nothing-like-this"],
      ["search", "/search?q=engine"],
      ["search-people", "/search?q=ada&type=people"],
      ["search-empty", "/search"],
      ["person", "/ada"],
      ["sign-in", "/login"],
      ["not-found", "/nobody", 404],
    ]);
  });

  it("of who is signed in are well made, too", async () => {
    const pages = [
      ["home-own", "/"],
      ["new", "/new"],
      ["settings-profile", "/-/settings"],
      ["settings-password", "/-/settings/password"],
      ["settings-keys", "/-/settings/keys"],
      ["settings-tokens", "/-/settings/tokens"],
      ["settings-sessions", "/-/settings/sessions"],
      ["repository-settings", "/ada/engine/settings"],
      ["repository-access", "/ada/engine/settings/access"],
      ["repository-keys", "/ada/engine/settings/keys"],
    ];
    await lookAt(browser, site, pages, { signedIn: "ada" });
  });

  it("weigh little, and ask for little", async () => {
    await within({}, async (page, window) => {
      for (const path of ["/", "/explore", "/search?q=engine", "/ada", "/login"]) {
        // As somebody who was never here.
        await window.context.clearCookies();
        await (await window.context.newCDPSession(page)).send("Network.clearBrowserCache");
        await window.go(path);
        const { bytes, requests } = await weight(window);
        assert.ok(bytes <= 30 * 1024, `${path} weighs ${bytes} bytes`);
        assert.ok(requests <= 8, `${path} asks ${requests} times`);
      }
    });
  });

  it("are the same bytes for everybody who is not signed in, and known by their tag", async () => {
    for (const path of ["/", "/explore", "/ada", "/search?q=engine"]) {
      const first = await fetch(site.url + path, { headers: { cookie: "theme=dark; other=1", "user-agent": "one" } });
      const second = await fetch(site.url + path, { headers: { "user-agent": "two" } });
      assert.equal(await first.text(), await second.text(), path);
      const tag = first.headers.get("etag");
      assert.equal(tag, second.headers.get("etag"));
      const again = await fetch(site.url + path, { headers: { "if-none-match": tag } });
      assert.equal(again.status, 304, path);
    }
  });

  it("name files that are kept for good", async () => {
    const html = await (await fetch(`${site.url}/`)).text();
    const files = [...html.matchAll(/(?:href|src)="(\/assets\/[^"]+)"/g)].map(([, file]) => file);
    assert.ok(files.length >= 4, html);
    for (const file of files) {
      const answer = await fetch(site.url + file, { headers: { "accept-encoding": "gzip" } });
      assert.equal(answer.status, 200, file);
      assert.equal(answer.headers.get("cache-control"), "public, max-age=31536000, immutable");
    }
    const absent = await fetch(`${site.url}/assets/app-0000000000000000.css`);
    assert.equal(absent.status, 404);
    assert.equal(absent.headers.get("cache-control"), "no-store");
    const robots = await fetch(`${site.url}/robots.txt`);
    assert.match(await robots.text(), /^Disallow: \/-\/$/m);
    const icon = await fetch(`${site.url}/favicon.ico`);
    assert.equal(icon.headers.get("content-type"), "image/x-icon");
  });

  for (const script of [true, false]) {
    const how = script ? "with script" : "without script";
    const name = script ? "tables" : "cards";

    it(`let somebody sign in, make a repository, push to it and sign out, ${how}`, async () => {
      await within({ script }, async (page, window) => {
        // Somebody who wanted to make one is asked who they are first, and led back.
        await page.goto("/new");
        assert.equal(new URL(page.url()).pathname, "/login");
        await page.getByLabel("Name", { exact: true }).fill("grace");
        await page.getByLabel("Password").fill("not the password");
        const main = page.getByRole("main");
        await main.getByRole("button", { name: "Sign in" }).click();
        await page.getByRole("alert").waitFor();
        assert.equal(await page.getByLabel("Name", { exact: true }).inputValue(), "grace");
        await page.getByLabel("Password").fill(site.password("grace"));
        await main.getByRole("button", { name: "Sign in" }).click();
        await page.getByRole("heading", { name: "New repository" }).waitFor();

        // A name that cannot be is told beside the field, and what was typed stays.
        await page.getByLabel("Name", { exact: true }).fill("no good name");
        await page.getByLabel("Description").fill("Tables of numbers");
        await page.getByLabel("Private").check();
        await page.getByRole("button", { name: "Create repository" }).click();
        const field = page.getByLabel("Name", { exact: true });
        assert.equal(await field.getAttribute("aria-invalid"), "true");
        assert.equal(await page.getByLabel("Description").inputValue(), "Tables of numbers");
        assert.ok(await page.getByLabel("Private").isChecked());
        await picture(window, "new-wrong");
        await field.fill(name);
        await page.getByRole("button", { name: "Create repository" }).click();
        await page.waitForURL((url) => url.pathname === `/grace/${name}`);

        // A token for git, shown once.
        await page.goto("/-/settings/tokens");
        await page.getByLabel("Name", { exact: true }).fill(`laptop ${how}`);
        await page.getByRole("button", { name: "Create a token" }).click();
        const token = await page.getByLabel("The new token").inputValue();
        assert.match(token, /^plt_[0-9a-f]{64}$/);
        await page.goto("/-/settings/tokens");
        assert.equal(await page.getByLabel("The new token").count(), 0);

        const tree = site.commit(`tree-${name}`, { "README.md": `# ${name}\n` });
        site.push(tree, `grace/${name}`, token);
        await page.goto("/grace");
        await page.getByRole("link", { name, exact: true }).waitFor();
        assert.match(await page.getByRole("listitem").filter({ hasText: name }).innerText(), /Private[^]*Pushed/);

        // Nobody else sees it.
        const stranger = await fetch(`${site.url}/grace`);
        assert.ok(!(await stranger.text()).includes(name));

        await page.getByLabel("Your menu").click();
        await page.getByRole("button", { name: "Sign out" }).click();
        await page.getByRole("link", { name: "Sign in" }).first().waitFor();
        const left = await page.goto("/-/settings");
        assert.equal(new URL(left.url()).pathname, "/login");
      });
    });
  }

  it("let somebody in by a link that holds once", async () => {
    const link = site.link("grace");
    await within({}, async (page) => {
      await page.goto(link);
      await page.getByRole("main").getByRole("button", { name: "Sign in" }).click();
      await page.getByLabel("Your menu").waitFor();
    });
    await within({}, async (page) => {
      await page.goto(link);
      await page.getByRole("main").getByRole("button", { name: "Sign in" }).click();
      assert.match(await page.getByRole("alert").innerText(), /has been used/);
    });
  });

  it("can be used by the keyboard alone", async () => {
    await within({}, async (page) => {
      await page.goto("/");
      // The first stop leaves the header out.
      await page.keyboard.press("Tab");
      assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to content");
      await page.keyboard.press("Enter");
      assert.equal(await page.evaluate(() => document.activeElement.id), "content");

      // The list of keys, and back to where one was.
      await page.keyboard.press("?");
      await page.getByRole("dialog", { name: "Keys of this page" }).waitFor();
      await page.keyboard.press("Escape");
      await page.getByRole("dialog").waitFor({ state: "detached" });
      assert.equal(await page.evaluate(() => document.activeElement.id), "content");

      // Search, leave it, and search again.
      await page.keyboard.press("/");
      const search = page.getByPlaceholder("Search", { exact: true });
      assert.ok(await search.evaluate((field) => field === document.activeElement));
      await page.keyboard.press("Escape");
      assert.ok(await search.evaluate((field) => field !== document.activeElement));
      await page.keyboard.press("/");
      await page.keyboard.type("engine");
      await page.keyboard.press("Enter");
      await page.waitForURL(/\/search\?q=engine/);
      await page.waitForFunction(() => document.readyState === "complete");

      // Along the list, and into what was found.
      await page.keyboard.press("j");
      assert.equal(await page.evaluate(() => document.activeElement.getAttribute("href")), "/ada/engine");
      const ring = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
      assert.notEqual(ring, "none", "where one is can be seen");
      await page.keyboard.press("Enter");
      await page.waitForURL(/\/ada\/engine$/);
    });
  });

  it("keep the keys off for whoever switches them off", async () => {
    await within({}, async (page) => {
      await page.goto("/");
      await page.keyboard.press("?");
      await page.getByRole("button", { name: "Switch keys off" }).click();
      await page.keyboard.press("Escape");
      await page.goto("/explore");
      await page.keyboard.press("/");
      assert.equal(await page.evaluate(() => document.activeElement.tagName), "BODY");
    });
  });

  it("keep the theme that was chosen, from the first paint on", async () => {
    await within({ theme: "light" }, async (page, window) => {
      await page.goto("/");
      const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
      const light = await ground();
      const button = page.getByRole("button", { name: /^Theme/ });
      await button.click();
      assert.equal(await button.innerText(), "Theme: light");
      await button.click();
      assert.equal(await button.innerText(), "Theme: dark");
      assert.notEqual(await ground(), light);
      await page.goto("/explore");
      assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
      await wellMade(window, "explore in the dark that was chosen");
    });
  });

  it("say how long ago things were, where script may, and copy what is to be copied", async () => {
    await within({}, async (page) => {
      await page.goto("/explore");
      const time = page.getByRole("listitem").filter({ hasText: "engine" }).locator("time");
      assert.match(await time.innerText(), /ago|now/);
      assert.match(await time.getAttribute("title"), /\d{4}.*\d\d?:\d\d/);
    });
    await within({ script: false }, async (page) => {
      await page.goto("/explore");
      const time = page.getByRole("listitem").filter({ hasText: "engine" }).locator("time");
      assert.match(await time.innerText(), /^\d+ [A-Z][a-z]{2} \d{4}$/);
      for (const name of ["Keys", /^Theme/]) assert.equal(await page.getByRole("button", { name }).count(), 0);
    });
    const permissions = ["clipboard-read", "clipboard-write"];
    await within({ permissions }, async (page, window) => {
      await window.signIn("grace");
      await page.goto("/-/settings/tokens");
      await page.getByLabel("Name", { exact: true }).fill("to be copied");
      await page.getByRole("button", { name: "Create a token" }).click();
      const token = await page.getByLabel("The new token").inputValue();
      await page.getByRole("button", { name: "Copy" }).click();
      await page.getByRole("button", { name: "Copied" }).waitFor();
      assert.equal(await page.evaluate(() => navigator.clipboard.readText()), token);
      await picture(window, "settings-tokens-made");
    });
  });

  it("let people change what is theirs, and say what happened", async () => {
    await within({}, async (page, window) => {
      await window.signIn("ada");
      await page.goto("/-/settings");
      await page.getByLabel("Name", { exact: true }).fill("Ada Lovelace");
      await page.getByLabel("About you").fill("Writes programs.\nLondon.");
      await page.getByRole("button", { name: "Save profile" }).click();
      assert.match(await page.getByRole("status").innerText(), /saved/);
      assert.equal(await page.getByLabel("About you").inputValue(), "Writes programs.\nLondon.");
      await page.goto("/ada");
      await page.getByRole("heading", { name: "Ada Lovelace" }).waitFor();

      // A key: wrong, right, used by ssh, and removed.
      const file = join(site.folder, "key");
      execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "ada", "-f", file]);
      await page.goto("/-/settings/keys");
      await page.getByLabel("Name", { exact: true }).fill("laptop");
      await page.getByLabel("Public key").fill("nonsense");
      await page.getByRole("button", { name: "Add a key" }).click();
      assert.equal(await page.getByLabel("Public key").getAttribute("aria-invalid"), "true");
      await page.getByLabel("Public key").fill(readFileSync(`${file}.pub`, "utf8"));
      await page.getByRole("button", { name: "Add a key" }).click();
      assert.match(await page.getByRole("status").innerText(), /added/);
      const { hostname, port } = new URL(`ssh://${site.ssh}`);
      const ssh = ["-i", file, "-p", port, "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"];
      const list = (to) => site.git(site.folder, "-c", `core.sshCommand=ssh ${ssh.join(" ")}`, "ls-remote", `ssh://git@${hostname}/${to}.git`);
      assert.match(list("ada/engine"), /refs\/heads\/main/);
      await page.getByRole("button", { name: "Remove: laptop" }).click();
      assert.match(await page.getByRole("status").innerText(), /removed/);
      await page.getByText("You have no key here yet.").waitFor();
    });
  });

  it("end one session, and all of them", async () => {
    const there = await open(browser, site, {});
    await there.signIn("grace");
    const third = await open(browser, site, {});
    await third.signIn("grace");
    await within({}, async (page, window) => {
      await window.signIn("grace");
      await page.goto("/-/settings/sessions");
      const own = page.getByRole("listitem").filter({ hasText: "This browser" });
      assert.equal(await own.count(), 1);
      await page.getByRole("listitem").filter({ hasText: "Signed in" }).filter({ hasNotText: "This browser" }).first()
        .getByRole("button").click();
      assert.match(await page.getByRole("status").innerText(), /has ended/);
      await page.getByRole("button", { name: "Sign out everywhere" }).click();
      await page.getByRole("link", { name: "Sign in" }).first().waitFor();
    });
    for (const other of [there, third]) {
      await other.page.goto("/-/settings");
      assert.equal(new URL(other.page.url()).pathname, "/login");
      await other.close();
    }
  });

  it("let a repository's owner change it, share it, give it another name and end it", async () => {
    await within({}, async (page, window) => {
      await window.signIn("ada");
      await page.goto("/new");
      await page.getByLabel("Name", { exact: true }).fill("shared");
      await page.getByLabel("Private").check();
      await page.getByRole("button", { name: "Create repository" }).click();
      await page.waitForURL(/\/ada\/shared/);
      const grace = site.token("grace");
      const seen = async (path) => (await fetch(site.url + path, { headers: { authorization: `Bearer ${grace}` } })).status;
      assert.equal(await seen("/api/ada/shared"), 404);

      await page.goto("/ada/shared/settings/access");
      await page.getByLabel("Name of their account").fill("nobody-of-this-name");
      await page.getByRole("button", { name: "Let somebody in" }).click();
      assert.equal(await page.getByLabel("Name of their account").getAttribute("aria-invalid"), "true");
      await page.getByLabel("Name of their account").fill("grace");
      await page.getByLabel("They may", { exact: true }).selectOption("read");
      await page.getByRole("button", { name: "Let somebody in" }).click();
      assert.match(await page.getByRole("status").innerText(), /let in/);
      assert.equal(await seen("/api/ada/shared"), 200);
      await page.getByRole("button", { name: "Remove: grace" }).click();
      assert.match(await page.getByRole("status").innerText(), /undo/);
      assert.equal(await seen("/api/ada/shared"), 404);

      await page.goto("/ada/shared/settings");
      await page.getByLabel("Description").fill("For everybody");
      await page.getByLabel("Public").check();
      await page.getByRole("button", { name: "Save", exact: true }).click();
      assert.match(await page.getByRole("status").innerText(), /Saved/);
      assert.equal(await seen("/api/ada/shared"), 200);

      await page.getByLabel("New name").fill("known");
      await page.getByRole("button", { name: "Rename" }).click();
      await page.waitForURL(/\/ada\/known\/settings/);
      await page.getByRole("button", { name: "Archive" }).click();
      await page.getByRole("button", { name: "Open it again" }).click();
      await page.getByLabel(/^To confirm, type/).fill("known");
      await page.getByRole("button", { name: "Delete this repository" }).click();
      assert.equal(await page.getByLabel(/^To confirm, type/).getAttribute("aria-invalid"), "true");
      await page.getByLabel(/^To confirm, type/).fill("ada/known");
      await page.getByRole("button", { name: "Delete this repository" }).click();
      assert.match(await page.getByRole("status").innerText(), /bring it back/);
      assert.equal(await seen("/api/ada/known"), 404);
    });
  });
});
