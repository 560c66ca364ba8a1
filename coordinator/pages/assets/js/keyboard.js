// Keys. Whatever bears `data-key` is reached by it: a link is followed, a button pressed, a field
// entered. `j` and `k` go along the links that bear `data-row`. `?` lists what there is on the page.
const words = {
  title: "Keys of this page",
  next: "Next in the list",
  previous: "Previous in the list",
  list: "This list",
  leave: "Leave a field or this list",
  off: "Switch keys off",
  on: "Switch keys on",
  close: "Close",
};
const PAUSE_MS = 1200;

let begun = "";
let timer = 0;
let before = null;

const kept = () => {
  try {
    return localStorage.getItem("keys") !== "off";
  } catch {
    return true;
  }
};
const shown = (element) => element.getClientRects().length > 0;
const writes = (element) => element.matches?.("input, textarea, select, [contenteditable]");
const label = (element) =>
  element.dataset.keyLabel || element.getAttribute("aria-label") || element.placeholder || element.textContent.trim();

function reach(element) {
  if (writes(element)) {
    before = document.activeElement;
    element.focus();
    element.select?.();
  } else {
    element.click();
  }
}

function along(step) {
  const rows = [...document.querySelectorAll("[data-row]")].filter(shown);
  if (rows.length === 0) return;
  const at = rows.indexOf(document.activeElement);
  const next = at < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(Math.max(at + step, 0), rows.length - 1);
  rows[next].focus();
  rows[next].scrollIntoView({ block: "nearest" });
}

function help() {
  if (document.querySelector("dialog[open]")) return;
  before = document.activeElement;
  const dialog = document.createElement("dialog");
  const title = dialog.appendChild(document.createElement("h2"));
  title.textContent = words.title;
  title.id = "keys-title";
  dialog.setAttribute("aria-labelledby", title.id);
  const list = dialog.appendChild(document.createElement("dl"));
  list.className = "keys";
  const line = (keys, text) => {
    const term = list.appendChild(document.createElement("dt"));
    for (const key of keys.split(" ")) {
      term.appendChild(document.createElement("kbd")).textContent = key;
      term.append(" ");
    }
    list.appendChild(document.createElement("dd")).textContent = text;
  };
  const listed = new Set(["?"]);
  for (const element of document.querySelectorAll("[data-key]")) {
    if (listed.has(element.dataset.key) || !shown(element)) continue;
    listed.add(element.dataset.key);
    line(element.dataset.key, label(element));
  }
  if (document.querySelector("[data-row]")) {
    line("j", words.next);
    line("k", words.previous);
  }
  line("?", words.list);
  line("Esc", words.leave);
  const end = dialog.appendChild(document.createElement("div"));
  end.className = "submit";
  const button = (text, act) => {
    const made = end.appendChild(document.createElement("button"));
    made.type = "button";
    made.textContent = text;
    made.addEventListener("click", act);
    return made;
  };
  const close = button(words.close, () => dialog.close());
  const other = button(kept() ? words.off : words.on, () => {
    try {
      localStorage.setItem("keys", kept() ? "off" : "on");
    } catch {
      // Then they stay as they are.
    }
    other.textContent = kept() ? words.off : words.on;
  });
  dialog.addEventListener("close", () => {
    dialog.remove();
    before?.focus?.();
  });
  document.body.append(dialog);
  dialog.showModal();
  close.focus();
}

function key(event) {
  const target = event.target;
  if (event.key === "Escape") {
    const menu = target.closest?.("details.menu[open]");
    if (menu) {
      menu.open = false;
      menu.querySelector("summary").focus();
    } else if (writes(target) && before) {
      target.blur();
      before.focus?.();
      before = null;
    }
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || !kept()) return;
  if (writes(target) || document.querySelector("dialog[open]")) return;
  clearTimeout(timer);
  const typed = begun ? `${begun} ${event.key}` : event.key;
  const keyed = [...document.querySelectorAll("[data-key]")];
  const found = keyed.find((element) => element.dataset.key === typed && shown(element));
  begun = "";
  if (typed === "?") help();
  else if (found) reach(found);
  else if (typed === "j") along(1);
  else if (typed === "k") along(-1);
  else {
    if (event.key !== "Shift" && keyed.some((element) => element.dataset.key.startsWith(`${typed} `))) {
      begun = typed;
      timer = setTimeout(() => (begun = ""), PAUSE_MS);
    }
    return;
  }
  event.preventDefault();
}

document.addEventListener("keydown", key);
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-keys-help]")) help();
  // A menu that is open closes with a click elsewhere.
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
