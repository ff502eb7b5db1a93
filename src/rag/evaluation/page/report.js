"use strict";
// Fills the table of questions. Everything from articles and questions goes in as text.
(() => {
  const { rows, strings, outcomes, compared } = JSON.parse(document.getElementById("data").textContent);
  const STEP = 100;
  const RIGHT = ["right", "rightly_declined"];
  const form = document.getElementById("filters");
  const list = document.getElementById("rows");
  const more = document.getElementById("more");
  let found = [];

  function make(tag, className, text) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  }

  function choice(name, every, values) {
    const select = make("select");
    select.name = name;
    select.setAttribute("aria-label", every);
    for (const [value, label] of [["", every], ...values]) {
      const option = make("option", "", label);
      option.value = value;
      select.append(option);
    }
    if (values.length > 1) form.append(select);
  }

  const distinct = (values) => [...new Set(values)].filter(Boolean).sort().map((v) => [v, v]);

  const search = make("input");
  search.type = "search";
  search.name = "words";
  search.placeholder = strings.search;
  search.setAttribute("aria-label", strings.search);
  form.append(search);
  choice("set", strings.every_set, distinct(rows.map((row) => row.set)));
  const present = new Set(rows.map((row) => row.outcome));
  choice("outcome", strings.every_outcome, [
    ["wrong", strings.every_wrong],
    ...Object.entries(outcomes).filter(([key]) => present.has(key)),
  ]);
  if (compared) {
    choice("flip", strings.any_change, [
      ["any", strings.only_flips], ["gained", strings.gained], ["lost", strings.lost],
    ]);
  }
  choice("lang", strings.every_lang, distinct(rows.map((row) => row.lang)));
  choice("tag", strings.every_tag, distinct(rows.flatMap((row) => row.tags)));

  const searched = rows.map((row) =>
    [row.id, row.question, row.said, row.text, ...row.expected].join("\n").toLowerCase());

  function fits(row, i, wanted) {
    return (!wanted.words || searched[i].includes(wanted.words.toLowerCase()))
      && (!wanted.set || row.set === wanted.set)
      && (!wanted.outcome || row.outcome === wanted.outcome
        || (wanted.outcome === "wrong" && !RIGHT.includes(row.outcome)))
      && (!wanted.flip || (wanted.flip === "any" ? row.flip : row.flip === wanted.flip))
      && (!wanted.lang || row.lang === wanted.lang)
      && (!wanted.tag || row.tags.includes(wanted.tag));
  }

  function filter() {
    const wanted = Object.fromEntries(new FormData(form));
    found = rows.filter((row, i) => fits(row, i, wanted));
    document.getElementById("count").textContent =
      strings.shown.replace("{shown}", found.length).replace("{total}", rows.length);
    list.replaceChildren();
    grow();
  }

  function grow() {
    const start = list.childElementCount;
    list.append(...found.slice(start, start + STEP).map(line));
    more.hidden = list.childElementCount >= found.length;
  }

  function line(row) {
    const details = make("details", "row");
    details.id = `${row.set}/${row.id}`;
    const summary = make("summary");
    const question = make("span", "", row.question);
    if (row.flip) question.append(make("span", `flip ${row.flip}`, strings[row.flip]));
    summary.append(make("i", row.outcome), question, make("span", "said", row.said),
      make("span", "what", outcomes[row.outcome]), make("span", "conf", row.confidence.toFixed(2)));
    details.append(summary);
    details.addEventListener("toggle", () => {
      if (details.open && details.childElementCount === 1) details.append(inside(row));
    });
    return details;
  }

  function inside(row) {
    const box = make("div", "inside");
    const table = make("dl");
    const add = (label, ...content) => {
      const cell = make("dd");
      cell.append(...content);
      table.append(make("dt", "", label), cell);
    };
    if (row.history.length) add(strings.history, row.history.join("\n"));
    if (row.query && row.query !== row.question) add(strings.query, row.query);
    add(strings.expected, row.answerable ? row.expected.join(" / ") || "–" : strings.refusal);
    if (row.evidence.length) add(strings.evidence, row.evidence.join("\n"));
    if (row.was !== undefined) add(strings.before, row.was);
    add(strings.answer, row.answered ? row.short_answer || "" : row.text);
    if (row.reason) add(strings.reason, row.reason);
    if (row.withheld) add(strings.withheld, row.withheld);
    if (row.quotes.length) add(strings.cited, ...row.quotes.map(quote));
    if (row.answerable) add(strings.first_rank, String(row.first_rank ?? strings.none));
    add(strings.passages, ...row.passages.map(passage));
    const measures = Object.entries(row.measures).map(([name, value]) => `${name} ${+value.toFixed(3)}`);
    add(strings.figures, measures.join(" · "));
    add(strings.latency.split(" ")[0], Object.entries(row.timings_ms).map(([k, v]) => `${k} ${v} ms`).join(" · "));
    const tags = make("span", "tags");
    tags.append(...[row.set, row.id, row.lang, ...row.tags].filter(Boolean).map((tag) => make("span", "", tag)));
    add("", tags);
    box.append(table);
    return box;
  }

  // Paragraphs of a passage stand close together here.
  const close = (text) => text.replace(/\s*\n\s*/g, "\n");

  function quote(one) {
    const box = make("div", "quote");
    const [before, after] = [close(one.before), close(one.after)];
    box.append(before ? `…${before}` : "", make("mark", "", one.quote), after ? `${after}…` : "",
      make("span", "source", [one.title, one.source].filter(Boolean).join(" · ")));
    return box;
  }

  function passage(one) {
    const box = make("div", one.wanted ? "passage wanted" : "passage");
    const ranks = [one.lexical_rank && `BM25 ${one.lexical_rank}`, one.dense_rank && `vector ${one.dense_rank}`];
    box.append(make("span", "source", [`${one.rank}. ${one.title}`, ...ranks].filter(Boolean).join(" · ")), close(one.text));
    return box;
  }

  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  more.addEventListener("click", grow);
  filter();
})();
