"use strict";
/* A box that finds facilities and areas by name: arrow keys choose, Enter goes there, Escape closes. */
carecircle.search = function (entries, words) {
  var node = carecircle.node, most = 8, shown = [], chosen = -1;
  var input = document.getElementById("cc-query"), list = document.getElementById("cc-found");
  var said = document.getElementById("cc-said");

  function close() {
    list.hidden = true;
    shown = [];
    chosen = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  function choose(number) {
    chosen = number;
    list.querySelectorAll("[role=option]").forEach(function (line, i) {
      line.setAttribute("aria-selected", String(i === number));
      if (i === number) {
        line.scrollIntoView({ block: "nearest" });
        input.setAttribute("aria-activedescendant", line.id);
      }
    });
  }

  function go(number) {
    var entry = shown[number];
    if (!entry) { return; }
    input.value = entry.name;
    close();
    entry.go();
  }

  function find() {
    var wanted = input.value.trim().toLowerCase();
    if (!wanted) { said.textContent = ""; close(); return; }
    var found = entries.filter(function (entry) { return entry.key.indexOf(wanted) >= 0; });
    found.sort(function (a, b) { return a.key.indexOf(wanted) - b.key.indexOf(wanted) || a.key.length - b.key.length; });
    shown = found.slice(0, most);
    list.textContent = "";
    shown.forEach(function (entry, i) {
      var line = node("li");
      line.id = "cc-option-" + i;
      line.setAttribute("role", "option");
      line.appendChild(node("span", "", entry.name));
      line.appendChild(node("small", "", entry.kind));
      line.addEventListener("mousedown", function (event) { event.preventDefault(); go(i); });
      list.appendChild(line);
    });
    if (!shown.length) { list.appendChild(node("li", "cc-none", words.search_none)); }
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    said.textContent = words.search_count.split("{count}").join(String(found.length));
    choose(shown.length ? 0 : -1);
  }

  input.addEventListener("input", find);
  input.addEventListener("blur", close);
  input.addEventListener("keydown", function (event) {
    if (event.isComposing) { return; }
    if (event.key === "Enter") { go(chosen); }
    if (event.key === "Escape") { close(); }
    if ((event.key === "ArrowDown" || event.key === "ArrowUp") && shown.length) {
      event.preventDefault();
      choose((chosen + (event.key === "ArrowDown" ? 1 : shown.length - 1)) % shown.length);
    }
  });
};
