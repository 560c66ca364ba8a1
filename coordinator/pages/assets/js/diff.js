// Differences: files that were looked at are remembered and folded; more of a file is fetched in
// its place.
const KEPT = 400;
const key = (file) => `viewed:${location.pathname}:${file.dataset.file}`;

const kept = {
  get(file) {
    try {
      return localStorage.getItem(key(file)) === file.dataset.version;
    } catch {
      return false;
    }
  },
  set(file, viewed) {
    try {
      if (viewed) localStorage.setItem(key(file), file.dataset.version);
      else localStorage.removeItem(key(file));
      const all = Object.keys(localStorage).filter((name) => name.startsWith("viewed:"));
      for (const old of all.slice(0, Math.max(0, all.length - KEPT))) localStorage.removeItem(old);
    } catch {
      // Then it is forgotten with the page.
    }
  },
};

function begin(file) {
  const box = file.querySelector("[data-viewed]");
  if (box && kept.get(file)) {
    box.checked = true;
    file.open = false;
  }
}

document.addEventListener("change", (event) => {
  if (!event.target.matches?.("[data-viewed]")) return;
  const file = event.target.closest("[data-file]");
  kept.set(file, event.target.checked);
  if (event.target.checked) file.open = false;
});

document.addEventListener("click", async (event) => {
  const more = event.target.closest?.("[data-expand]");
  if (!more || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const file = more.closest("[data-file]");
  try {
    const answer = await fetch(more.href, { headers: { accept: "text/html" } });
    if (!answer.ok) throw new Error(String(answer.status));
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const whole = page.querySelector("[data-file] .wide-table");
    if (!whole) throw new Error("nothing");
    file.querySelector(".wide-table").replaceWith(whole);
    whole.focus({ preventScroll: true });
  } catch {
    location.href = more.href;
  }
});

for (const file of document.querySelectorAll("[data-file]")) begin(file);
