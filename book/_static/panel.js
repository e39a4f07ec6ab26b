// The look-up panel: shows the run that the inputs of a form name. The runs stand in the page, so
// that nothing is fetched and a page opened as a file works.
const startPanels = () => {
  document.querySelectorAll("form.sweep-panel").forEach((form) => {
    const data = JSON.parse(form.querySelector(".sweep-data").textContent);
    const said = form.querySelector(".sweep-said");
    const shown = form.querySelector(".sweep-shown");
    const track = form.querySelector(".sweep-track");
    const slider = form.elements.caliper;
    const told = form.querySelector("output");
    const fixed = (value, digits) => (value === null ? "–" : value.toFixed(digits));
    const find = (outcome, order, ties, caliper) =>
      data.entries[[outcome, order, ties, caliper].join("|")];
    const interval = (run) => `${fixed(run.ci_low, 2)} to ${fixed(run.ci_high, 2)}`;
    const ratio = (run) =>
      run.hazard_ratio === null ? "none" : `${fixed(run.hazard_ratio, 2)} (${interval(run)})`;
    const p = (run) => (run.p === null ? "–" : run.p < 0.001 ? "<0.001" : fixed(run.p, 3));
    const row = (name, ...cells) => {
      const line = document.createElement("tr");
      const head = document.createElement("th");
      head.scope = "row";
      head.textContent = name;
      line.append(head);
      cells.forEach((text) => {
        const cell = document.createElement("td");
        cell.textContent = text;
        line.append(cell);
      });
      return line;
    };
    const range = (run, key, digits) => {
      if (!run.range) return "";
      const [low, high] = run.range[key].map((end) => fixed(end, digits));
      return low === high ? " [always]" : ` [${low} to ${high}]`;
    };

    const draw = (run, own) => {
      // A line from 0.25 to 4 on a logarithmic scale: the interval, its ratio, the study's own.
      const place = (value) =>
        `${Math.min(100, Math.max(0, (100 * (Math.log2(value) + 2)) / 4))}%`;
      track.replaceChildren();
      const mark = (kind, from, to) => {
        const part = document.createElement("span");
        part.className = kind;
        part.style.left = place(from);
        if (to) part.style.width = `calc(${place(to)} - ${place(from)})`;
        track.append(part);
      };
      mark("one", 1);
      if (run.hazard_ratio !== null) mark("interval", run.ci_low, run.ci_high);
      if (own.hazard_ratio !== null) mark("own", own.hazard_ratio);
      if (run.hazard_ratio !== null) mark("ratio", run.hazard_ratio);
    };

    const show = () => {
      const outcome = form.elements.outcome.value;
      const order = form.elements.order.value;
      const ties = form.elements.ties.value;
      const caliper = Number(slider.value);
      told.textContent = String(data.calipers[caliper]);
      slider.setAttribute("aria-valuetext", `caliper ${data.calipers[caliper]}`);
      const run = find(outcome, order, ties, caliper);
      const own = find(outcome, data.own.order, data.own.ties, data.own.caliper);
      said.textContent = run.reason
        ? `No hazard ratio: ${run.reason}`
        : `${run.pairs} pairs, largest standardized mean difference ` +
          `${fixed(run.largest_smd, 3)}, hazard ratio ${ratio(run)}, p ${p(run)}.`;
      const table = document.createElement("table");
      const caption = table.createCaption();
      caption.textContent = run.range
        ? "Your choices (the first seed; in brackets the range over all) beside the study's own"
        : "Your choices beside the study's own";
      const head = table.createTHead().insertRow();
      ["", "Your choices", "The study's own", "Printed"].forEach((text) => {
        const cell = document.createElement(text ? "th" : "td");
        if (text) cell.scope = "col";
        cell.textContent = text;
        head.append(cell);
      });
      const body = table.createTBody();
      const printed = (key) => data.printed[key] || "";
      body.append(
        row("Pairs", `${run.pairs ?? "–"}${range(run, "pairs", 0)}`, own.pairs ?? "–", printed("pairs")),
        row(
          "Treated and control patients",
          `${run.treated ?? "–"} and ${run.control ?? "–"}`,
          `${own.treated ?? "–"} and ${own.control ?? "–"}`,
          "",
        ),
        row(
          "Largest standardized mean difference",
          `${fixed(run.largest_smd, 3)}${range(run, "largest_smd", 3)}`,
          fixed(own.largest_smd, 3),
          "",
        ),
        row("Mean standardized mean difference", fixed(run.mean_smd, 3), fixed(own.mean_smd, 3), ""),
        row(
          "Hazard ratio (95% interval)",
          `${ratio(run)}${range(run, "hazard_ratio", 2)}`,
          ratio(own),
          printed(outcome),
        ),
        row("p", p(run), p(own), ""),
        row("Events", String(run.events ?? "–"), String(own.events ?? "–"), ""),
      );
      shown.replaceChildren(table);
      draw(run, own);
    };

    form.querySelector("fieldset").hidden = false;
    track.hidden = false;
    form.addEventListener("input", show);
    form.addEventListener("submit", (event) => event.preventDefault());
    // the inputs have their old values back only after the event
    form.addEventListener("reset", () => setTimeout(show));
    form.reset();
  });
};
if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", startPanels);
else startPanels();
