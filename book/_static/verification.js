// The searchable table of printed numbers. Without this script the page keeps its counts and files.
const startVerification = () => {
  const place = document.getElementById("number-finder");
  const numbers = window.verificationNumbers;
  const DataTable = window.BundledDataTable;
  if (!place || !numbers || !DataTable) return;

  const shared = new Set(Object.keys(numbers.lists));
  const at = Object.fromEntries(numbers.columns.map((name, i) => [name, i]));
  const rows = numbers.rows.map((row, order) => {
    const read = (name) => (shared.has(name) ? numbers.lists[name][row[at[name]]] : row[at[name]]);
    return { order, ...Object.fromEntries(numbers.columns.map((name) => [name, read(name)])) };
  });
  const placeOrder = new Map(
    [...numbers.lists.where]
      .sort((a, b) => a.localeCompare(b, "en", { numeric: true }))
      .map((where, i) => [where, i]),
  );
  const verdictOrder = Object.keys(numbers.verdicts);

  const escaped = (text) =>
    text.replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);
  const link = (address, text) =>
    address ? `<a href="../${escaped(address)}">${escaped(text)}</a>` : escaped(text);
  // "<0.001" comes before 0.001, "2,157" is a thousand, words come last
  const size = (text) => {
    const found = /-?\d[\d,]*\.?\d*|-?\.\d+/.exec(text.replace("\u2212", "-"));
    if (!found || /[a-z]{3}/i.test(text)) return Number.MAX_VALUE;
    const plain = /^-?\d{1,3}(,\d{3})+/.test(found[0])
      ? found[0].replaceAll(",", "")
      : found[0].replace(",", ".");
    return Number(plain) - (text.includes("<") ? 1e-9 : 0);
  };
  const verdict = (row) => {
    const taken = row.kind === "setting" && row.verdict === "reproduced";
    const [sign, told] = numbers.verdicts[row.verdict];
    const words = taken ? "taken over" : told;
    const kind = row.kind === "setting" && !taken ? " (setting or size)" : "";
    return `<span class="verdict-cell ${row.verdict}"><span aria-hidden="true">${sign}</span> ${escaped(words)}</span>${kind}`;
  };
  // What contradicts a number begins with the name of a rule, which the finding spells out
  const told = (row) => (row.finding ? row.evidence.replace(/^\w+: /, "") : row.evidence);
  const evidence = (row) =>
    escaped(told(row)) + (row.finding ? ` ${link(row.finding, "The finding")}` : "");
  const column = (name, show, sort) => ({
    data: null,
    // a phone shows the heading beside the cell
    createdCell: (cell, _, __, ___, i) => {
      cell.dataset.label = heads[i];
    },
    render: (_, type, row) =>
      type === "display" ? `<span>${show(row)}</span>` : type === "sort" || type === "type" ? sort(row) : row[name],
  });

  const heads = [...place.querySelectorAll("th")].map((head) => head.textContent);
  const table = new DataTable("#number-table", {
    data: rows,
    columns: [
      column("study", (r) => escaped(numbers.papers[r.study]), (r) => numbers.papers[r.study]),
      column("where", (r) => link(r.page, r.where), (r) => placeOrder.get(r.where)),
      column("quantity", (r) => escaped(r.quantity), (r) => r.quantity),
      column("statistic", (r) => escaped(r.statistic), (r) => r.statistic),
      column("printed", (r) => escaped(r.printed), (r) => size(r.printed)),
      column("reproduced", (r) => escaped(r.reproduced), (r) => size(r.reproduced)),
      column("verdict", verdict, (r) => verdictOrder.indexOf(r.verdict)),
      column("evidence", evidence, (r) => r.evidence),
    ],
    order: [],
    autoWidth: false,
    pageLength: 25,
    lengthMenu: [25, 100, { label: "all", value: -1 }],
    layout: {
      topStart: "search",
      topEnd: "pageLength",
      bottomStart: "info",
      bottomEnd: "paging",
    },
    language: {
      search: "Search in all columns",
      lengthMenu: "Numbers per page _MENU_",
      info: "_START_ to _END_ of _TOTAL_ printed numbers",
      infoEmpty: "no printed number",
      infoFiltered: "(of _MAX_)",
      zeroRecords: "No printed number meets these filters.",
    },
  });

  // The table alone scrolls sideways; a keyboard can reach it.
  const box = place.querySelector(".dt-layout-table");
  box.classList.add("replica-table", "words");
  box.tabIndex = 0;
  box.setAttribute("role", "region");
  box.setAttribute("aria-label", "Every printed number with its verdict");

  const form = place.querySelector("form");
  const fields = [...form.querySelectorAll("select")];
  const asked = new URLSearchParams(window.location.search);
  fields.forEach((field) => {
    const wanted = asked.get(field.name);
    if ([...field.options].some((option) => option.value === wanted)) field.value = wanted;
  });
  const filter = () => {
    const chosen = fields.filter((field) => field.value).map((field) => [field.name, field.value]);
    table.search.fixed("filters", (_, row) => chosen.every(([name, value]) => row[name] === value));
    table.draw();
  };
  form.addEventListener("change", filter);
  form.addEventListener("reset", () => {
    table.search("");
    requestAnimationFrame(filter);
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("number-finder-note").hidden = true;
  place.hidden = false;
  filter();
};
if (document.readyState === "loading") {
  document.addEventListener("DOMContentLoaded", startVerification);
} else startVerification();
