(function () {
  "use strict";
  /* Packs by tab; rows by verdict, force, county and words, in an order. Written for the browsers of old offices too. */
  var packs = document.querySelectorAll("article.pack");
  var tabs = document.getElementById("tabs");
  var buttons = tabs.getElementsByTagName("button");

  function each(list, act) {
    for (var i = 0; i < list.length; i += 1) { act(list[i], i); }
  }

  function show(pack) {
    each(packs, function (one) { one.hidden = one.getAttribute("data-pack") !== pack; });
    each(buttons, function (one) {
      one.setAttribute("aria-pressed", one.getAttribute("data-pack") === pack ? "true" : "false");
    });
  }

  function open(target, wanted) {
    target.getElementsByClassName("detail")[0].hidden = !wanted;
    target.getElementsByClassName("more")[0].setAttribute("aria-expanded", wanted ? "true" : "false");
  }

  function isOpen(target) { return !target.getElementsByClassName("detail")[0].hidden; }

  /* The verdict of a row in an area, null where it has no number of its own there. */
  function verdictIn(target, area) {
    var found = null;
    each(target.querySelectorAll(".head .of[data-verdict]"), function (one) {
      if (one.getAttribute("data-area") === area) { found = one.getAttribute("data-verdict"); }
    });
    return found;
  }

  function prepare(pack) {
    var form = pack.getElementsByClassName("tools")[0], table = pack.getElementsByClassName("verdicts")[0];
    var targets = [], keys = [], said = form.getElementsByTagName("output")[0];
    var note = pack.getElementsByClassName("county-note")[0];
    each(table.getElementsByClassName("target"), function (one) { targets.push(one); });
    each(targets, function (one) { keys.push(one.textContent.toLowerCase()); });

    function chosen(name) { return form.elements[name] ? form.elements[name].value : ""; }

    function fits(target, key, area) {
      var verdict = verdictIn(target, area), wanted = chosen("words").replace(/^\s+|\s+$/g, "").toLowerCase();
      if (verdict === null) { return false; }
      if (chosen("verdict") !== "" && verdict !== chosen("verdict")) { return false; }
      if (chosen("force") !== "" && target.getAttribute("data-force") !== chosen("force")) { return false; }
      return key.indexOf(wanted) >= 0;
    }

    function follow() {
      var area = chosen("county"), shown = 0;
      each(targets, function (target, i) {
        var fit = fits(target, keys[i], area);
        if (fit) { shown += 1; }
        target.hidden = !fit;
        each(target.querySelectorAll(".head .of"), function (one) { one.hidden = one.getAttribute("data-area") !== area; });
      });
      note.hidden = area === "";
      said.textContent = said.getAttribute("data-words").replace("{shown}", String(shown)).replace("{all}", String(targets.length));
    }

    function value(target, by) {
      var words = target.getAttribute("data-" + by);
      return by === "day" ? words : parseFloat(words);
    }

    function sort() {
      var by = chosen("sort"), order = targets.slice();
      order.sort(function (a, b) {
        var one = value(a, by), other = value(b, by);
        return one < other ? -1 : one > other ? 1 : value(a, "place") - value(b, "place");
      });
      each(order, function (one) { table.appendChild(one); });
    }

    each(["verdict", "force", "county"], function (name) {
      if (form.elements[name]) { form.elements[name].addEventListener("change", follow); }
    });
    form.elements.sort.addEventListener("change", sort);
    form.elements.words.addEventListener("input", follow);
    form.elements.words.addEventListener("keydown", function (event) {
      if (event.key === "Escape" || event.key === "Esc") { form.elements.words.value = ""; follow(); }
    });
    form.addEventListener("submit", function (event) { event.preventDefault(); });
    form.getElementsByClassName("open")[0].addEventListener("click", function () {
      var closed = false;
      each(targets, function (one) { if (!one.hidden && !isOpen(one)) { closed = true; } });
      each(targets, function (one) { open(one, closed); });
    });
    form.getElementsByClassName("print")[0].addEventListener("click", function () { window.print(); });
    each(targets, function (target) {
      open(target, false);
      target.getElementsByClassName("more")[0].addEventListener("click", function () { open(target, !isOpen(target)); });
    });
    form.removeAttribute("hidden");
    follow();
  }

  /* dashboard.html#YX-03 opens that row. */
  function arrive() {
    var target = document.getElementById(decodeURIComponent(window.location.hash.slice(1)));
    if (!target || target.className !== "target") { return; }
    var pack = target;
    while (pack && pack.className !== "pack") { pack = pack.parentNode; }
    show(pack.getAttribute("data-pack"));
    open(target, true);
    target.scrollIntoView();
  }

  each(packs, prepare);
  each(buttons, function (one) {
    one.addEventListener("click", function () { show(one.getAttribute("data-pack")); });
  });
  if (packs.length) { show(packs[0].getAttribute("data-pack")); }
  if (buttons.length > 1) { tabs.removeAttribute("hidden"); }
  window.addEventListener("hashchange", arrive);
  arrive();
}());
