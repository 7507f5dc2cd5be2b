"use strict";
{
  const filter = document.getElementById("filter");
  const findings = [...document.querySelectorAll(".finding")];
  const rules = [...document.querySelectorAll(".rule")];
  const format = new Intl.NumberFormat("en");
  const texts = new Map();

  const textOf = (finding) => {
    if (!texts.has(finding)) {
      const rule = finding.closest(".rule").querySelector("h3").textContent;
      texts.set(finding, `${rule} ${finding.textContent}`.toLowerCase());
    }
    return texts.get(finding);
  };

  const asked = () => {
    const given = new FormData(filter);
    const words = given.get("text").toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = ["rule", "module", "model"].filter((name) => given.get(name));
    return (finding) =>
      chosen.every((name) => finding.dataset[name] === given.get(name)) &&
      words.every((word) => textOf(finding).includes(word));
  };

  const count = (shown, all) => (shown === all ? format.format(all) : `${format.format(shown)} of ${format.format(all)}`);

  const countRule = (rule) => {
    const all = [...rule.querySelectorAll(".finding")];
    const shown = all.filter((finding) => !finding.hidden).length;
    rule.hidden = shown === 0;
    rule.querySelector(".count").textContent = `(${count(shown, all.length)})`;
  };

  const apply = () => {
    const matches = asked();
    const severities = new Set(new FormData(filter).getAll("severity"));
    const counts = {};
    let shown = 0;
    for (const finding of findings) {
      const { severity } = finding.dataset;
      const isMatch = matches(finding);
      finding.hidden = !(isMatch && severities.has(severity));
      counts[severity] = (counts[severity] ?? 0) + isMatch;
      shown += !finding.hidden;
    }
    rules.forEach(countRule);
    for (const none of document.querySelectorAll(".none")) {
      none.hidden = none.parentElement.querySelector(".rule:not([hidden])") !== null;
    }
    for (const place of document.querySelectorAll("[data-count]")) {
      place.textContent = format.format(counts[place.dataset.count] ?? 0);
    }
    document.getElementById("shown").textContent = `${format.format(shown)} of ${format.format(findings.length)} findings`;
  };

  const reveal = () => {
    const target = document.getElementById(location.hash.slice(1));
    if (!target) return;
    if (filter && target.closest(".finding[hidden], .rule[hidden]")) {
      filter.reset();
      apply();
    }
    target.scrollIntoView();
    target.focus({ preventScroll: true });
  };

  const copy = async (button) => {
    const code = button.parentElement.querySelector("code");
    const told = document.getElementById("told");
    getSelection().selectAllChildren(code);
    told.textContent = "Command selected; copy it with the keyboard.";
    try {
      await navigator.clipboard.writeText(code.textContent);
      told.textContent = "Command copied.";
    } catch {
      // the browser does not allow it: the command stays selected
    }
  };

  if (filter) {
    filter.hidden = false;
    filter.addEventListener("input", apply);
    filter.addEventListener("submit", (event) => event.preventDefault());
    filter.addEventListener("reset", () => setTimeout(apply));
    apply();
  }
  for (const button of document.querySelectorAll(".copy")) button.hidden = false;
  document.addEventListener("click", (event) => {
    const button = event.target.closest(".copy");
    if (button) copy(button);
  });

  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open], .tree, .tree *)")];
    for (const each of opened) each.open = true;
  });
  addEventListener("afterprint", () => {
    for (const each of opened) each.open = false;
  });
  addEventListener("hashchange", reveal);
  reveal();
}
