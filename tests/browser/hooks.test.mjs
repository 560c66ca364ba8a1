// Webhooks in a real Chromium, through the real worker: added, told, looked at, told again and removed;
// with script and without.

import { strict as assert } from "node:assert";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, describe, it } from "node:test";
import { cannotBrowse, inWindow, lookAt, startBrowser } from "./browser.mjs";
import { cannotStart, startSite } from "./site.mjs";

const skip = cannotStart() || cannotBrowse();
/** Where the receiver listens: an address that the forge is told it may reach. */
const outside = "127.0.0.2";

describe("webhooks", { skip }, () => {
  let site;
  let browser;
  let receiver;
  let url;
  const told = [];

  before(async () => {
    receiver = createServer((request, answer) => {
      let body = "";
      request.on("data", (part) => (body += part));
      request.on("end", () => {
        told.push({ path: request.url, event: request.headers["x-plue-event"], body });
        answer.end("Thank you, <b>forge</b>");
      });
    }).listen(0, outside);
    await once(receiver, "listening");
    url = `http://${outside}:${receiver.address().port}`;
    site = await startSite({ variables: { PLUE_WEBHOOK_NETWORKS: outside } });
    browser = await startBrowser();
    site.account("ada");
    for (const name of ["engine", "loom"]) site.repository(`ada/${name}`);
  });

  after(async () => {
    await browser?.close();
    await site?.stop();
    receiver?.close();
  });

  /** Waits until the receiver was told so often. */
  const hears = async (path, times) => {
    for (let round = 0; told.filter((one) => one.path === path).length < times; round++) {
      assert.ok(round < 400, `${path} was not told ${times} times: ${JSON.stringify(told)}`);
      await new Promise((ok) => setTimeout(ok, 50));
    }
  };

  for (const script of [true, false]) {
    const how = script ? "with script" : "without script";
    const name = script ? "engine" : "loom";
    const at = `/ada/${name}/settings/hooks`;

    it(`are added, told and removed, ${how}`, async () => {
      await inWindow(browser, site, { script }, async (page, window) => {
        await window.signIn("ada");
        await page.goto(`/ada/${name}/settings`);
        await page.getByRole("link", { name: "Webhooks" }).click();
        await page.getByText("Nobody outside is told of what happens here.").waitFor();

        // An inner address is told beside the field, and what was typed stays, the secret aside.
        await page.getByLabel("Address").fill("http://127.0.0.1:1/");
        await page.getByLabel("Secret").fill("hush");
        await page.getByLabel("Issues", { exact: true }).check();
        await page.getByRole("button", { name: "Add a webhook" }).click();
        assert.equal(await page.getByLabel("Address").getAttribute("aria-invalid"), "true");
        await page.getByText("is not reached from here").waitFor();
        assert.equal(await page.getByLabel("Issues", { exact: true }).isChecked(), true);
        assert.equal(await page.getByLabel("Secret").inputValue(), "");
        await page.getByLabel("Address").fill(`${url}/${name}`);
        await page.getByLabel("Secret").fill("hush");
        await page.getByLabel("Of GitHub").check();
        await page.getByLabel("In order").check();
        await page.getByRole("button", { name: "Add a webhook" }).click();
        await page.getByRole("status").filter({ hasText: "The webhook is added" }).waitFor();
        await hears(`/${name}`, 1);
        await page.reload();
        await page.getByText("Arrived").first().waitFor();

        // It has a secret, which is not shown and stays.
        assert.equal(await page.getByLabel("Secret", { exact: true }).inputValue(), "");
        await page.getByText("Leave this empty to keep it.").waitFor();
        await page.getByRole("button", { name: "Save" }).click();
        await page.getByRole("status").filter({ hasText: "Saved." }).waitFor();
        await page.getByText("Take its secret away").waitFor();

        await page.getByRole("button", { name: "Send a test" }).click();
        await page.getByRole("status").filter({ hasText: "A test is on its way." }).waitFor();
        await hears(`/${name}`, 2);

        // One delivery, with what was sent and what came back, which is text and nothing else.
        await page.getByRole("link", { name: "ping" }).last().click();
        await page.getByText("Thank you, <b>forge</b>").waitFor();
        await page.getByText('"hook_id"').waitFor();
        await page.getByRole("button", { name: "Tell it again" }).click();
        await page.getByRole("status").filter({ hasText: "It is told again" }).waitFor();
        await hears(`/${name}`, 3);
        const said = told.filter((one) => one.path === `/${name}`).map((one) => one.body);
        assert.ok(said.slice(0, 2).includes(said[2]), "word for word");

        await page.goto(at);
        await page.getByRole("link", { name: `${url}/${name}` }).click();
        await page.getByRole("button", { name: "Remove this webhook" }).click();
        await page.getByRole("status").filter({ hasText: "The webhook is removed" }).waitFor();
        await page.getByText("Nobody outside is told of what happens here.").waitFor();
      });
    });
  }

  it("are well made at every width, light and dark, with script and without", async () => {
    const at = "/ada/engine/settings/hooks";
    let of;
    await inWindow(browser, site, {}, async (page, window) => {
      await window.signIn("ada");
      await page.goto(at);
      await page.getByLabel("Address").fill(`${url}/seen?of=${"a".repeat(80)}`);
      await page.getByRole("button", { name: "Add a webhook" }).click();
      await page.getByRole("status").filter({ hasText: "The webhook is added" }).waitFor();
      await hears(`/seen?of=${"a".repeat(80)}`, 1);
      of = new URL(page.url()).pathname;
      await page.reload();
      await page.getByText("Arrived").first().waitFor();
      const delivery = await page.getByRole("link", { name: "ping" }).first().getAttribute("href");
      await page.goto(delivery);
      of = [of, delivery];
    });
    const pages = [
      ["hooks", at],
      ["hook", of[0]],
      ["hook-delivery", of[1]],
    ];
    await lookAt(browser, site, pages, { signedIn: "ada" });
  });
});
