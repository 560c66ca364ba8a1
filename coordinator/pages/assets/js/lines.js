// Lines of a file: a click on a number chooses the line, with Shift a range; the address says which.
const boxes = [...document.querySelectorAll("[data-lines]")];
const link = document.querySelector("[data-permalink]");
const base = link?.getAttribute("href");

function chosen() {
  const found = /^#L(\d+)(?:-L(\d+))?$/.exec(location.hash);
  if (!found) return null;
  const ends = [Number(found[1]), Number(found[2] ?? found[1])];
  return [Math.min(...ends), Math.max(...ends)];
}

function show(scroll) {
  for (const line of document.querySelectorAll("[data-lines] .chosen")) line.classList.remove("chosen");
  const range = chosen();
  if (link) link.setAttribute("href", base + (range ? location.hash : ""));
  if (!range) return;
  for (let at = range[0]; at <= range[1]; at++) {
    const line = document.getElementById(`L${at}`);
    if (!line) break;
    line.classList.add("chosen");
  }
  if (scroll) document.getElementById(`L${range[0]}`)?.scrollIntoView({ block: "center" });
}

for (const box of boxes) {
  box.addEventListener("click", (event) => {
    const number = event.target.closest("a[href^='#L']");
    if (!number) return;
    event.preventDefault();
    const at = Number(number.hash.slice(2));
    const range = chosen();
    const hash = event.shiftKey && range ? `#L${Math.min(range[0], at)}-L${Math.max(range[0], at)}` : `#L${at}`;
    history.replaceState(history.state, "", hash);
    show(false);
  });
}
addEventListener("hashchange", () => show(true));
show(true);
