// A marked number tells its finding when pointed at or reached by keyboard; a click keeps it open.
// Without this script a click alone opens it (the browser's own popovers).
const startAudit = () => {
  const told = (button) => document.getElementById(button.getAttribute("popovertarget"));
  const place = (button, box) => {
    if (window.innerWidth < 700) return; // the style sheet puts it at the foot of a phone
    const at = button.getBoundingClientRect();
    box.style.inset = "auto";
    box.style.left = `${Math.max(8, Math.min(at.left, window.innerWidth - box.offsetWidth - 16))}px`;
    const below = at.bottom + 6;
    const fits = below + box.offsetHeight < window.innerHeight;
    box.style.top = `${fits ? below : Math.max(8, at.top - box.offsetHeight - 6)}px`;
  };
  let passing = null; // the button whose finding is shown for as long as it is pointed at
  const show = (button) => {
    const box = told(button);
    if (!box || !box.showPopover || box.matches(":popover-open")) return;
    box.showPopover();
    place(button, box);
    passing = button;
  };
  const leave = (button) => {
    if (passing !== button) return;
    passing = null;
    told(button).hidePopover();
  };
  document.querySelectorAll("button.audit-cell").forEach((button) => {
    const box = told(button);
    button.addEventListener("pointerenter", (e) => e.pointerType === "mouse" && show(button));
    button.addEventListener("pointerleave", (e) => {
      if (e.pointerType === "mouse" && document.activeElement !== button) leave(button);
    });
    button.addEventListener("focus", () => button.matches(":focus-visible") && show(button));
    button.addEventListener("blur", (e) => box.contains(e.relatedTarget) || leave(button));
    button.addEventListener("click", (e) => {
      if (passing === button) {
        e.preventDefault(); // it is open already: the click keeps it
        passing = null;
      } else {
        requestAnimationFrame(() => box.matches(":popover-open") && place(button, box));
      }
    });
  });
};
if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", startAudit);
else startAudit();
