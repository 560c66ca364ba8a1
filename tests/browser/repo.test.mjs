// The pages of a repository, in a real Chromium, through the real worker, before a real forge: a
// push, and then what a visitor does with it, by mouse, by keyboard alone and without script.

import { strict as assert } from "node:assert";
import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { cannotBrowse, inWindow, lookAt, startBrowser, weight } from "./browser.mjs";
import { cannotStart, startSite } from "./site.mjs";

const skip = cannotStart() || cannotBrowse();
const HOSTILE = "<img src=x onerror=alert(1)>";

const README = `# Engine

It computes tables by the *method of differences*. See [the guide](docs/guide.md).

- [x] add
- [ ] multiply

| column | value |
|--------|------:|
| a      |     1 |

\`\`\`rust
fn main() { println!("{}", 6 * 7); }
\`\`\`

> [!NOTE]
> Turn the handle slowly.
`;

// Only the first columns change with the step, so that there is more of the file to unfold.
const source = (step) =>
  Array.from({ length: 120 }, (_, at) => {
    const by = at < 3 ? step : 1;
    return at % 10 === 0 ? `/// Computes column ${at}, in steps of ${by}.\n` : `pub fn column_${at}(x: u64) -> u64 {\n\tx * ${at} + ${by}\n}\n`;
  }).join("");

