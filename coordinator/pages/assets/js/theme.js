// Sets the theme that was chosen, before anything is painted, and lets it be chosen: the system's,
// light, dark. Without script the system's holds.
(() => {
  const root = document.documentElement;
  const themes = ["system", "light", "dark"];
  const words = { system: "Theme: system", light: "Theme: light", dark: "Theme: dark" };
  const kept = () => {
    try {
      const theme = localStorage.getItem("theme");
      return themes.includes(theme) ? theme : "system";
    } catch {
      return "system";
    }
  };
  const show = (theme) => {
    if (theme === "system") delete root.dataset.theme;
    else root.dataset.theme = theme;
    for (const button of document.querySelectorAll("[data-theme-switch]")) {
      button.lastChild.textContent = words[theme];
    }
  };
  root.dataset.script = "";
  show(kept());
  document.addEventListener("DOMContentLoaded", () => show(kept()));
  document.addEventListener("click", (event) => {
    if (!event.target.closest?.("[data-theme-switch]")) return;
    const next = themes[(themes.indexOf(kept()) + 1) % themes.length];
    try {
      localStorage.setItem("theme", next);
    } catch {
      // Then it holds for this page.
    }
    show(next);
  });
  // Another window of the site chose.
  addEventListener("storage", (event) => event.key === "theme" && show(kept()));
})();
