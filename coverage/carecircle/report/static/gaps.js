"use strict";
/* What is lacking: a mark for each unit; `#gap=ID` opens one, `#target=ID` shows those of one target only. */
carecircle.gaps = function (map, data, group, padding) {
  var node = carecircle.node, all = data.gaps, only = "", asked = "", marks = [], home = group;
  var notice = document.getElementById("cc-only"), places = carecircle.unpack(all.at), order = Object.keys(all.icons);

  if (all.clusters) {
    home = L.markerClusterGroup({ showCoverageOnHover: false, maxClusterRadius: 36, disableClusteringAtZoom: 14,
      iconCreateFunction: function (found) { return icon(order[0], found.getChildCount()); } }).addTo(group);
  }

  function icon(kind, count) {
    var box = node("div");
    box.innerHTML = all.icons[kind];
    if (count > 1) { box.appendChild(node("b", "", String(count))); }
    return L.divIcon({ className: "cc-mark cc-gap", html: box, iconSize: [20, 20] });
  }

  function of(unit) {
    return all.gaps.filter(function (gap) { return gap.unit === unit && (!only || gap.target === only); });
  }

  function card(unit) {
    var made = carecircle.card(all.units[unit].name, all.units[unit].place, all.units[unit].rows);
    of(unit).sort(function (a, b) { return (b.id === asked) - (a.id === asked); }).forEach(function (gap) {
      var part = carecircle.card("", "", gap.rows);
      made.appendChild(node("h4", "", gap.target + " " + gap.title));
      made.appendChild(part.querySelector("table"));
    });
    return made;
  }

  /* The gravest of the gaps that are shown gives the mark. */
  function gravest(gaps) {
    return order.filter(function (kind) { return gaps.some(function (gap) { return gap.kind === kind; }); })[0];
  }

  function draw() {
    home.clearLayers();
    marks = all.units.map(function (unit, i) {
      var gaps = of(i), mark;
      if (!gaps.length) { return null; }
      mark = L.marker(places[i], { icon: icon(gravest(gaps), gaps.length), riseOnHover: true, zIndexOffset: 500 });
      mark.bindPopup(function () { return card(i); }, carecircle.layers.beside(map, { offset: [0, -4], maxHeight: 380 }));
      mark.bindTooltip(function () { return node("span", "", unit.name); }, { direction: "top", offset: [0, -10] });
      mark.on("add", function () { mark.getElement().setAttribute("aria-label", unit.name); });
      return mark.addTo(home);
    });
  }

  function tell(target) {
    var gap = all.gaps.filter(function (one) { return one.target === target; })[0];
    notice.hidden = !gap;
    if (gap) { notice.firstChild.textContent = all.only.split("{target}").join(gap.target + " " + gap.title); }
  }

  function open(unit) {
    var mark = marks[unit];
    if (!map.hasLayer(group)) { group.addTo(map); }
    map.setView(mark.getLatLng(), Math.max(map.getZoom(), 15), { animate: false });
    if (home !== group) { home.zoomToShowLayer(mark, function () { mark.openPopup(); }); } else { mark.openPopup(); }
  }

  function wanted(name) {
    var found = window.location.hash.slice(1).split("&").filter(function (part) { return part.indexOf(name + "=") === 0; })[0];
    try { return found ? decodeURIComponent(found.slice(name.length + 1)) : ""; } catch (error) { return ""; }
  }

  function follow() {
    var target = wanted("target"), shown;
    asked = wanted("gap");
    only = all.gaps.some(function (gap) { return gap.target === target; }) ? target : "";
    map.closePopup();
    draw();
    tell(only);
    shown = marks.filter(Boolean);
    if (only) {
      if (!map.hasLayer(group)) { group.addTo(map); }
      map.fitBounds(L.latLngBounds(shown.map(function (mark) { return mark.getLatLng(); })),
        L.extend({ animate: false, maxZoom: 15 }, padding));
    }
    all.gaps.forEach(function (gap) { if (gap.id === asked && marks[gap.unit]) { open(gap.unit); } });
  }

  notice.querySelector("button").addEventListener("click", function () { window.location.hash = ""; });
  window.addEventListener("hashchange", follow);
  follow();
};
