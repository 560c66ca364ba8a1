// How people come to an account in a real Chromium, through the real worker: signing up, the
// letters and what their links do, a second factor, a wallet; with script and without.

import { strict as assert } from "node:assert";
import { createHash, createHmac, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, describe, it } from "node:test";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { cannotBrowse, inWindow, lookAt, picture, startBrowser, wellMade } from "./browser.mjs";
import { cannotStart, startSite } from "./site.mjs";

/** The code that an app shows for a secret just now (RFC 6238); `later` half minutes ahead. */
function app(secret, later = 0) {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...secret].map((c) => letters.indexOf(c).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + later));
  const tag = createHmac("sha1", key).update(step).digest();
  const word = tag.readUInt32BE(tag[19] & 15) & 0x7fffffff;
  return String(word % 1_000_000).padStart(6, "0");
}

/** The address of a key, in lower case as wallets give it. */
function addressOf(key) {
  const hash = keccak_256(secp256k1.getPublicKey(key, false).slice(1));
  return `0x${Buffer.from(hash.slice(12)).toString("hex")}`;
}

/** What a wallet answers that is to sign bytes, given in hex (EIP-191). */
function personalSign(key, hex) {
  const message = Buffer.from(hex.slice(2), "hex");
  const hash = keccak_256(Buffer.concat([Buffer.from(`\x19Ethereum Signed Message:\n${message.length}`), message]));
  const [recovery, ...compact] = secp256k1.sign(hash, key, { prehash: false, format: "recovered" });
  return `0x${Buffer.from([...compact, 27 + recovery]).toString("hex")}`;
}

const skip = cannotStart() || cannotBrowse();

