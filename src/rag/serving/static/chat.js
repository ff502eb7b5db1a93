// The chat page's own script: its language, and the panel that shows a source.
(() => {
  "use strict";
  const query = new URLSearchParams(location.search);
  const wanted = query.get("lang");
  const browser = navigator.language || "en";
  const lang = wanted === "zh" || wanted === "en" ? wanted : browser.toLowerCase().startsWith("zh") ? "zh" : "en";
  const words = lang === "zh"
    ? { source: "出处", whole: "查看全文", close: "关闭", copied: "已复制" }
    : { source: "Source", whole: "Whole article", close: "Close", copied: "Copied" };
  const root = document.documentElement;
  root.lang = lang === "zh" ? "zh-CN" : "en";
  if (query.get("embed")) root.classList.add("wy-embed");
  if (wanted) {
    // Gradio takes its own words from the browser's language; ?lang= goes before that.
    const tag = root.lang;
    Object.defineProperty(navigator, "language", { get: () => tag, configurable: true });
    Object.defineProperty(navigator, "languages", { get: () => [tag], configurable: true });
  }

  // Enter ends a composition of the input method; Gradio would take it for sending. It sends nothing
  // blank either, and nothing while an answer is on its way: the text stays in the box until then.
  document.addEventListener("keydown", (event) => {
    const box = event.key === "Enter" && !event.shiftKey && event.target.closest("#wy-box");
    if (!box || !event.target.matches("textarea")) return;
    const composing = event.isComposing || event.keyCode === 229;
    if (!composing && event.target.value.trim() && !box.querySelector(".stop-button")) return;
    event.stopPropagation();
    if (!composing) event.preventDefault();
  }, true);

  let panel, title, whole, frame, opener;

  function build() {
    panel = document.createElement("aside");
    panel.id = "wy-panel";
    panel.hidden = true;
    panel.setAttribute("role", "dialog");
    panel.setAttribute("aria-labelledby", "wy-panel-title");
    const bar = document.createElement("header");
    title = document.createElement("h2");
    title.id = "wy-panel-title";
    whole = document.createElement("a");
    whole.target = "_blank";
    whole.rel = "noopener";
    whole.textContent = words.whole;
    const close = document.createElement("button");
    close.type = "button";
    close.textContent = words.close;
    close.addEventListener("click", hide);
    bar.append(title, whole, close);
    panel.append(bar);
    document.body.append(panel);
  }

  function show(link) {
    if (!panel) build();
    opener = link;
    title.textContent = named(link);
    whole.href = link.href;
    // A new frame each time: otherwise the browser's Back button would walk through sources.
    const next = document.createElement("iframe");
    next.title = words.source;
    next.src = link.href;
    // Esc pressed inside the article closes the panel as well.
    next.addEventListener("load", () => next.contentWindow.addEventListener("keydown", escape));
    if (frame) frame.replaceWith(next);
    else panel.append(next);
    frame = next;
    panel.hidden = false;
    root.classList.add("wy-open");
    panel.querySelector("button").focus();
  }

  // A marker is named by the source it stands for: the third marker by the third source.
  function named(link) {
    const number = /^\[(\d+)\]$/.exec(link.textContent.trim());
    const answer = link.closest(".wy-answer");
    const source = number && answer && answer.querySelectorAll(".wy-sources a")[number[1] - 1];
    return source ? `${link.textContent} ${source.textContent}` : link.textContent;
  }

  // The answer and its sources as text. Plain http has no navigator.clipboard.
  function copy(button) {
    const answer = button.closest(".wy-answer");
    const lines = [...answer.querySelectorAll("p, blockquote, .wy-sources li")]
      .filter((line) => !line.closest("details"))
      .map((line) => (line.matches("li") ? `[${[...line.parentNode.children].indexOf(line) + 1}] ` : "") + line.innerText.trim());
    const area = document.createElement("textarea");
    area.value = lines.join("\n");
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    button.focus();
    if (done) button.textContent = words.copied;
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest && event.target.closest("button.wy-copy");
    if (button) copy(button);
  });

  // The list of articles is a page of its own, framed in the second tab once that is opened.
  document.addEventListener("click", () => setTimeout(() => {
    const place = document.querySelector("#wy-articles a");
    if (!place || !place.offsetParent) return;
    const list = document.createElement("iframe");
    list.className = "wy-frame";
    list.title = place.textContent;
    list.src = `${place.href}?lang=${lang}`;
    place.closest("#wy-articles").replaceChildren(list);
  }, 100)); // the tab has to be drawn first

  function hide() {
    if (!panel || panel.hidden) return;
    panel.hidden = true;
    root.classList.remove("wy-open");
    // The answer may have been drawn anew meanwhile: then its link to the same source.
    const links = [...document.querySelectorAll("a.wy-marker, a.wy-source")];
    const back = opener.isConnected ? opener : links.find((link) => link.href === opener.href);
    if (back) back.focus();
  }

  function escape(event) {
    if (event.key === "Escape") hide();
  }

  document.addEventListener("keydown", escape);
  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest("a.wy-marker, a.wy-source");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    // Only this server's own article pages are shown in the panel.
    if (new URL(link.href).origin !== location.origin) return;
    event.preventDefault();
    show(link);
  });
})();
