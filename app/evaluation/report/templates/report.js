"use strict";
(() => {
  const find = (id) => document.getElementById(id);
  const cards = [...document.querySelectorAll("details.q")];
  const kind = find("f-kind"), law = find("f-law"), text = find("f-text");
  const plain = (value) => value.normalize("NFKC").toLowerCase().replace(/\s+/g, "");
  const contents = new Map();
  const content = (card) => {
    if (!contents.has(card)) contents.set(card, plain(card.textContent));
    return contents.get(card);
  };
  const shown = () => cards.filter((card) => !card.hidden);

  const apply = () => {
    const words = text.value.split(/\s+/).map(plain).filter(Boolean);
    for (const card of cards) {
      const flags = card.dataset.flags.split(" ");
      card.hidden = (kind.value !== "" && !flags.includes(kind.value)) ||
        (law.value !== "" && card.dataset.law !== law.value) ||
        !words.every((word) => content(card).includes(word));
    }
    const count = shown().length;
    find("f-count").value = `${count} / ${cards.length} 問`;
    find("none").hidden = count > 0;
    // On paper the controls are gone, so what they leave out is said.
    find("print-note").hidden = count === cards.length;
    find("print-note").textContent = `絞り込みにより、${cards.length} 問のうち ${count} 問だけを載せています。`;
  };
  for (const control of [kind, law]) control.addEventListener("change", apply);
  text.addEventListener("input", apply);
  find("filters").addEventListener("submit", (event) => event.preventDefault());
  find("b-open").addEventListener("click", () => shown().forEach((card) => { card.open = true; }));
  find("b-close").addEventListener("click", () => cards.forEach((card) => { card.open = false; }));

  const move = (step) => {
    const list = shown();
    const current = list.indexOf(document.activeElement.closest("details.q"));
    const next = list[current < 0 ? (step > 0 ? 0 : list.length - 1) : current + step];
    if (next) next.querySelector("summary").focus();
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && document.activeElement === text) {
      text.value = "";
      apply();
      text.blur();
    }
    if (/^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName)) return;
    if (event.key === "/") {
      event.preventDefault();
      text.focus();
    }
    if (event.key === "j") move(1);
    if (event.key === "k") move(-1);
  });

  const openLinked = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && target.matches("details")) target.open = true;
  };
  window.addEventListener("hashchange", openLinked);
  openLinked();

  // A closed card prints as its heading only, so all that the filters show are opened for the print.
  let closed = [];
  window.addEventListener("beforeprint", () => {
    closed = shown().filter((card) => !card.open);
    closed.forEach((card) => { card.open = true; });
  });
  window.addEventListener("afterprint", () => closed.forEach((card) => { card.open = false; }));
  apply(); // the browser may have kept what was typed before a reload
})();
