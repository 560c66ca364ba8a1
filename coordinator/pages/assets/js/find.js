// Go to file: the list follows what is typed; Enter goes to the first, the arrows go along.
const form = document.querySelector("[data-find]");
const list = document.getElementById("p-found");
const input = form?.querySelector("input");
let asked = 0;
let timer = 0;

async function find() {
  const address = new URL(form.action);
  address.searchParams.set("q", input.value);
  const mine = ++asked;
  const answer = await fetch(address, { headers: { accept: "text/html" } });
  if (!answer.ok || mine !== asked) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const found = page.getElementById("p-found");
  if (found && mine === asked) list.replaceChildren(...found.childNodes);
}

const rows = () => [...list.querySelectorAll("a")];

input?.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(() => find().catch(() => {}), 80);
});
form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  clearTimeout(timer);
  try {
    await find();
    rows()[0]?.click();
  } catch {
    form.submit();
  }
});
input?.addEventListener("keydown", (event) => {
  if (event.key !== "ArrowDown") return;
  event.preventDefault();
  rows()[0]?.focus();
});
list?.addEventListener("keydown", (event) => {
  const at = rows().indexOf(document.activeElement);
  if (at < 0 || (event.key !== "ArrowDown" && event.key !== "ArrowUp")) return;
  event.preventDefault();
  const next = rows()[at + (event.key === "ArrowDown" ? 1 : -1)];
  (next ?? (event.key === "ArrowUp" ? input : null))?.focus();
});
