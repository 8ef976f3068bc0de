(function () {
  "use strict";
  /* Rows by kind, file and words; written for the browsers of old offices too. */
  var body = document.getElementById("rows");
  if (!body) { return; }
  var rows = body.getElementsByTagName("tr"), keys = [];
  var which = document.getElementById("which"), file = document.getElementById("file");
  var words = document.getElementById("words"), said = document.getElementById("said");

  function fits(row, key, wanted) {
    var kind = which.value.split(" ");
    if (kind.length > 1 && row.getAttribute("data-" + kind[0]) !== kind[1]) { return false; }
    if (file.value !== "" && row.getAttribute("data-file") !== file.value) { return false; }
    return key.indexOf(wanted) >= 0;
  }

  function follow() {
    var wanted = words.value.replace(/^\s+|\s+$/g, "").toLowerCase(), shown = 0, i, fit;
    for (i = 0; i < rows.length; i += 1) {
      fit = fits(rows[i], keys[i], wanted);
      if (fit) { shown += 1; }
      if (rows[i].hidden === fit) { rows[i].hidden = !fit; }
    }
    said.textContent = said.getAttribute("data-words").replace("{shown}", String(shown)).replace("{all}", String(rows.length));
  }

  for (var i = 0; i < rows.length; i += 1) { keys.push(rows[i].textContent.toLowerCase()); }
  which.addEventListener("change", follow);
  file.addEventListener("change", follow);
  words.addEventListener("input", follow);
  words.addEventListener("keydown", function (event) {
    if (event.key === "Escape" || event.key === "Esc") { words.value = ""; follow(); }
  });
  document.getElementById("tools").addEventListener("submit", function (event) { event.preventDefault(); });
  document.getElementById("print").addEventListener("click", function () { window.print(); });
  document.getElementById("tools").removeAttribute("hidden");
  follow();
}());
