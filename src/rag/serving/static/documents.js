// The list of articles: search, pages; with the administrator's token, upload and remove.
(() => {
  "use strict";
  const { base, admin, megabytes } = document.body.dataset;
  const zh = document.documentElement.lang.startsWith("zh");
  const say = (chinese, english) => (zh ? chinese : english);
  const find = (id) => document.getElementById(id);
  const SIZE = 50;
  let offset = 0;
  let latest = 0;

  // A header takes ASCII alone; a token with other signs is wrong in any case.
  const token = () => find("token").value.replace(/[^\x20-\x7e]/g, "?");

  async function failure(response) {
    try {
      return (await response.json()).error.message;
    } catch {
      return `HTTP ${response.status}`;
    }
  }

  async function list() {
    const number = ++latest;
    const query = new URLSearchParams({ search: find("search").value.trim(), limit: SIZE, offset });
    let response;
    try {
      response = await fetch(`${base}/api/documents?${query}`);
    } catch {
      find("count").textContent = say("无法连接服务器", "The server can't be reached");
      return;
    }
    if (number !== latest) return; // a later search has been typed
    if (!response.ok) {
      find("count").textContent = await failure(response);
      return;
    }
    const { documents, total } = await response.json();
    find("rows").replaceChildren(...documents.map(row));
    const last = offset + documents.length;
    const range = total ? `${offset + 1}–${last} / ${total}` : "0";
    find("count").textContent = say(`文章 ${range}`, `Articles ${range}`);
    find("earlier").disabled = offset === 0;
    find("later").disabled = last >= total;
  }

  function row(item) {
    const tr = find("row").content.cloneNode(true).firstElementChild;
    const cells = tr.children;
    const link = cells[0].firstElementChild;
    link.textContent = item.title || item.source;
    link.href = `${base}/documents/${encodeURIComponent(item.document_id)}?lang=${zh ? "zh" : "en"}`;
    cells[1].textContent = item.date || "";
    cells[2].textContent = item.source;
    cells[3].textContent = say(`${item.chunks} 段`, `${item.chunks}`);
    cells[4].textContent = new Date(item.indexed_at).toLocaleString(zh ? "zh-CN" : "en");
    const remove = tr.querySelector(".remove");
    remove.hidden = !admin;
    remove.addEventListener("click", () => removeArticle(item));
    return tr;
  }

  async function removeArticle(item) {
    const name = item.title || item.source;
    if (!confirm(say(`从索引中移除《${name}》？文件会保留。`, `Take “${name}” out of the index? Its file stays.`))) return;
    const response = await fetch(`${base}/api/documents/${encodeURIComponent(item.document_id)}`, {
      method: "DELETE",
      headers: { "X-Admin-Token": token() },
    });
    outcomes([{ ok: response.ok, text: response.ok ? say(`已移除：${name}`, `Removed: ${name}`) : await failure(response) }]);
    if (response.ok) await list();
  }

  function outcomes(items) {
    find("outcomes").replaceChildren(...items.map(({ ok, text }) => {
      const li = document.createElement("li");
      li.textContent = text;
      if (!ok) li.className = "failed";
      return li;
    }));
  }

  function upload(files) {
    const chosen = [...files];
    if (!chosen.length) return;
    const size = chosen.reduce((sum, file) => sum + file.size, 0);
    if (size > megabytes * 1048576) {
      outcomes([{ ok: false, text: say(`一次最多上传 ${megabytes} MB，请分批`, `At most ${megabytes} MB at once; send fewer files`) }]);
      return;
    }
    const form = new FormData();
    for (const file of chosen) form.append("files", file, file.name);
    // fetch can't tell how much has been sent.
    const request = new XMLHttpRequest();
    const bar = find("progress");
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) bar.value = event.loaded / event.total;
    });
    request.upload.addEventListener("load", () => {
      bar.removeAttribute("value"); // sent; how long the indexing takes isn't known
      outcomes([{ ok: true, text: say("正在入库……", "Indexing …") }]);
    });
    request.addEventListener("loadend", () => {
      bar.hidden = true;
      finished(request);
    });
    request.open("POST", `${base}/api/documents`);
    request.setRequestHeader("X-Admin-Token", token());
    request.setRequestHeader("Accept-Language", zh ? "zh" : "en");
    bar.hidden = false;
    bar.value = 0;
    request.send(form);
  }

  function finished(request) {
    let reply = {};
    try {
      reply = JSON.parse(request.responseText);
    } catch {
      // no JSON: the connection broke, or a proxy answered
    }
    if (reply.files) {
      outcomes(reply.files.map((file) => ({
        ok: !file.error,
        text: file.error ? file.error[zh ? "zh" : "en"] : say(`已入库：${file.source}`, `Indexed: ${file.source}`),
      })));
      list();
    } else {
      const text = reply.error ? reply.error.message : say("上传失败，请检查网络后重试", "The upload failed; check the connection and try again");
      outcomes([{ ok: false, text }]);
    }
  }

  let typing;
  find("search").addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => { offset = 0; list(); }, 200);
  });
  find("earlier").addEventListener("click", () => { offset = Math.max(0, offset - SIZE); list(); });
  find("later").addEventListener("click", () => { offset += SIZE; list(); });

  if (admin) {
    find("admin").hidden = false;
    const drop = find("drop");
    const files = find("files");
    drop.addEventListener("click", (event) => { if (event.target !== files) files.click(); });
    drop.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); files.click(); }
    });
    files.addEventListener("change", () => { upload(files.files); files.value = ""; });
    for (const name of ["dragenter", "dragover"]) {
      drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
    }
    drop.addEventListener("dragleave", () => drop.classList.remove("over"));
    drop.addEventListener("drop", (event) => {
      event.preventDefault();
      drop.classList.remove("over");
      upload(event.dataTransfer.files);
    });
  }
  list();
})();
