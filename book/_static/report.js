// What is wider than its place can be scrolled with the keys: it is a stop for Tab, but only then.
document.addEventListener("DOMContentLoaded", () => {
  const places = document.querySelectorAll(".scrolls");
  const look = (place) => {
    if (place.scrollWidth > place.clientWidth) place.tabIndex = 0;
    else place.removeAttribute("tabindex");
  };
  const observer = new ResizeObserver((entries) => {
    for (const { target } of entries) look(target.closest(".scrolls"));
  });
  for (const place of places) {
    observer.observe(place);
    for (const inside of place.children) observer.observe(inside);
  }
  document.fonts.ready.then(() => places.forEach(look)); // a formula's box keeps its size
});
