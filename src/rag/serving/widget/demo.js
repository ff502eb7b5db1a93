/* The demonstration page: the form shapes the live widget and the line to paste. */
(() => {
  "use strict";

  const base = new URL("..", document.currentScript.src);
  const form = document.getElementById("looks");
  const snippet = document.getElementById("snippet");
  const plain = { "data-accent": "#1f5c7a" }; // what need not be said

  const escaped = (value) =>
    value.replace(/&/g, "&amp;").replace(/"/g, "&quot;").replace(/</g, "&lt;");

  const chosen = () =>
    Array.from(new FormData(form)).filter(([name, value]) => value && value !== plain[name]);

  function line(attributes) {
    const said = attributes.map(([name, value]) => ` ${name}="${escaped(value)}"`).join("");
    return `<script src="${base.href}widget.js"${said} defer></` + "script>";
  }

  function policy() {
    const framed = new FormData(form).get("data-mode") === "iframe";
    return `script-src ${base.origin}; connect-src ${base.origin}` + (framed ? `; frame-src ${base.origin}` : "");
  }

  /** A new widget with these looks in the place of the old one; open if that was. */
  function renew(attributes) {
    const open = window.wenyuan && window.wenyuan.isOpen;
    if (window.wenyuan) window.wenyuan.destroy();
    const chat = document.createElement("wenyuan-chat");
    chat.setAttribute("data-base", base.href);
    attributes.forEach(([name, value]) => chat.setAttribute(name, value));
    document.body.append(chat);
    if (open) chat.open({ focus: false });
  }

  function show() {
    const attributes = chosen();
    snippet.textContent = line(attributes);
    document.getElementById("policy").textContent = policy();
    renew(attributes);
  }

  /** Works on plain http too, where there is no clipboard to write to: then it stays selected. */
  function copy() {
    getSelection().selectAllChildren(snippet);
    if (navigator.clipboard) navigator.clipboard.writeText(snippet.textContent).catch(() => {});
    else document.execCommand("copy");
  }

  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("copy").addEventListener("click", copy);
  customElements.whenDefined("wenyuan-chat").then(show);
})();
