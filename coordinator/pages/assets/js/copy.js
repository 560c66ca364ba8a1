// Buttons with `data-copy="ID"` copy the text of the element with that id.
const words = { copied: "Copied", failed: "Select the text and copy it" };
const SHOWN_MS = 2000;

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const from = document.getElementById(button.dataset.copy);
  const text = from.value ?? from.textContent;
  let said = words.copied;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // No clipboard without TLS: the text is selected, and the person copies it.
    if (from.select) from.select();
    else getSelection().selectAllChildren(from);
    said = words.failed;
  }
  const label = button.querySelector("[data-said]") ?? button;
  const usual = label.textContent;
  label.textContent = said;
  label.setAttribute("role", "status");
  setTimeout(() => (label.textContent = usual), SHOWN_MS);
});
