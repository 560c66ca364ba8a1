// Organisations in a real Chromium, through the real worker: made by a form, filled with people and
// teams, a repository in them, and what was done read in their log; with script and without.

import { strict as assert } from "node:assert";
import { after, before, describe, it } from "node:test";
import { cannotBrowse, inWindow, lookAt, startBrowser } from "./browser.mjs";
import { cannotStart, startSite } from "./site.mjs";

const skip = cannotStart() || cannotBrowse();

describe("organisations", { skip }, () => {
  let site;
  let browser;

  before(async () => {
    site = await startSite();
    browser = await startBrowser();
    for (const name of ["ada", "grace"]) site.account(name);
  });

  after(async () => {
    await browser?.close();
    await site?.stop();
  });

  const within = (options, story) => inWindow(browser, site, options, story);

  for (const script of [true, false]) {
    const how = script ? "with script" : "without script";
    const name = script ? "weavers" : "dyers";

    it(`are made, filled and left, ${how}`, async () => {
      await within({ script }, async (page, window) => {
        await window.signIn("ada");
        await page.goto("/ada");
        await page.getByRole("link", { name: "New organisation" }).click();
        await page.getByLabel("Name", { exact: true }).fill("no good name");
        await page.getByLabel("Description").fill("They weave");
        const make = page.getByRole("button", { name: "Create organisation" });
        await make.click();
        const field = page.getByLabel("Name", { exact: true });
        assert.equal(await field.getAttribute("aria-invalid"), "true");
        assert.equal(await page.getByLabel("Description").inputValue(), "They weave");
        await field.fill(name);
        await make.click();
        await page.waitForURL((url) => url.pathname === `/${name}`);
        await page.getByRole("heading", { name, exact: true }).waitFor();

        // A repository of it, which only those who may see it see.
        await page.getByRole("link", { name: "New repository" }).last().click();
        assert.equal(await page.getByLabel("Owner").inputValue(), name);
        await page.getByLabel("Name", { exact: true }).fill("loom");
        await page.getByLabel("Internal").check();
        await page.getByRole("button", { name: "Create repository" }).click();
        await page.waitForURL((url) => url.pathname === `/${name}/loom`);
        await page.getByText("Internal", { exact: true }).first().waitFor();

        // People: a name that nobody has is told beside the field.
        await page.goto(`/-/orgs/${name}/members`);
        await page.getByLabel("Name of their account").fill("nobody");
        await page.getByRole("button", { name: "Add somebody" }).click();
        assert.equal(await page.getByLabel("Name of their account").getAttribute("aria-invalid"), "true");
        await page.getByLabel("Name of their account").fill("grace");
        await page.getByRole("button", { name: "Add somebody" }).click();
        await page.getByRole("status").filter({ hasText: "They belong to it" }).waitFor();

        // A team, with grace in it and the repository open to it.
        await page.getByRole("link", { name: "Teams" }).click();
        await page.getByLabel("Name", { exact: true }).fill("core");
        await page.getByRole("button", { name: "Create a team" }).click();
        await page.getByRole("heading", { name: "Team core" }).waitFor();
        await page.getByLabel("Name of their account").fill("grace");
        await page.getByRole("button", { name: "Add somebody" }).click();
        await page.getByRole("main").getByRole("link", { name: "grace" }).waitFor();
        await page.getByLabel("Name of the repository").fill("loom");
        await page.getByRole("button", { name: "Let it into a repository" }).click();
        await page.getByRole("main").getByRole("link", { name: "loom" }).waitFor();

        // The log has all of it.
        await page.getByRole("link", { name: "Log" }).click();
        for (const action of ["team_repository.put", "team_member.put", "member.put", "organisation.create"])
          await page.getByText(action, { exact: true }).waitFor();
      });
      await within({ script }, async (page, window) => {
        await window.signIn("grace");
        await page.goto(`/-/orgs/${name}/members`);
        assert.equal(await page.getByRole("button", { name: "Add somebody" }).count(), 0);
        await page.getByRole("button", { name: "Leave: grace" }).click();
        await page.waitForURL((url) => url.pathname === `/${name}`);
        assert.equal(await page.getByRole("link", { name: "People and teams" }).count(), 0);
      });
      const stranger = await fetch(`${site.url}/${name}`);
      assert.equal(stranger.status, 200);
      assert.ok(!(await stranger.text()).includes("loom"));
    });
  }

  it("are well made at every width, light and dark, with script and without", async () => {
    await lookAt(browser, site, [["organisation", "/weavers"]]);
    const pages = [
      ["organisation-own", "/weavers"],
      ["organisation-new", "/-/orgs/new"],
      ["organisation-settings", "/-/orgs/weavers"],
      ["organisation-members", "/-/orgs/weavers/members"],
      ["organisation-teams", "/-/orgs/weavers/teams"],
      ["organisation-team", "/-/orgs/weavers/teams/core"],
      ["organisation-log", "/-/orgs/weavers/log"],
      ["settings-log", "/-/settings/log"],
      ["repository-log", "/weavers/loom/settings/log"],
      ["new-of-many", "/new?owner=weavers"],
    ];
    await lookAt(browser, site, pages, { signedIn: "ada" });
  });
});
