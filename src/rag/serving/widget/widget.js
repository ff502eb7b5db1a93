/*
 * The chat widget: <script src="https://HOST/widget.js" defer></script> adds one <wenyuan-chat>.
 * - It works under `default-src 'none'` with Trusted Types: constructable style sheets, nodes
 *   built one by one, no string parsed as markup.
 * - What an article, a model or a person wrote is shown as text; `[n]` becomes a button only where
 *   citation n exists.
 * - Nothing is requested before the chat is opened, and nothing is stored.
 */
(() => {
  "use strict";

  const TAG = "wenyuan-chat";
  const PHONE = "(max-width: 480px), (max-height: 420px)";
  const HISTORY = 6; // exchanges that a follow-up question may refer to
  const KEPT = 40; // exchanges that stay on screen
  const SILENCE_MS = 60000; // a server that works sends a keep-alive long before
  const GAP = "(?:\\s|\\[\\d+\\])*";

  const script = document.currentScript || document.querySelector('script[src*="widget.js"]');
  const HERE = new URL(".", script?.src || document.baseURI).href;

  // ---------------------------------------------------------------- words

  const WORDS = {
    title: ["问一问", "Ask"],
    launch: ["打开对话", "Open chat"],
    close: ["关闭", "Close"],
    fresh: ["新对话", "New conversation"],
    greeting: ["想了解什么？", "What would you like to know?"],
    examples: ["可以这样问", "For example"],
    placeholder: ["输入问题，按回车发送", "Ask a question"],
    conversation: ["对话记录", "Conversation"],
    send: ["发送", "Send"],
    stop: ["停止", "Stop"],
    searching: ["正在查找文章", "Searching the articles"],
    reading: ["正在整理答案", "Putting the answer together"],
    stopped: ["已停止。", "Stopped."],
    retry: ["重试", "Try again"],
    again: ["重新回答", "Answer again"],
    source: ["出处", "Source"],
    sources: ["出处", "Sources"],
    page: ["第 # 页", "page #"],
    open: ["查看原文", "Open article"],
    declined: ["文章中没有答案", "The articles don't answer this"],
    nearest: ["最接近的段落，不是回答", "Nearest passages, not an answer"],
    searched: ["按“#”查找", "Searched for “#”"],
    unsupported: ["未在所引原文中找到依据", "not found in the cited text"],
    up: ["有帮助", "Helpful"],
    down: ["没有帮助", "Not helpful"],
    comment: ["补充说明（可不填）", "Anything to add? (optional)"],
    submit: ["提交", "Submit"],
    thanks: ["谢谢反馈。", "Thank you."],
    unsent: ["反馈没有送达。", "The feedback was not delivered."],
    more: ["接着问", "Ask next"],
    note: ["答案附有出处，请以原文为准。", "Answers show their sources; the article has the last word."],
    unreachable: [
      "连不上问答服务：它可能没有运行，或不接受来自 # 的页面（见 server.allowed_origins）。",
      "The answering service can't be reached: it isn't running, or it doesn't accept pages from " +
        "# (see server.allowed_origins).",
    ],
    refused: [
      "问答服务不接受来自 # 的页面：请管理员把它加入 server.allowed_origins。",
      "The answering service doesn't accept pages from #: ask its administrator to add it to " +
        "server.allowed_origins.",
    ],
    csp: [
      "本页的 Content-Security-Policy 不允许访问问答服务：请加入 #。",
      "This page's Content-Security-Policy forbids the answering service: add # to it.",
    ],
    broken: ["连接中断了，请重试。", "The connection broke off. Please try again."],
    failed: ["问答服务出错（#），请稍后重试。", "The answering service failed (#). Please try again later."],
  };
  const words = (index) => Object.fromEntries(Object.entries(WORDS).map(([key, both]) => [key, both[index]]));
  const filled = (text, value) => text.replace(/#/g, () => value);

  // ---------------------------------------------------------------- looks

  const STYLE = `
:host { all: initial !important; }
@media print { :host { display: none !important; } }
* { box-sizing: border-box; }
.wy {
  --paper: #fff; --raised: #f5f6f7; --ink: #1b1e22; --soft: #5c636b; --line: #e1e4e7;
  --mark: #fdf0c4; --bad: #a8281c; --bad-paper: #fdf1ef;
  color: var(--ink); direction: ltr;
  font: 15px/1.7 system-ui, -apple-system, "Segoe UI", "PingFang SC",
    "Microsoft YaHei", "Noto Sans CJK SC", sans-serif;
}
.wy.dark {
  --paper: #1b1d20; --raised: #26292d; --ink: #e9e8e4; --soft: #a3a8ae; --line: #363a3f;
  --mark: #5a4a16; --bad: #ff9d91; --bad-paper: #38211f; color-scheme: dark;
}
button, textarea, input { font: inherit; color: inherit; }
button { background: none; border: 0; padding: 0; margin: 0; cursor: pointer; text-align: inherit; }
:focus { outline: none; }
:focus-visible { outline: 2px solid var(--tone); outline-offset: 2px; }
svg { display: block; width: 20px; height: 20px; fill: none; stroke: currentColor;
  stroke-width: 1.7; stroke-linecap: round; stroke-linejoin: round; }
[data-rating=down] svg { transform: rotate(180deg); }
h2, p, blockquote, ol, h3 { margin: 0; padding: 0; font: inherit; }
ol { list-style: none; }
a { color: var(--tone); text-decoration: none; }
[hidden] { display: none !important; }
.text { white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: isolate; }

.launch {
  position: fixed; z-index: 2147483000; width: 56px; height: 56px;
  right: max(20px, env(safe-area-inset-right)); bottom: max(20px, env(safe-area-inset-bottom));
  border-radius: 50%; background: var(--accent); color: var(--on-accent);
  display: grid; place-items: center; box-shadow: 0 4px 16px rgba(20, 28, 36, .2);
}
.launch svg { width: 26px; height: 26px; }
.launch:hover, .go:hover { filter: brightness(1.15); }

.panel {
  position: fixed; z-index: 2147483000; right: 20px; bottom: 20px; width: 404px;
  height: min(660px, 100vh - 40px); display: flex; flex-direction: column; overflow: hidden;
  background: var(--paper); border-radius: 14px; box-shadow: 0 0 0 1px var(--line), 0 12px 40px rgba(20, 28, 36, .2);
  animation: rise .18s ease-out;
}
.left .launch { right: auto; left: max(20px, env(safe-area-inset-left)); }
.left .panel { right: auto; left: 20px; }
@keyframes rise { from { opacity: 0; transform: translateY(10px); } }
@media ${PHONE} {
  .panel, .left .panel { inset: 0; width: 100%; height: var(--visible, 100dvh); border-radius: 0; }
  .head { padding-top: max(10px, env(safe-area-inset-top)) !important; }
  .foot { padding-bottom: max(10px, env(safe-area-inset-bottom)) !important; }
  .head, .log, .foot { padding-left: max(16px, env(safe-area-inset-left)) !important;
    padding-right: max(16px, env(safe-area-inset-right)) !important; }
  .box textarea, .comment input { font-size: 16px !important; } /* smaller, and iOS zooms in */
}

.head { flex: none; display: flex; align-items: center; gap: 2px; padding: 10px 10px 10px 18px;
  border-bottom: 1px solid var(--line); }
.head h2 { flex: 1; min-width: 0; font-size: 16px; font-weight: 600; overflow: hidden;
  text-overflow: ellipsis; white-space: nowrap; }
.tool { flex: none; display: grid; place-items: center; width: 36px; height: 36px;
  border-radius: 9px; color: var(--soft); }
.tool:hover { background: var(--raised); color: var(--ink); }
.tool[aria-pressed="true"] { color: var(--tone); }

.log { flex: 1; min-height: 0; overflow-y: auto; overscroll-behavior: contain; padding: 18px; }
.log:focus-visible, .show:focus-visible, .goto:focus-visible, summary:focus-visible { outline-offset: -3px; }
.chips { display: flex; flex-direction: column; align-items: flex-start; gap: 8px; }
.busy, .label, .said, .searched, .note, .declined p, summary, .quote, .passages .text { color: var(--soft); }
.label { font-size: 13px; margin: 18px 0 8px; }
.searched { font-size: 13px; margin-bottom: 4px; }
.chip { max-width: 100%; padding: 6px 13px;
  border-radius: 17px; line-height: 1.5; overflow-wrap: anywhere; }
.chip:hover { border-color: var(--tone); color: var(--tone); }

.turn + .turn { margin-top: 26px; }
.asked { width: fit-content; max-width: 86%; margin: 0 0 14px auto; padding: 8px 14px;
  background: var(--raised); border-radius: 14px 14px 4px 14px;
  max-height: 12em; overflow-y: auto; }
.busy { animation: pulse .8s ease-in-out infinite alternate; }
@keyframes pulse { to { opacity: .45; } }
h3, .short { font-size: 20px; line-height: 1.5; font-weight: 600; margin-bottom: 6px; }
.short.long { font-size: 16px; line-height: 1.65; }
.cite, .number { min-width: 20px; padding: 0 5px; border-radius: 6px; background: var(--raised);
  color: var(--tone); font-size: 12px; line-height: 20px; font-weight: 600; text-align: center; }
.cite { display: inline-block; margin: 0 2px; vertical-align: 1px; }
.cite:hover { background: var(--tone); color: var(--paper); }
.unsupported { text-decoration: underline dotted var(--bad) 2px; }
.flag { color: var(--bad); font-size: 12px; margin: 0 6px; }

.chip, .card, details, .small, .comment input, .box { border: 1px solid var(--line); }
.card { scroll-margin: 16px; border-radius: 10px; overflow: hidden; }
.card + .card { margin-top: 8px; }
.card.on { border-color: var(--tone); }
.line { display: flex; }
.show { flex: 1; min-width: 0; display: flex; gap: 10px; padding: 9px 4px 9px 12px; }
.show:hover, .goto:hover { background: var(--raised); }
.number { flex: none; height: 20px; margin-top: 2px; }
.name { min-width: 0; line-height: 1.5; overflow-wrap: anywhere; }
.name b { font-weight: 500; }
.name small { display: block; color: var(--soft); font-size: 13px; }
.goto { flex: none; display: flex; align-items: center; padding: 0 12px; font-size: 13px; gap: 4px; }
.goto svg, .small svg { width: 15px; height: 15px; }
.quote { padding: 10px 14px 12px 42px; border-top: 1px solid var(--line); font-size: 14px;
  max-height: 15em; overflow-y: auto; }
mark { background: var(--mark); color: var(--ink); }

.declined { padding-left: 12px; border-left: 3px solid var(--line); }
.declined strong { display: block; font-weight: 600; }
details { margin-top: 12px; border-radius: 10px; }
summary { padding: 8px 14px; cursor: pointer; font-size: 14px; }
details[open] summary { border-bottom: 1px solid var(--line); }
.passages { padding: 2px 14px 10px; font-size: 14px; }
.passages li { padding: 10px 0 2px; }
.passages .goto { padding: 2px 0; }
.passages li + li { border-top: 1px solid var(--line); margin-top: 10px; }
.passages .text { max-height: 8.5em; overflow-y: auto; }

.error { padding: 10px 14px; border-radius: 10px; background: var(--bad-paper); color: var(--bad);
  overflow-wrap: anywhere; }
.small { display: inline-flex; align-items: center; gap: 6px; margin-top: 10px; padding: 4px 12px;
  border-radius: 15px; font-size: 14px; }
.small:hover { border-color: var(--tone); color: var(--tone); }
.acts { display: flex; align-items: center; gap: 2px; margin: 6px 0 0 -8px; }
.acts .tool { width: 32px; height: 32px; }
.acts svg { width: 17px; height: 17px; }
.said { font-size: 13px; }
.acts .said { margin-left: 6px; }
.comment { display: flex; gap: 8px; margin-top: 4px; }
.comment input { flex: 1; min-width: 0; padding: 5px 11px;
  border-radius: 9px; background: var(--paper); font-size: 14px; }
.comment .small { margin: 0; border-radius: 9px; }

.foot { flex: none; padding: 10px 14px 8px; }
.box { display: flex; align-items: flex-end; gap: 6px; padding: 5px 5px 5px 14px;
  border-radius: 14px; background: var(--paper); }
.box:focus-within { border-color: var(--tone); }
.box textarea { flex: 1; min-width: 0; height: 34px; max-height: 120px; padding: 4px 0; border: 0;
  resize: none; background: none; line-height: 26px; outline: none; }
.box textarea::placeholder { color: var(--soft); opacity: 1; }
.go { flex: none; display: grid; place-items: center; width: 34px; height: 34px; border-radius: 10px;
  background: var(--accent); color: var(--on-accent); }
[data-does=stop] svg { fill: currentColor; }
.go:disabled { background: var(--raised); color: var(--soft); }
.note { margin-top: 6px; font-size: 12px; text-align: center; }
.frame { flex: 1; min-height: 0; width: 100%; border: 0; }
@media (forced-colors: active) { .launch, .go, .cite, .panel { border: 1px solid; } }
@media (prefers-reduced-motion: reduce) { * { animation: none !important; } }`;

  const ICONS = {
    chat: "M4.5 5h15v11.5h-8L7 20v-3.5H4.5zM8.5 9.2h7M8.5 12.5h4.5",
    close: "M6 6l12 12M18 6L6 18",
    fresh: "M12 5v14M5 12h14",
    send: "M12 19V5.5M6 11l6-6 6 6",
    stop: "M8 8h8v8H8z",
    thumb: "M7.5 10.5V20H4v-9.5zM7.5 10.5L11.5 3c1.5 0 2.5 1 2.5 2.5V9h4.3a2 2 0 0 1 2 2.4l-1.3 7a2 2 0 0 1-2 1.6H7.5",
    again: "M19.5 12A7.5 7.5 0 1 1 17 6.4M19.5 3.5V8H15",
    out: "M14 5h5v5M19 5l-8.5 8.5M17 14v5H5V7h5",
  };
  const ACCENT = "#1f5c7a";

  // ---------------------------------------------------------------- building nodes

  /** An element; functions among its attributes listen to `on...`. */
  function h(tag, attributes, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (typeof value === "function") node.addEventListener(name.slice(2), value);
      else node.setAttribute(name, value);
    }
    node.append(...children.filter((child) => child !== null));
    return node;
  }

  function icon(name) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    path.setAttribute("d", ICONS[name]);
    svg.append(path);
    return svg;
  }

  const button = (className, onclick, ...children) =>
    h("button", { type: "button", class: className, onclick }, ...children);

  function labelled(node, label) {
    node.setAttribute("aria-label", label);
    node.title = label;
    return node;
  }

  const tool = (name, label, onclick) => labelled(button("tool", onclick, icon(name)), label);

  /** Foreign text whose direction ends where it ends. */
  const bdi = (value) => h("bdi", {}, value);

  const passage = (tag, className, ...children) =>
    h(tag, { class: `text ${className}`, dir: "auto" }, ...children);

  function dress(shadow) {
    try {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(STYLE);
      shadow.adoptedStyleSheets = [sheet];
    } catch {
      shadow.append(h("style", {}, STYLE)); // browsers older than constructable sheets
    }
  }

  // ---------------------------------------------------------------- colours

  const channels = (colour) => (colour.match(/[\d.]+/g) || []).slice(0, 3).map(Number);

  function luminance(rgb) {
    const [r, g, b] = rgb.map((value) => (value / 255) ** 2.2);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  }

  function contrast(one, other) {
    const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  }

  /** `rgb`, moved towards black or white until it can be read on `ground`. */
  function readable(rgb, ground) {
    const target = luminance(ground) > 0.18 ? 0 : 255;
    let shown = rgb;
    for (let share = 0; contrast(shown, ground) < 4.6 && share <= 1; share += 0.05) {
      shown = rgb.map((value) => Math.round(value + (target - value) * share));
    }
    return shown;
  }

  // ---------------------------------------------------------------- talking to the server

  class Failure extends Error {
    constructor(code, said = "", status = 0) {
      super(said || code);
      Object.assign(this, { code, said, status });
    }
  }

  /** Feeds text, cut anywhere, into whole server-sent events: `take(name, data)`. */
  function eventReader(take) {
    let rest = "";
    let name = "";
    let data = [];
    const line = (text) => {
      if (text === "") {
        if (data.length) take(name || "message", data.join("\n"));
        name = "";
        data = [];
        return;
      }
      const colon = text.indexOf(":");
      const field = colon < 0 ? text : text.slice(0, colon);
      const value = colon < 0 ? "" : text.slice(colon + 1).replace(/^ /, "");
      if (field === "event") name = value;
      else if (field === "data") data.push(value);
    };
    return (text) => {
      rest += text;
      // A lone CR at the end may be half of a CRLF: it waits for the next piece.
      const lines = rest.split(/\r\n|\n|\r(?!$)/);
      rest = lines.pop();
      lines.forEach(line);
    };
  }

  class Server {
    static #tokens = new Map(); // shared by all chats of one page that ask the same server

    constructor(base) {
      this.base = base;
    }

    url(path) {
      return new URL(path, this.base).href;
    }

    /** A token; it is kept until the server says that it has expired. */
    token(renew) {
      const tokens = Server.#tokens;
      if (renew || !tokens.has(this.base)) {
        const post = this.#fetch("api/widget/token", { method: "POST" });
        const token = post.then((response) => response.json()).then((body) => body.token);
        tokens.set(this.base, token);
        token.catch(() => tokens.delete(this.base)); // the next try may find it mended
      }
      return tokens.get(this.base);
    }

    async call(path, options) {
      const send = async (renew) => {
        const headers = { ...options.headers, "X-Wenyuan-Token": await this.token(renew) };
        return this.#fetch(path, { ...options, headers });
      };
      try {
        return await send(false);
      } catch (error) {
        if (error.status === 401 && /^token_/.test(error.code)) return send(true);
        throw error;
      }
    }

    post(path, body, signal) {
      const headers = { "Content-Type": "application/json" };
      return this.call(path, { method: "POST", headers, body: JSON.stringify(body), signal });
    }

    async #fetch(path, options) {
      let response;
      try {
        response = await fetch(this.url(path), options);
      } catch {
        await new Promise((resume) => setTimeout(resume, 50)); // a violated policy is told of later
        throw new Failure("unreachable");
      }
      if (response.ok) return response;
      const { code = "failed", message } = ((await response.json().catch(() => null)) || {}).error || {};
      throw new Failure(code, message, response.status);
    }

    /** The events of one answer through `take(name, value)`; resolves with the whole answer. */
    async ask(body, signal, take) {
      let answer = null;
      const feed = eventReader((name, data) => {
        const value = JSON.parse(data);
        if (name === "error") throw new Failure(value.code, value.message);
        if (name === "answer") answer = value;
        else take(name, value);
      });
      const response = await this.post("api/ask/stream", body, signal);
      const reader = response.body.getReader();
      const decoder = new TextDecoder();
      try {
        for (;;) {
          const { done, value } = await reader.read();
          take("bytes");
          feed(done ? decoder.decode() + "\n" : decoder.decode(value, { stream: true }));
          if (answer) return answer;
          if (done) throw new Failure("broken");
        }
      } finally {
        reader.cancel().catch(() => {});
      }
    }
  }

  // ---------------------------------------------------------------- an answer as nodes

  /** `text` into `parent`, with a button for each `[n]` that has a citation. */
  function appendMarked(parent, text, marked) {
    let from = 0;
    for (const match of text.matchAll(/\[(\d{1,4})\]/g)) {
      const node = marked(Number(match[1]));
      if (!node) continue;
      parent.append(text.slice(from, match.index), node);
      from = match.index + match[0].length;
    }
    parent.append(text.slice(from));
  }

  /** Where a sentence stands in the text, which has markers and line breaks inside it as well. */
  function found(sentence, text) {
    const letters = Array.from(sentence.replace(/\s/g, "")).map((one) => one.replace(/\W/g, "\\$&"));
    return letters.length ? new RegExp(letters.join(GAP) + GAP).exec(text) : null;
  }

  /** The answer's text; sentences that the citation gate found unsupported are marked as such. */
  function answerText(text, sentences, marked, t) {
    const body = passage("div", "body");
    let rest = text;
    for (const sentence of sentences) {
      const match = sentence.supported ? null : found(sentence.text, rest);
      if (!match) continue;
      appendMarked(body, rest.slice(0, match.index), marked);
      const doubtful = h("span", { class: "unsupported" });
      appendMarked(doubtful, match[0].trimEnd(), marked);
      const terms = [t.unsupported, ...sentence.unsupported_terms].join(" · ");
      body.append(doubtful, h("bdi", { class: "flag" }, terms));
      // The text itself says so next.
      rest = rest.slice(match.index + match[0].trimEnd().length).replace(/^ ?[[〔]\D+?[\]〕]/, "");
    }
    appendMarked(body, rest, marked);
    return body;
  }

  /** The quoted sentence within the passage it was found in, where the hits have that. */
  function quotation(citation, hits) {
    const { quote } = citation;
    const hit = (hits || []).find(
      (one) => one.document_id === citation.document_id && one.text.includes(quote),
    );
    const text = hit ? hit.text : quote;
    const at = text.indexOf(quote);
    const mark = h("mark", {}, quote);
    return passage("blockquote", "quote", text.slice(0, at), mark, text.slice(at + quote.length));
  }

  /** Title, date and page; each as foreign text, so that none can turn the others around. */
  function name(item, t) {
    const facts = [item.date, item.page && filled(t.page, item.page)].filter(Boolean).join(" · ");
    return h("span", { class: "name" }, h("b", {}, bdi(item.title || item.source)), h("small", {}, bdi(facts)));
  }

  // ---------------------------------------------------------------- the element

  class WenyuanChat extends HTMLElement {
    static observedAttributes = ["data-title", "data-theme", "data-accent", "data-position"];

    #root = null; // until the first connection
    #parts = {};
    #server = null;
    #t = words(1);
    #lang = "en";
    #turns = [];
    #running = null; // the turn being answered
    #context = {};
    #returnTo = null;
    #phone = null;
    #night = null;
    #greeted = false;
    #violation = null;
    #undo = []; // what to take back when the element leaves the page

    connectedCallback() {
      if (!this.#root) this.#build();
      this.#listen();
      this.#style();
      if (!window.wenyuan?.ask) window.wenyuan = this; // an element of that id is no chat
      this.#emit("ready");
      const open = this.getAttribute("data-open") ?? "false";
      // Not over a whole small screen that nobody asked to be covered.
      if (open !== "false" && !this.#phone.matches) this.open({ focus: false });
    }

    disconnectedCallback() {
      this.stop();
      this.#undo.splice(0).forEach((undo) => undo());
      if (window.wenyuan !== this) return;
      window.wenyuan = Array.from(document.querySelectorAll(TAG)).find((one) => one.ask);
    }

    attributeChangedCallback() {
      if (this.#root) this.#style();
    }

    // ---- what a page may call

    get isOpen() {
      return !!this.#root && !this.#parts.panel.hidden;
    }

    open({ focus = true } = {}) {
      if (!this.#root || this.isOpen) return;
      this.#returnTo = document.activeElement;
      this.#show(true);
      if (focus) this.#focus();
      if (!this.#greeted) this.#firstOpen();
      this.#emit("open");
    }

    close() {
      if (!this.isOpen) return;
      const focused = this.shadowRoot.activeElement; // else the page moved on, and keeps its focus
      this.#show(false);
      const back = this.#returnTo;
      const elsewhere = back && back !== this && back !== document.body && back.isConnected;
      if (focused) (elsewhere ? back : this.#parts.launch).focus();
      this.#emit("close");
    }

    toggle() {
      if (this.isOpen) this.close();
      else this.open();
    }

    /** Resolves with the answer, or null where it was stopped or failed. */
    ask(question) {
      const text = String(question ?? "").trim();
      this.open({ focus: false });
      if (!text || !this.#parts.input) return Promise.resolve(null);
      this.stop();
      return this.#answer(this.#newTurn(text));
    }

    stop() {
      if (this.#running) this.#running.stop(new Failure("stopped"));
    }

    /** What goes with every question, in the server's bounds; null takes it back. */
    setContext(context) {
      const pairs = Object.entries(context || {}).slice(0, 20);
      this.#context = Object.fromEntries(pairs.map((pair) => pair.map((one) => String(one).slice(0, 200))));
    }

    on(name, listener) {
      this.addEventListener(`wenyuan:${name}`, listener);
    }

    off(name, listener) {
      this.removeEventListener(`wenyuan:${name}`, listener);
    }

    destroy() {
      this.remove();
    }

    #emit(name, detail = {}) {
      this.dispatchEvent(new CustomEvent(`wenyuan:${name}`, { detail, bubbles: true, composed: true }));
    }

    // ---- the frame around the conversation

    #build() {
      const framed = this.getAttribute("data-mode") === "iframe";
      const spoken = this.getAttribute("data-lang") || this.closest("[lang]")?.lang || navigator.language;
      this.#lang = /^zh/i.test(spoken) ? "zh" : "en";
      this.#t = words(this.#lang === "zh" ? 0 : 1);
      this.#server = new Server(this.getAttribute("data-base") || HERE);
      const shadow = this.attachShadow({ mode: "open" });
      dress(shadow);
      const launch = button("launch", () => this.open(), icon("chat"));
      launch.setAttribute("aria-haspopup", "dialog");
      this.#parts = { launch, ...this.#panel(framed) };
      this.#root = h("div", { class: "wy", lang: this.#lang === "zh" ? "zh-CN" : "en" }, launch, this.#parts.panel);
      shadow.append(this.#root);
    }

    #panel(framed) {
      const t = this.#t;
      const title = h("h2", { id: "title" });
      const head = h(
        "div",
        { class: "head" },
        title,
        framed ? null : tool("fresh", t.fresh, () => this.#forget()),
        tool("close", t.close, () => this.close()),
      );
      const live = { role: "log", "aria-live": "polite", "aria-label": t.conversation, tabindex: "0" };
      const log = h("div", { class: "log", ...live });
      const dialog = { role: "dialog", "aria-labelledby": "title", tabindex: "-1" };
      const onkeydown = (event) => this.#key(event);
      const panel = h("div", { class: "panel", hidden: "", ...dialog, onkeydown }, head, log);
      // A page's own shortcuts must not fire while somebody types here.
      for (const name of ["keydown", "keypress", "keyup"]) {
        panel.addEventListener(name, (event) => event.stopPropagation());
      }
      if (framed) return { panel, title, log };
      const parts = this.#form();
      panel.append(parts.foot);
      return { panel, title, log, ...parts };
    }

    #form() {
      const t = this.#t;
      const input = h("textarea", {
        rows: "1",
        maxlength: "2000",
        "aria-label": t.placeholder,
        placeholder: t.placeholder,
        autocomplete: "off",
        dir: "auto",
        enterkeyhint: "send",
        oninput: () => this.#fit(),
        onkeydown: (event) => {
          // While an input method composes, Enter picks a word (229: browsers that forget to say).
          if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
          event.preventDefault();
          this.#submit();
        },
      });
      const go = button("go", () => (this.#running ? this.stop() : this.#submit()));
      const foot = h(
        "div",
        { class: "foot" },
        h("div", { class: "box" }, input, go),
        h("div", { class: "note" }, t.note),
      );
      return { foot, input, go };
    }

    #listen() {
      this.#phone = matchMedia(PHONE);
      this.#night = matchMedia("(prefers-color-scheme: dark)");
      const watch = (target, name, listener) => {
        if (!target) return;
        target.addEventListener(name, listener);
        this.#undo.push(() => target.removeEventListener(name, listener));
      };
      watch(this.#night, "change", () => this.#style());
      watch(this.#phone, "change", () => this.#style());
      // With its keyboard out, a phone shows less than 100dvh.
      watch(window.visualViewport, "resize", () => {
        const { scale, height } = visualViewport;
        this.#root.style.setProperty("--visible", scale > 1.01 ? "100dvh" : `${height}px`);
      });
      watch(document, "securitypolicyviolation", (event) => {
        const host = new URL(this.#server.base).origin;
        if (!event.blockedURI.startsWith(host)) return;
        this.#violation = event.effectiveDirective;
        if (event.effectiveDirective === "frame-src" && this.#parts.frame) this.#frameFailed(new Failure("csp"));
      });
    }

    /** What attributes and the screen decide; both may change at any time. */
    #style() {
      const { title, launch, panel, input } = this.#parts;
      const name = this.getAttribute("data-title") || this.#t.title;
      title.textContent = name;
      labelled(launch, `${this.#t.launch}: ${name}`);
      panel.setAttribute("aria-modal", String(this.#phone.matches));
      const theme = this.getAttribute("data-theme");
      const dark = theme === "dark" || (theme !== "light" && this.#night.matches);
      this.#root.classList.toggle("dark", dark);
      this.#root.classList.toggle("left", /left/.test(this.getAttribute("data-position")));
      this.#paint(dark);
      if (input) this.#state();
    }

    #paint(dark) {
      const { style } = this.#root;
      style.color = ACCENT;
      style.color = this.getAttribute("data-accent") || ACCENT; // ignored where it is no colour
      const accent = channels(getComputedStyle(this.#root).color);
      style.color = "";
      const css = (rgb) => `rgb(${rgb.join(", ")})`;
      style.setProperty("--accent", css(accent));
      style.setProperty("--on-accent", contrast(accent, [255, 255, 255]) >= 4 ? "#fff" : "#14171a");
      style.setProperty("--tone", css(readable(accent, dark ? [38, 41, 45] : [245, 246, 247])));
    }

    #show(open) {
      const { panel, launch } = this.#parts;
      panel.hidden = !open;
      launch.hidden = open;
      launch.setAttribute("aria-expanded", open);
    }

    #key(event) {
      if (event.key === "Escape" && !event.isComposing && event.keyCode !== 229) {
        event.preventDefault();
        this.close();
      }
      if (event.key === "Tab" && this.#phone.matches) this.#keepFocus(event);
    }

    /** Full screen, the page behind is out of sight, so Tab stays in here. */
    #keepFocus(event) {
      const reachable = "button:enabled, a, textarea, input, summary, iframe, [tabindex='0']";
      const all = this.#parts.panel.querySelectorAll(reachable);
      const stops = Array.from(all).filter((node) => node.getClientRects().length);
      const [first, last] = [stops[0], stops[stops.length - 1]];
      const at = this.shadowRoot.activeElement;
      if (event.shiftKey ? at === first || at === this.#parts.panel : at === last) {
        event.preventDefault();
        (event.shiftKey ? last : first).focus();
      }
    }

    #firstOpen() {
      this.#greeted = true;
      if (this.#parts.input) this.#greet();
      else this.#loadFrame();
    }

    // ---- the chat page in a frame

    async #loadFrame() {
      const { panel, log } = this.#parts;
      log.replaceChildren(h("p", { class: "busy" }, "…"));
      try {
        await this.#server.token(); // a frame can't tell why it stays empty
      } catch (error) {
        this.#frameFailed(error);
        return;
      }
      const theme = this.getAttribute("data-theme");
      const wanted = /^(dark|light)$/.test(theme) ? `&__theme=${theme}` : "";
      const frame = h("iframe", { class: "frame", title: this.#parts.title.textContent });
      this.#parts.frame = frame;
      log.hidden = true;
      panel.append(frame);
      frame.src = this.#server.url(`?lang=${this.#lang}&embed=1${wanted}`);
    }

    #frameFailed(error) {
      const { log, frame } = this.#parts;
      if (frame) frame.remove();
      this.#parts.frame = null;
      log.hidden = false;
      log.replaceChildren(this.#complaint(error, () => this.#loadFrame()));
    }

    // ---- the conversation

    async #greet() {
      const t = this.#t;
      const label = h("div", { class: "label", hidden: "" }, t.examples);
      const chips = h("div", { class: "chips" });
      this.#parts.log.replaceChildren(h("h3", {}, t.greeting), label, chips);
      const given = this.getAttribute("data-suggestions");
      let questions = (given || "").split("|").map((one) => one.trim()).filter(Boolean);
      if (given === null) {
        try {
          const response = await this.#server.call(`api/suggestions?lang=${this.#lang}`, {});
          questions = (await response.json()).suggestions || [];
        } catch (error) {
          if (!chips.isConnected) return;
          this.#parts.log.append(this.#complaint(error, () => this.#greet()));
          return;
        }
      }
      chips.append(...this.#chips(questions.slice(0, 4)));
      label.hidden = !chips.childElementCount;
    }

    #chips(questions) {
      const ask = (question) => {
        this.#focus(); // the pressed button goes away, and focus must not fall to the page
        this.ask(question);
      };
      return questions.map((question) => button("chip", () => ask(question), bdi(question)));
    }

    /** To where the next thing is typed; on a phone that would bring up its keyboard. */
    #focus() {
      (this.#phone.matches ? this.#parts.panel : this.#parts.input || this.#parts.panel).focus();
    }

    #submit() {
      const { input } = this.#parts;
      const question = input.value.trim();
      if (!question || this.#running) return;
      input.value = "";
      this.#fit();
      this.ask(question);
    }

    #fit() {
      const { input } = this.#parts;
      input.style.height = "auto";
      input.style.height = `${Math.max(34, Math.min(120, input.scrollHeight))}px`;
      this.#state();
    }

    /** The one button beside the question sends or stops. */
    #state() {
      const { go, input } = this.#parts;
      const running = Boolean(this.#running);
      const name = running ? "stop" : "send";
      if (go.dataset.does !== name) go.replaceChildren(icon(name));
      go.dataset.does = name;
      labelled(go, this.#t[name]);
      go.disabled = !running && !input.value.trim();
    }

    #forget() {
      this.stop();
      this.#turns = [];
      this.#greet();
      this.#focus();
    }

    #newTurn(question) {
      const { log } = this.#parts;
      if (!this.#turns.length) log.replaceChildren();
      log.querySelectorAll(".next").forEach((node) => node.remove());
      const body = h("div", {});
      const asked = h("div", { class: "asked text", dir: "auto" }, question);
      const element = h("div", { class: "turn" }, asked, body);
      const turn = { question, element, body, answer: null };
      this.#turns.push(turn);
      if (this.#turns.length > KEPT) this.#turns.shift().element.remove();
      log.append(element);
      return turn;
    }

    async #answer(turn) {
      this.#running = turn;
      this.#violation = null;
      turn.answer = null;
      this.#state();
      this.#emit("ask", { question: turn.question });
      try {
        turn.answer = await this.#asked(turn, this.#stream(turn));
        this.#replace(turn, this.#view(turn));
        this.#emit("answer", turn.answer);
      } catch (error) {
        this.#failed(turn, error);
      } finally {
        clearTimeout(turn.timer);
        if (this.#running === turn) this.#running = null;
        this.#state();
      }
      return turn.answer;
    }

    /** The answer, unless the turn is stopped or the server falls silent before it is there. */
    #asked(turn, show) {
      const abort = new AbortController();
      const stopped = new Promise((_, reject) => {
        turn.stop = (why) => {
          reject(why);
          abort.abort();
        };
      });
      const take = (name, value) => {
        clearTimeout(turn.timer);
        turn.timer = setTimeout(turn.stop, SILENCE_MS, new Failure("broken"));
        show(name, value);
      };
      take("begin");
      return Promise.race([stopped, this.#server.ask(this.#request(turn), abort.signal, take)]);
    }

    #redo(turn) {
      this.stop();
      this.#focus();
      return this.#answer(turn);
    }

    #request(turn) {
      const before = this.#turns.slice(0, this.#turns.indexOf(turn)).filter((one) => one.answer);
      const history = before.slice(-HISTORY).map((one) => ({ question: one.question, answer: one.answer.answer }));
      return { question: turn.question, history, lang: this.#lang, context: this.#context };
    }

    /** Shows what arrives; screen readers get the finished answer, once. */
    #stream(turn) {
      const busy = h("div", { class: "busy" }, this.#t.searching);
      const text = document.createTextNode("");
      const body = passage("div", "streaming", text);
      body.setAttribute("aria-hidden", "true");
      turn.body.replaceChildren(body, busy);
      this.#toEnd();
      return (name, value) => {
        const following = this.#atEnd();
        if (name === "hits") busy.textContent = this.#t.reading;
        if (name === "token") text.appendData(value.text);
        if (text.length) busy.textContent = "";
        if (following) this.#toEnd();
      };
    }

    #failed(turn, error) {
      const partial = turn.body.querySelector(".streaming");
      const retry = () => this.#redo(turn);
      const view = [];
      if (partial && partial.textContent) view.push(passage("div", "body", partial.textContent));
      if (error.code === "stopped") {
        view.push(h("p", { class: "said" }, this.#t.stopped), this.#retryButton(retry));
      } else {
        view.push(this.#complaint(error, retry));
      }
      this.#replace(turn, view);
    }

    #replace(turn, view) {
      const following = this.#atEnd();
      turn.body.replaceChildren(...view);
      if (!following || !turn.element.isConnected) return;
      const { log } = this.#parts;
      // An answer longer than the window is read from its beginning.
      if (turn.element.offsetHeight > log.clientHeight) log.scrollTop = turn.element.offsetTop - log.offsetTop - 12;
      else this.#toEnd();
    }

    #atEnd() {
      const { log } = this.#parts;
      return log.scrollHeight - log.scrollTop - log.clientHeight < 60;
    }

    #toEnd() {
      this.#parts.log.scrollTop = this.#parts.log.scrollHeight;
    }

    // ---- failures

    #explain(error) {
      const t = this.#t;
      const { origin } = new URL(this.#server.base);
      const here = self.origin; // unlike location.origin, "null" in a sandboxed frame
      if (this.#violation) return filled(t.csp, `${this.#violation} ${origin}`);
      if (error.code === "origin_not_allowed") return filled(t.refused, here);
      if (error.code === "unreachable") return filled(t.unreachable, here);
      if (!error.code || error.code === "broken") return t.broken;
      return error.said || filled(t.failed, error.status || error.code);
    }

    /** Says what went wrong, to the page's scripts too, and offers to try again. */
    #complaint(error, retry) {
      const message = this.#explain(error);
      this.#emit("error", { code: error.code || "failed", status: error.status || 0, message });
      return h("div", { class: "error" }, passage("p", "", message), this.#retryButton(retry));
    }

    #retryButton(retry) {
      return button("small", retry, icon("again"), this.#t.retry);
    }

    // ---- one answer

    #view(turn) {
      const { answer } = turn;
      const view = [];
      if (answer.query !== turn.question) {
        view.push(passage("p", "searched", filled(this.#t.searched, answer.query)));
      }
      if (answer.notice) view.push(passage("p", "searched", answer.notice));
      view.push(...(answer.answered ? this.#answered(answer) : this.#declined(answer)));
      view.push(this.#actions(turn));
      const next = (answer.suggestions || []).slice(0, 3);
      if (next.length) {
        const label = h("div", { class: "label" }, this.#t.more);
        view.push(h("div", { class: "next" }, label, h("div", { class: "chips" }, ...this.#chips(next))));
      }
      return view;
    }

    #answered(answer) {
      const cards = new Map(answer.citations.map((one) => [one.marker, this.#card(one, answer.hits)]));
      const marked = (marker) => {
        const card = cards.get(marker);
        if (!card) return null;
        return labelled(button("cite", () => this.#reveal(card), marker), `${this.#t.source} ${marker}`);
      };
      const { answer: text, short_answer: short, sentences = [] } = answer;
      const view = [];
      // Quoted sentences come after the short answer; a text that was written says it itself.
      const rest = short && /^[。.]/.test(text.slice(short.length)) && text.startsWith(short);
      const body = rest ? text.slice(short.length + 1).trim() : text;
      if (short && !sentences.length && !body.startsWith(`“${short}`)) {
        view.push(passage("p", short.length > 36 ? "short long" : "short", short));
      }
      view.push(answerText(sentences.length ? text : body, sentences, marked, this.#t));
      view.push(h("div", { class: "label" }, this.#t.sources));
      view.push(h("ol", { class: "sources" }, ...cards.values()));
      return view;
    }

    #card(citation, hits) {
      const quote = quotation(citation, hits);
      quote.hidden = true;
      const number = h("span", { class: "number" }, citation.marker);
      const toggle = () => unfold(card, quote.hidden);
      const show = button("show", toggle, number, name(citation, this.#t));
      show.setAttribute("aria-expanded", "false");
      const card = h("li", { class: "card" }, h("div", { class: "line" }, show, this.#link(citation)), quote);
      return card;
    }

    #link(item) {
      const t = this.#t;
      const href = this.#server.url(
        `documents/${encodeURIComponent(item.document_id)}?start=${item.start}&end=${item.end}&lang=${this.#lang}#cited`,
      );
      const label = `${t.open}: ${item.title || item.source}`;
      return h("a", { class: "goto", href, target: "_blank", rel: "noopener", "aria-label": label }, t.open, icon("out"));
    }

    #reveal(card) {
      this.#parts.log.querySelectorAll(".card.on").forEach((one) => one.classList.remove("on"));
      unfold(card, true);
      card.classList.add("on");
      card.scrollIntoView({ block: "nearest" }); // the panel is fixed: the page behind stays
      card.querySelector(".show").focus({ preventScroll: true });
    }

    #declined(answer) {
      const t = this.#t;
      const view = [
        h("div", { class: "declined" }, h("strong", {}, t.declined), passage("p", "body", answer.answer)),
      ];
      const hits = (answer.hits || []).slice(0, 5);
      if (!hits.length) return view;
      const items = hits.map((hit) =>
        h("li", {}, name(hit, t), passage("div", "", hit.text.replace(/\n\s*\n/g, "\n")), this.#link(hit)),
      );
      const list = h("ol", { class: "passages" }, ...items);
      return [...view, h("details", {}, h("summary", {}, `${t.nearest} (${hits.length})`), list)];
    }

    // ---- again, and thumbs

    #actions(turn) {
      const t = this.#t;
      const acts = h("div", { class: "acts" });
      const wrap = h("div", {}, acts);
      const { answer_id: id } = turn.answer;
      if (id) {
        for (const rating of ["up", "down"]) {
          const thumb = tool("thumb", t[rating], () => this.#rate(wrap, id, rating));
          thumb.dataset.rating = rating;
          thumb.setAttribute("aria-pressed", "false");
          acts.append(thumb);
        }
      }
      acts.append(tool("again", t.again, () => this.#redo(turn)), h("span", { class: "said", role: "status" }));
      return wrap;
    }

    async #rate(wrap, id, rating, comment = "") {
      const t = this.#t;
      const said = wrap.querySelector(".said");
      const press = (value) =>
        wrap.querySelectorAll("[data-rating]").forEach((one) => {
          one.setAttribute("aria-pressed", String(one.dataset.rating === value));
        });
      press(rating);
      wrap.querySelector(".comment")?.remove();
      try {
        await this.#server.post("api/feedback", { answer_id: id, rating, comment });
      } catch {
        press(null);
        said.textContent = t.unsent;
        return;
      }
      said.textContent = t.thanks;
      if (!comment) wrap.append(this.#commentBox((text) => this.#rate(wrap, id, rating, text)));
    }

    #commentBox(send) {
      const t = this.#t;
      const input = h("input", { type: "text", maxlength: "1000", "aria-label": t.comment, placeholder: t.comment });
      const submit = () => {
        if (!input.value.trim()) return;
        this.#focus();
        send(input.value.trim());
      };
      input.addEventListener("keydown", (event) => {
        if (event.key === "Enter" && !event.isComposing && event.keyCode !== 229) submit();
      });
      return h("div", { class: "comment" }, input, button("small", submit, t.submit));
    }
  }

  function unfold(card, open) {
    const quote = card.querySelector(".quote");
    quote.hidden = !open;
    card.querySelector(".show").setAttribute("aria-expanded", String(open));
    const mark = quote.querySelector("mark");
    quote.scrollTop += mark.getBoundingClientRect().top - quote.getBoundingClientRect().top - 36;
  }

  // ---------------------------------------------------------------- onto the page

  /**
   * One chat for this script tag, with its attributes. Not where the page wrote its own
   * <wenyuan-chat>, and not twice in one corner: a tag pasted twice gives one chat.
   */
  function mount() {
    if (!script) return; // a module: the page writes <wenyuan-chat> itself
    const corner = (node) => (/left/.test(node.getAttribute("data-position")) ? "left" : "right");
    const present = Array.from(document.querySelectorAll(TAG));
    const own = present.some((one) => !one.hasAttribute("data-base"));
    const taken = present.some((one) => one.getAttribute("data-base") === HERE && corner(one) === corner(script));
    if (own || taken) return;
    const chat = document.createElement(TAG);
    for (const { name, value } of Array.from(script.attributes)) {
      if (name.startsWith("data-")) chat.setAttribute(name, value);
    }
    chat.setAttribute("data-base", HERE);
    (document.body || document.documentElement).append(chat);
  }

  if (!customElements.get(TAG)) customElements.define(TAG, WenyuanChat);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", mount);
  else mount();
})();
