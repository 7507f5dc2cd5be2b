for (const section of document.querySelectorAll(".part.layers")) {
  const table = section.querySelector(".layer-table table");
  const filter = section.querySelector(".layer-filter");
  if (!table) continue;
  const more = filter.querySelector(".layer-more");
  let rows = [...table.tBodies];
  let most = Number(table.dataset.most);
  const told = filter.querySelector("output");
  const [text, found] = [".layer-text", ".layer-found"].map((name) => filter.querySelector(name));
  const texts = new Map();
  const format = new Intl.NumberFormat("en");

  const textOf = (row) => {
    if (!texts.has(row)) texts.set(row, row.textContent.toLowerCase());
    return texts.get(row);
  };

  const apply = () => {
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    let matches = 0;
    for (const row of rows) {
      const isFound = !found?.checked || row.querySelector("th .severity") !== null;
      const isMatch = isFound && words.every((word) => textOf(row).includes(word));
      matches += isMatch;
      row.hidden = !isMatch || matches > most;
    }
    const rest = matches > most ? `, the first ${format.format(most)} shown` : "";
    told.textContent = `${format.format(matches)} of ${format.format(rows.length)} layers${rest}`;
    more.hidden = matches <= most;
  };

  const unfold = (row, isOpen) => {
    if (row.rows.length < 2) return;
    row.rows[1].hidden = !isOpen;
    row.querySelector("th > button").setAttribute("aria-expanded", String(isOpen));
  };

  const keyOf = (row, column) => {
    const cell = row.rows[0].cells[column];
    if (column === 0) return Number(cell.textContent);
    if (column < 3) return cell.textContent;
    const key = cell.dataset.v ?? cell.textContent;
    return key === "" ? null : Number(key);
  };

  const sort = (head) => {
    const column = head.cellIndex;
    const was = head.getAttribute("aria-sort");
    const isDescending = was === null ? column > 2 : was === "ascending";
    for (const each of table.tHead.rows[0].cells) each.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", isDescending ? "descending" : "ascending");
    const keyed = rows.map((row) => [keyOf(row, column), row]);
    const sign = isDescending ? -1 : 1;
    keyed.sort(([one], [other]) => {
      if (one === null || other === null) return (one === null) - (other === null);
      if (typeof one === "string") return sign * one.localeCompare(other, "en", { numeric: true });
      return one === other ? 0 : sign * (one < other ? -1 : 1);
    });
    rows = keyed.map(([, row]) => row);
    table.append(...rows);
    apply();
  };

  const reveal = () => {
    const row = document.getElementById(location.hash.slice(1));
    if (!rows.includes(row)) return;
    if (row.hidden) {
      text.value = "";
      if (found) found.checked = false;
      apply();
    }
    row.hidden = false;
    unfold(row, true);
    row.tabIndex = -1;
    row.scrollIntoView();
    row.focus({ preventScroll: true });
  };

  filter.hidden = false;
  filter.addEventListener("input", apply);
  more.addEventListener("click", () => {
    most = Infinity;
    apply();
  });
  for (const plain of table.querySelectorAll(".plain")) plain.hidden = true;
  for (const button of table.querySelectorAll(".sort")) button.hidden = false;
  table.addEventListener("click", (event) => {
    const head = event.target.closest(".sort");
    const row = event.target.closest("tbody th > button");
    if (head) sort(head.closest("th"));
    if (row) unfold(row.closest("tbody"), row.getAttribute("aria-expanded") === "false");
  });
  addEventListener("hashchange", reveal);
  apply();
  reveal();
}
