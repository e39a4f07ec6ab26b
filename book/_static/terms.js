// A word of the glossary tells its meaning when pointed at or reached by keyboard; escape hides it.
// Without this script the browser shows the same text as the link's title.
const startTerms = () => {
  const links = document.querySelectorAll("a.term[title]");
  if (!links.length) return;
  const told = document.createElement("div");
  told.className = "term-told";
  told.id = "term-told";
  told.role = "tooltip";
  told.hidden = true;
  document.body.append(told);
  let leaving = 0;
  const hide = () => {
    told.hidden = true;
  };
  const show = (link) => {
    clearTimeout(leaving);
    told.textContent = link.dataset.definition;
    told.hidden = false;
    const at = link.getBoundingClientRect();
    const right = document.documentElement.clientWidth - told.offsetWidth - 8;
    const below = at.bottom + 4;
    const fits = below + told.offsetHeight < window.innerHeight;
    told.style.left = `${Math.max(8, Math.min(at.left, right))}px`;
    told.style.top = `${fits ? below : Math.max(8, at.top - told.offsetHeight - 4)}px`;
  };
  const leave = () => {
    leaving = setTimeout(hide, 150); // time to move the pointer onto the text
  };
  links.forEach((link) => {
    link.dataset.definition = link.title;
    link.removeAttribute("title");
    link.setAttribute("aria-describedby", told.id);
    link.addEventListener("pointerenter", (e) => e.pointerType === "mouse" && show(link));
    link.addEventListener("pointerleave", leave);
    link.addEventListener("focus", () => show(link));
    link.addEventListener("blur", hide);
  });
  told.addEventListener("pointerenter", () => clearTimeout(leaving));
  told.addEventListener("pointerleave", leave);
  document.addEventListener("keydown", (e) => e.key === "Escape" && hide());
  window.addEventListener("scroll", hide, { passive: true });
};
if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", startTerms);
else startTerms();
