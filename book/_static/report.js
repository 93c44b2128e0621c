// The first visit is in the colours of the reader's system before anything is painted; the theme's
// own script comes last.
const scheme = document.documentElement.dataset;
if (scheme.theme === "auto") {
  scheme.theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

// What is wider than its place can be scrolled with the keys: it is a stop for Tab, but only then.
const look = () => {
  for (const place of document.querySelectorAll("article :is(table, div.math, pre, .output)")) {
    const wide = place.scrollWidth > place.clientWidth;
    if (wide) place.tabIndex = 0;
    else place.removeAttribute("tabindex");
  }
};
window.addEventListener("load", () => document.fonts.ready.then(look));
window.addEventListener("resize", look);
