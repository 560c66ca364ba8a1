// Issues in a real Chromium, through the real worker: opened from a template, talked about, sorted,
// searched for and closed; with script and without.

import { strict as assert } from "node:assert";
import { after, before, describe, it } from "node:test";
import { cannotBrowse, inWindow, lookAt, startBrowser } from "./browser.mjs";
import { cannotStart, startSite } from "./site.mjs";

const skip = cannotStart() || cannotBrowse();

const template = `---
name: Bug report
about: Something breaks
title: "[Bug] "
labels: bug
---
## What happens
`;

describe("issues", { skip }, () => {
  let site;
  let browser;

  before(async () => {
    site = await startSite();
    browser = await startBrowser();
    for (const name of ["ada", "grace"]) site.account(name);
    const token = site.token("ada");
    for (const name of ["engine", "loom"]) {
      site.repository(`ada/${name}`);
      const tree = site.commit(name, { "README.md": "# It\n", ".github/ISSUE_TEMPLATE/bug.md": template });
      site.push(tree, `ada/${name}`, token);
    }
  });

  after(async () => {
    await browser?.close();
    await site?.stop();
  });

  const within = (options, story) => inWindow(browser, site, options, story);

  for (const script of [true, false]) {
    const how = script ? "with script" : "without script";
    const at = script ? "/ada/engine" : "/ada/loom";

    it(`are opened, sorted and closed, ${how}`, async () => {
      await within({ script }, async (page, window) => {
        await window.signIn("ada");
        await page.goto(`${at}/issues`);
        await page.getByText("There is no issue yet.").waitFor();

        // A label; a colour that is none is told beside the field.
        await page.getByRole("link", { name: "Labels" }).click();
        await page.getByLabel("Name", { exact: true }).fill("bug");
        await page.getByLabel("Colour").fill("red");
        await page.getByRole("button", { name: "Create a label" }).click();
        assert.equal(await page.getByLabel("Colour").getAttribute("aria-invalid"), "true");
        assert.equal(await page.getByLabel("Name", { exact: true }).inputValue(), "bug");
        await page.getByLabel("Colour").fill("#d73a4a");
        await page.getByRole("button", { name: "Create a label" }).click();
        await page.getByRole("link", { name: "bug", exact: true }).waitFor();

        // A milestone.
        await page.getByRole("link", { name: "Milestones" }).click();
        await page.getByLabel("Title").fill("v1");
        await page.getByLabel("Due on").fill("2027-01-31");
        await page.getByRole("button", { name: "Create a milestone" }).click();
        await page.getByRole("link", { name: "v1" }).waitFor();
      });

      // Somebody else reports a bug, by the repository's template.
      await within({ script }, async (page, window) => {
        await window.signIn("grace");
        await page.goto(`${at}/issues`);
        await page.getByRole("link", { name: "New issue" }).first().click();
        await page.getByRole("link", { name: "Bug report" }).click();
        assert.equal(await page.getByLabel("Title").inputValue(), "[Bug] ");
        assert.ok((await page.getByLabel("Text").inputValue()).includes("What happens"));
        await page.getByLabel("Title").fill("It <b>breaks</b>");
        await page.getByLabel("Text").fill("Ask @ada, see #1 and `#2`.\nTwo lines.\n\n<script>alert(1)</script>");
        await page.getByRole("button", { name: "Open issue" }).click();
        await page.waitForURL((url) => url.pathname === `${at}/issues/1`);
        await page.getByRole("heading", { name: "It <b>breaks</b> #1" }).waitFor();
        const said = page.locator("article .prose").first();
        assert.equal(await said.getByRole("link", { name: "@ada" }).getAttribute("href"), "/ada");
        assert.equal(await said.getByRole("link", { name: "#1" }).getAttribute("href"), `${at}/issues/1`);
        assert.equal(await said.getByRole("link", { name: "#2" }).count(), 0);
        assert.equal(await said.locator("br").count(), 1);
        assert.equal(await page.locator("article script").count(), 0);
        // The template's label is there, though grace may put none on.
        await page.getByRole("complementary").getByRole("link", { name: "bug" }).waitFor();
        assert.equal(await page.getByText("Sort this issue").count(), 0);
        await page.getByLabel("Say something").fill("Here **too**");
        await page.getByRole("button", { name: "Comment", exact: true }).click();
        await page.getByRole("status").filter({ hasText: "Said." }).waitFor();
        await page.locator("article strong", { hasText: "too" }).waitFor();
        // An empty comment is told, and nothing is said.
        await page.getByRole("button", { name: "Comment", exact: true }).click();
        await page.getByText("A comment says something.").first().waitFor();
      });

      await within({ script }, async (page, window) => {
        await window.signIn("ada");
        await page.goto(`${at}/issues/1`);
        await page.getByText("Sort this issue").click();
        await page.getByLabel("Assigned to").fill("ada nobody-at-all");
        await page.getByRole("complementary").getByRole("button", { name: "Save" }).click();
        assert.equal(await page.getByLabel("Assigned to").getAttribute("aria-invalid"), "true");
        await page.getByLabel("Assigned to").fill("ada");
        await page.getByRole("combobox", { name: "Milestone" }).selectOption("v1");
        await page.getByRole("complementary").getByRole("button", { name: "Save" }).click();
        await page.getByText("assigned ada").waitFor();
        await page.getByText("put it into v1").waitFor();
        await page.getByRole("button", { name: "👍" }).first().click();
        assert.equal(await page.getByRole("button", { name: "👍 1" }).getAttribute("aria-pressed"), "true");
        await page.getByLabel("Say something").fill("Done, see #1");
        await page.getByRole("button", { name: "Close issue" }).click();
        await page.getByText("closed it", { exact: true }).waitFor();
        await page.getByRole("button", { name: "Open again" }).click();
        await page.getByText("opened it again").waitFor();

        // Searched for as people say it.
        await page.goto(`${at}/issues`);
        await page.getByRole("searchbox", { name: "Search issues" }).fill("label:bug assignee:@me milestone:v1 breaks");
        await page.getByRole("button", { name: "Search" }).first().click();
        await page.getByRole("link", { name: "It <b>breaks</b>" }).waitFor();
        await page.getByRole("searchbox", { name: "Search issues" }).fill("-label:bug");
        await page.getByRole("button", { name: "Search" }).first().click();
        await page.getByText("No issue is like that.").waitFor();

        // Many at once.
        await page.goto(`${at}/issues`);
        await page.getByRole("button", { name: "Change them" }).click();
        await page.getByText("Pick the issues").waitFor();
        await page.getByLabel("Pick #1").check();
        await page.getByRole("combobox", { name: "State" }).selectOption("Not planned");
        await page.getByRole("button", { name: "Change them" }).click();
        await page.getByRole("status").filter({ hasText: "changed" }).waitFor();
        await page.goto(`${at}/issues/1`);
        await page.getByText("closed it as not planned").waitFor();
        await page.getByRole("button", { name: "Open again" }).click();
        await page.getByText("opened it again").first().waitFor();
      });
    });
  }

  it("are well made at every width, light and dark, with script and without", async () => {
    const pages = [
      ["issues", "/ada/engine/issues"],
      ["issue", "/ada/engine/issues/1"],
      ["labels", "/ada/engine/labels"],
      ["milestones", "/ada/engine/milestones"],
    ];
    await lookAt(browser, site, pages);
    const own = pages.map(([name, path]) => [`${name}-own`, path]);
    own.push(["issue-templates", "/ada/engine/issues/new"], ["issue-new", "/ada/engine/issues/new?template=-"]);
    await lookAt(browser, site, own, { signedIn: "ada" });
  });
});