describe("the pages of a repository", { skip }, () => {
  let site;
  let browser;
  let tip;

  before(async () => {
    site = await startSite();
    browser = await startBrowser();
    site.account("ada");
    const token = site.token("ada");
    const tree = site.commit("engine", {
      "README.md": README,
      "src/lib.rs": source(1),
      "src/main.rs": "fn main() {\n    engine::run();\n}\n",
      "docs/guide.md": "## The guide\n\nBack to [the start](../README.md).\n",
      "data/tables.csv": "name,value\nfirst,1\nsecond,2\n",
      "logo.svg": "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8' width='96' height='96'><circle cx='4' cy='4' r='3' fill='#2b5fd0'/></svg>",
      ".gitattributes": "generated.txt linguist-generated\n",
      "generated.txt": "one\n",
      [`${HOSTILE}.txt`]: `${HOSTILE}\n`,
    });
    symlinkSync("src/main.rs", join(tree, "link"));
    writeFileSync(join(tree, "src/lib.rs"), source(2));
    writeFileSync(join(tree, "generated.txt"), "two\n");
    writeFileSync(join(tree, "bytes.bin"), Buffer.from([0, 1, 2, 255]));
    site.git(tree, "add", "-A");
    site.git(tree, "commit", "-q", "-m", `Take longer steps ${HOSTILE}\n\nThe first ones were too short.`);
    site.git(tree, "switch", "-q", "-c", "feature/side");
    writeFileSync(join(tree, "src/side.rs"), "// aside\n");
    site.git(tree, "add", "-A");
    site.git(tree, "commit", "-q", "-m", "Go aside");
    site.git(tree, "switch", "-q", "main");
    site.git(tree, "merge", "-q", "--no-ff", "-m", "Bring the side in", "feature/side");
    site.git(tree, "tag", "v1.0");
    tip = site.git(tree, "rev-parse", "HEAD~1").trim();
    site.repository("ada/engine", { description: "An engine that computes tables by the method of differences." });
    site.repository("ada/empty");
    site.push(tree, "ada/engine", token, "main");
    site.push(tree, "ada/engine", token, "feature/side");
    site.push(tree, "ada/engine", token, "v1.0");
  });

  after(async () => {
    await browser?.close();
    await site?.stop();
  });

  const within = (options, story) => inWindow(browser, site, options, story);

  it("are well made at every width, light and dark, with script and without", async () => {
    await lookAt(browser, site, [
      ["repo-home", "/ada/engine"],
      ["repo-empty", "/ada/empty"],
      ["repo-tree", "/ada/engine/tree/main/src"],
      ["repo-file", "/ada/engine/blob/main/src/lib.rs"],
      ["repo-prose", "/ada/engine/blob/main/README.md"],
      ["repo-table", "/ada/engine/blob/main/data/tables.csv"],
      ["repo-picture", "/ada/engine/blob/main/logo.svg"],
      ["repo-binary", "/ada/engine/blob/main/bytes.bin"],
      ["repo-blame", "/ada/engine/blame/main/src/lib.rs"],
      ["repo-commits", "/ada/engine/commits/main"],
      ["repo-history", "/ada/engine/commits/main/src/lib.rs"],
      ["repo-commit", `/ada/engine/commit/${tip}`],
      ["repo-commit-split", `/ada/engine/commit/${tip}?diff=split`],
      ["repo-compare", "/ada/engine/compare/main...feature/side"],
      ["repo-compare-choose", "/ada/engine/compare"],
      ["repo-bookmarks", "/ada/engine/bookmarks"],
      ["repo-tags", "/ada/engine/tags"],
      ["repo-people", "/ada/engine/contributors"],
      ["repo-find", "/ada/engine/find/main?q=lib"],
    ]);
  });

  it("weigh at most 60 KB with everything", async () => {
    for (const path of ["/ada/engine", "/ada/engine/tree/main/src", "/ada/engine/blob/main/README.md", `/ada/engine/commit/${tip}`]) {
      await within({}, async (_, window) => {
        await window.go(path);
        const { bytes, requests } = await weight(window);
        assert.ok(bytes <= 60 * 1024, `${path} weighs ${bytes} bytes`);
        assert.ok(requests <= 10, `${path} takes ${requests} requests`);
      });
    }
  });

  it("lead from the first page to a line, and the line stays chosen on the way to blame and permalink", async () => {
    await within({}, async (page) => {
      await page.goto("/ada/engine");
      await page.getByRole("link", { name: "src", exact: true }).click();
      await page.getByRole("link", { name: "lib.rs", exact: true }).click();
      await page.getByRole("link", { name: "10", exact: true }).click();
      assert.equal(new URL(page.url()).hash, "#L10");
      await page.getByRole("link", { name: "20", exact: true }).click({ modifiers: ["Shift"] });
      assert.equal(new URL(page.url()).hash, "#L10-L20");
      assert.equal(await page.locator(".code .chosen").count(), 11);
      await page.reload();
      assert.equal(await page.locator(".code .chosen").count(), 11);
      await page.keyboard.press("y");
      await page.waitForURL(/\/blob\/[0-9a-f]{40}\/src\/lib\.rs#L10-L20$/);
      await page.keyboard.press("b");
      await page.waitForURL(/\/blame\/[0-9a-f]{40}\/src\/lib\.rs/);
      assert.ok((await page.locator(".blame .run").count()) > 1);
    });
  });

  it("go to a file with t, and to the first that is found with Enter", async () => {
    await within({}, async (page) => {
      await page.goto("/ada/engine");
      await page.keyboard.press("t");
      await page.waitForURL(/\/find\/main$/);
      await page.keyboard.type("guide");
      await page.getByText("1 file", { exact: true }).waitFor();
      await page.keyboard.press("Enter");
      await page.waitForURL(/\/blob\/main\/docs\/guide\.md$/);
    });
  });

  it("show a change unified and split, remember what was viewed, and unfold more in its place", async () => {
    await within({}, async (page) => {
      await page.goto(`/ada/engine/commit/${tip}`);
      const file = page.locator("[data-file='src/lib.rs']");
      assert.ok((await file.locator("ins").count()) > 0, "words are marked");
      assert.equal(await page.locator("[data-file='generated.txt']").getAttribute("open"), null, "generated files are folded");
      const before = await file.locator("tr").count();
      await file.locator("[data-expand]").first().click();
      await page.waitForFunction((count) => document.querySelectorAll("[data-file='src/lib.rs'] tr").length > count, before);
      assert.ok(page.url().endsWith(tip), "in its place");
      await file.getByLabel("Viewed").check();
      await page.reload();
      assert.equal(await file.getAttribute("open"), null);
      await page.getByRole("link", { name: "Split" }).click();
      await page.waitForURL(/diff=split/);
      assert.ok((await page.locator("table.split").count()) > 0);
    });
  });

  it("keep path and ref when another ref is chosen, by keyboard alone", async () => {
    await within({}, async (page) => {
      await page.goto("/ada/engine/blob/main/src/lib.rs");
      await page.keyboard.press("w");
      await page.getByRole("link", { name: "feature/side" }).focus();
      await page.keyboard.press("Enter");
      await page.waitForURL(/\/blob\/feature\/side\/src\/lib\.rs$/);
      await page.keyboard.press("h");
      await page.waitForURL(/\/commits\/feature\/side\/src\/lib\.rs$/);
      await page.keyboard.press("j");
      await page.keyboard.press("Enter");
      await page.waitForURL(/\/commit\/[0-9a-f]{40}$/);
    });
  });

  it("work without script: a line, a ref, finding, more of a change, what is hidden", async () => {
    await within({ script: false }, async (page) => {
      await page.goto("/ada/engine/blob/main/src/lib.rs#L30");
      assert.equal(await page.locator("#L30").count(), 1);
      await page.locator(".chooser summary").click();
      await page.getByRole("link", { name: "feature/side" }).click();
      await page.waitForURL(/\/blob\/feature\/side\/src\/lib\.rs$/);
      await page.goto("/ada/engine/find/main");
      await page.getByLabel("Parts of a file's path").fill("tables");
      await page.keyboard.press("Enter");
      await page.getByRole("link", { name: "data/tables.csv" }).click();
      await page.waitForURL(/\/blob\/main\/data\/tables\.csv$/);
      await page.goto(`/ada/engine/commit/${tip}`);
      await page.locator("[data-file='src/lib.rs'] [data-expand]").first().click();
      await page.waitForURL(/context=25&file=src\/lib\.rs/);
    });
  });
});