describe("people", { skip }, () => {
  let site;
  let browser;

  before(async () => {
    site = await startSite();
    browser = await startBrowser();
    site.account("ada");
  });

  after(async () => {
    await browser?.close();
    await site?.stop();
  });

  const within = (options, story) => inWindow(browser, site, options, story);

  for (const script of [true, false]) {
    const how = script ? "with script" : "without script";
    const name = script ? "grace" : "joan";
    const email = `${name}@plue.test`;

    it(`make an account, confirm its address and set a forgotten password, ${how}`, async () => {
      await within({ script }, async (page) => {
        await page.goto("/login");
        await page.getByRole("link", { name: "Make an account" }).click();
        await page.getByLabel("Name", { exact: true }).fill("ada");
        await page.getByLabel("Mail").fill(email);
        await page.getByLabel("Password").fill("a first long password");
        const make = page.getByRole("button", { name: "Make an account" });
        await make.click();
        assert.equal(await page.getByLabel("Name", { exact: true }).getAttribute("aria-invalid"), "true");
        assert.equal(await page.getByLabel("Mail").inputValue(), email);
        await page.getByLabel("Name", { exact: true }).fill(name);
        await page.getByLabel("Password").fill("a first long password");
        await make.click();
        await page.waitForURL((url) => url.pathname === "/-/settings/email");
        await page.getByText("Not confirmed yet").waitFor();

        // The letter's link shows a button, so that a program that follows links confirms nothing.
        await page.goto(await site.letter(email));
        await page.getByRole("button", { name: "This is my address" }).click();
        assert.match(await page.getByRole("status").innerText(), /confirmed/);
        await page.getByText("Confirmed", { exact: true }).waitFor();

        // Another address asks for the password.
        await page.getByLabel("Mail").fill(`other-${email}`);
        await page.getByLabel("Current password").fill("not this one");
        await page.getByRole("button", { name: "Save address" }).click();
        assert.equal(await page.getByLabel("Current password").getAttribute("aria-invalid"), "true");
        await page.getByLabel("Current password").fill("a first long password");
        await page.getByRole("button", { name: "Save address" }).click();
        await page.getByText("Not confirmed yet").waitFor();
        await page.getByRole("button", { name: "Send the letter again" }).click();
        assert.match(await page.getByRole("status").innerText(), /on its way/);
      });
      await within({ script }, async (page) => {
        await page.goto("/login");
        await page.getByRole("link", { name: "Forgotten your password?" }).click();
        await page.getByLabel("Mail").fill(`other-${email}`);
        await page.getByRole("button", { name: "Send the link" }).click();
        assert.match(await page.getByRole("status").innerText(), /If an account has this address/);
        const link = await site.letter(`other-${email}`, "/-/reset");
        await page.goto(link);
        await page.getByLabel("New password").fill("short");
        await page.getByRole("button", { name: "Set password" }).click();
        assert.equal(await page.getByLabel("New password").getAttribute("aria-invalid"), "true");
        await page.getByLabel("New password").fill("a second long password");
        await page.getByRole("button", { name: "Set password" }).click();
        assert.match(await page.getByRole("status").innerText(), /Sign in with it/);
        // By the address, too.
        await page.getByLabel("Name", { exact: true }).fill(`other-${email}`);
        await page.getByLabel("Password").fill("a second long password");
        await page.getByRole("main").getByRole("button", { name: "Sign in" }).click();
        await page.waitForURL((url) => url.pathname === "/");
        const used = await page.goto(link);
        assert.equal(used.status(), 404);
        await page.getByText("This link has been used").waitFor();
      });
    });
  }

  for (const script of [true, false]) {
    const how = script ? "with script" : "without script";
    const name = script ? "edith" : "frances";

    it(`set a second factor, and show its code, ${how}`, async () => {
      site.account(name);
      const token = site.token(name);
      let secret;
      let codes;
      await within({ script }, async (page, window) => {
        await window.signIn(name);
        await page.goto("/-/settings/second-factor");
        await page.getByLabel("Current password").fill("not this one");
        await page.getByRole("button", { name: "Set up a second factor" }).click();
        assert.equal(await page.getByLabel("Current password").getAttribute("aria-invalid"), "true");
        await page.getByLabel("Current password").fill(site.password(name));
        await page.getByRole("button", { name: "Set up a second factor" }).click();
        await page.getByRole("img", { name: "The secret as a picture for your app" }).waitFor();
        secret = await page.locator("#secret").innerText();
        codes = (await page.locator("#codes").innerText()).trim().split("\n");
        assert.equal(codes.length, 10);
        if (script) await wellMade(window, "second-factor-setup");
        await picture(window, "second-factor-setup");
        await page.getByLabel("Code", { exact: true }).fill("000000");
        await page.getByRole("button", { name: "Confirm" }).click();
        assert.equal(await page.getByLabel("Code", { exact: true }).getAttribute("aria-invalid"), "true");
        await page.getByLabel("Code", { exact: true }).fill(app(secret, -1));
        await page.getByRole("button", { name: "Confirm" }).click();
        assert.match(await page.getByRole("status").innerText(), /is set/);
        await page.getByText("Recovery codes left: 10").waitFor();
      });
      const first = async (page) => {
        await page.goto("/login?to=/-/settings/second-factor");
        await page.getByLabel("Name", { exact: true }).fill(name);
        await page.getByLabel("Password").fill(site.password(name));
        await page.getByRole("main").getByRole("button", { name: "Sign in" }).click();
        await page.getByRole("heading", { name: "Second step" }).waitFor();
      };
      await within({ script }, async (page, window) => {
        await first(page);
        if (script) await wellMade(window, "second-step");
        await picture(window, "second-step");
        await page.getByLabel("Code", { exact: true }).fill("000000");
        await page.getByRole("main").getByRole("button", { name: "Sign in" }).click();
        assert.equal(await page.getByLabel("Code", { exact: true }).getAttribute("aria-invalid"), "true");
        await page.getByLabel("Code", { exact: true }).fill(app(secret));
        await page.getByRole("main").getByRole("button", { name: "Sign in" }).click();
        await page.waitForURL((url) => url.pathname === "/-/settings/second-factor");
      });
      await within({ script }, async (page) => {
        await first(page);
        await page.getByLabel("Code", { exact: true }).fill(codes[0].toUpperCase());
        await page.getByRole("main").getByRole("button", { name: "Sign in" }).click();
        await page.getByText("Recovery codes left: 9").waitFor();
      });
      // Over git a password opens nothing any more, and git is told what does.
      const list = (secret) => {
        const { host } = new URL(site.url);
        return site.git(site.folder, "ls-remote", `http://${name}:${encodeURIComponent(secret)}@${host}/${name}/engine.git`);
      };
      site.repository(`${name}/engine`, { private: true });
      list(token);
      assert.throws(() => list(site.password(name)), /use a token as the password/);
    });
  }

  it("sign in by a wallet where the browser has one, link another one and remove it", async () => {
    const wallets = [secp256k1.utils.randomSecretKey(), secp256k1.utils.randomSecretKey()];
    let chosen = 0;
    const within = async (story) =>
      inWindow(browser, site, {}, async (page, window) => {
        await page.exposeFunction("signBy", (hex) => personalSign(wallets[chosen], hex));
        await page.exposeFunction("addressOf", () => addressOf(wallets[chosen]));
        await page.addInitScript(() => {
          window.ethereum = {
            request: async ({ method, params }) =>
              method === "personal_sign" ? window.signBy(params[0]) : [await window.addressOf()],
          };
        });
        await story(page, window);
      });
    const first = addressOf(wallets[0]);
    const name = `${first.slice(0, 6)}${first.slice(-4)}`;
    await within(async (page, window) => {
      await page.goto("/login?to=/-/settings/wallets");
      await wellMade(window, "sign-in-wallet");
      await page.getByRole("button", { name: "Sign in by wallet" }).click();
      await page.waitForURL((url) => url.pathname === "/-/settings/wallets");
      await page.getByText(first).waitFor();
      // It is the only way in, and stays.
      await page.getByRole("button", { name: `Remove: ${first}` }).click();
      assert.match(await page.getByRole("alert").innerText(), /nothing else opens your account/i);
      chosen = 1;
      await page.getByRole("button", { name: "Link the wallet of this browser" }).click();
      // The wallet takes its time, and the page is sent by itself then.
      await page.getByText("The wallet is linked").waitFor();
      await wellMade(window, "settings-wallets");
      await picture(window, "settings-wallets");
      await page.getByRole("button", { name: `Remove: ${first}` }).click();
      await page.getByText("The wallet is removed").waitFor();
    });
    await within(async (page) => {
      await page.goto("/login");
      await page.getByRole("button", { name: "Sign in by wallet" }).click();
      await page.waitForURL((url) => url.pathname === "/");
      await page.goto(`/${name}`);
      await page.getByRole("heading", { name }).waitFor();
    });
    await inWindow(browser, site, {}, async (page) => {
      await page.goto("/login");
      assert.equal(await page.getByRole("button", { name: "Sign in by wallet" }).count(), 0);
    });
  });

  for (const script of [true, false]) {
    const how = script ? "with script" : "without script";
    const [maker, person] = script ? ["mary", "hedy"] : ["radia", "karen"];

    it(`let an application act for them, and take that back, ${how}`, async () => {
      site.account(maker);
      site.account(person);
      // The application: a server that people come back to.
      const came = [];
      const application = createServer((request, response) => {
        if (request.url.startsWith("/back")) came.push(new URL(request.url, "http://localhost"));
        response.setHeader("content-type", "text/html").end("<!doctype html><title>An application</title>Back");
      }).listen(0, "127.0.0.1");
      await once(application, "listening");
      const home = `http://127.0.0.1:${application.address().port}`;
      const back = `${home}/back`;
      // What is asked of the application is asked on purpose.
      const forgive = ({ faults }) => faults.splice(0, faults.length, ...faults.filter((fault) => !fault.startsWith(home)));
      const app = {};
      await within({ script }, async (page, window) => {
        await window.signIn(maker);
        await page.goto("/-/settings/apps");
        const make = page.getByRole("button", { name: "Make an application" });
        await page.getByLabel("Name", { exact: true }).fill("Looms & more");
        await page.getByLabel("Addresses to go back to").fill("http://app.example/back");
        await make.click();
        assert.equal(await page.getByLabel("Addresses to go back to").getAttribute("aria-invalid"), "true");
        await page.getByLabel("Addresses to go back to").fill(back);
        await make.click();
        await page.getByRole("heading", { name: "Looms & more" }).waitFor();
        app.id = await page.locator("#client-id").innerText();
        app.secret = await page.locator("#secret").innerText();
        if (script) await wellMade(window, "settings-app");
        await picture(window, "settings-app");
      });
      const verifier = randomBytes(32).toString("base64url");
      const question = new URLSearchParams({
        client_id: app.id, redirect_uri: back, response_type: "code", scope: "openid repo:write", state: "a state",
        code_challenge: createHash("sha256").update(verifier).digest("base64url"), code_challenge_method: "S256",
      });
      const ask = (fields) =>
        fetch(`${site.url}/oauth/token`, {
          method: "POST",
          body: new URLSearchParams({ client_id: app.id, client_secret: app.secret, ...fields }),
        });
      const make = (name, { access_token: token }) =>
        fetch(`${site.url}/api/repos`, {
          method: "POST",
          headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
          body: JSON.stringify({ name }),
        });
      try {
        await within({ script }, async (page, window) => {
          await page.goto(`/oauth/authorize?${question}`);
          await page.getByLabel("Name", { exact: true }).fill(person);
          await page.getByLabel("Password").fill(site.password(person));
          await page.getByRole("main").getByRole("button", { name: "Sign in" }).click();
          await page.getByText("Looms & more").waitFor();
          if (script) await wellMade(window, "consent");
          await picture(window, "consent");
          await page.getByRole("button", { name: "Do not allow" }).click();
          await page.waitForURL(`${back}?**`);
          await page.goto(`/oauth/authorize?${question}`);
          await page.getByRole("button", { name: "Allow", exact: true }).click();
          await page.waitForURL(`${back}?**`);
          forgive(window);
        });
        const [no, yes] = came.map(({ searchParams }) => searchParams);
        assert.deepEqual([no.get("error"), no.get("state")], ["access_denied", "a state"]);
        assert.equal(yes.get("state"), "a state");
        const answer = await ask({
          grant_type: "authorization_code", code: yes.get("code"), redirect_uri: back, code_verifier: verifier,
        });
        assert.equal(answer.status, 200);
        const tokens = await answer.json();
        assert.equal((await make("by-application", tokens)).status, 201);
        await within({ script }, async (page, window) => {
          await window.signIn(person);
          await page.goto(`/${person}/by-application`);
          await page.goto("/-/settings/apps");
          if (script) await wellMade(window, "settings-apps");
          await picture(window, "settings-apps");
          await page.getByRole("button", { name: "Withdraw: Looms & more" }).click();
          assert.match(await page.getByRole("status").first().innerText(), /is withdrawn/);
        });
        assert.equal((await make("once-more", tokens)).status, 401);
        const refreshed = await ask({ grant_type: "refresh_token", refresh_token: tokens.refresh_token });
        assert.deepEqual([refreshed.status, (await refreshed.json()).error], [400, "invalid_grant"]);
      } finally {
        application.close();
      }
    });
  }

  it("find pages that are well made", async () => {
    await lookAt(browser, site, [
      ["sign-up", "/-/sign-up"],
      ["forgot", "/-/forgot"],
      ["reset-over", "/-/reset?token=0", 404],
      ["verify", "/-/verify?token=0"],
    ]);
    await lookAt(browser, site, [
      ["settings-email", "/-/settings/email"],
      ["settings-second-factor", "/-/settings/second-factor"],
      ["settings-wallets-none", "/-/settings/wallets"],
      ["settings-identities-none", "/-/settings/identities"],
      ["settings-apps-none", "/-/settings/apps"],
    ], { signedIn: "ada" });
  });
});
