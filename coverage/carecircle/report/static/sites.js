"use strict";
/* The map of a siting plan: circles before and after, sites by rank and year, candidates that were not chosen. */
(function () {
  var data = JSON.parse(document.getElementById("cc-data").textContent), fill = carecircle.layers, panels = carecircle.panels;
  var node = carecircle.node, card = carecircle.card, unpack = carecircle.unpack;
  var v = data.view, bounds = [[v[1], v[0]], [v[3], v[2]]];
  var padding = window.innerWidth >= 760 ? { paddingTopLeft: [16, 16], paddingBottomRight: [236, 30] } : { padding: [8, 8] };
  var map = L.map("cc-map", { zoomControl: false, attributionControl: false, scrollWheelZoom: false, zoomSnap: 0.25,
    minZoom: 5, maxZoom: 19 });
  var groups = {}, bases = {}, overlays = {}, marks = [], themes = [];

  /* The page scrolls over the map until one clicks on it. */
  map.on("focus", function () { map.scrollWheelZoom.enable(); });
  map.on("blur", function () { map.scrollWheelZoom.disable(); });

  [["ground", 210], ["streets", 300], ["names", 590]].forEach(function (pane) {
    map.createPane(pane[0]).style.zIndex = pane[1];
    map.getPane(pane[0]).style.pointerEvents = "none";
  });
  map.fitBounds(bounds, L.extend({ animate: false }, padding));
  map.cc = { under: L.canvas({ pane: "ground" }), streets: L.canvas({ pane: "streets", padding: 0.3 }),
    canvas: L.canvas({ padding: 0.3, tolerance: 3 }), own: L.layerGroup().addTo(map) };

  data.themes.forEach(function (theme, i) {
    var group = L.layerGroup();
    fill.bands(map, { bands: theme.bands }, group);
    themes.push(group);
    bases[theme.label] = group;
    if (i === 0) { group.addTo(map); }
  });
  data.groups.forEach(function (one) {
    groups[one.key] = L.layerGroup();
    overlays[one.label] = groups[one.key];
    if (one.shown) { groups[one.key].addTo(map); }
  });
  data.kinds.forEach(function (kind, i) { groups["kind_" + i] = groups.facilities; });

  if (data.ground) { fill.ground(map, data); }
  fill.streets(map, data, groups.streets);
  fill.borders(map, data, groups.borders);
  [["before", "before"], ["left", "after"]].forEach(function (pair) {
    var people = data.uncovered[pair[1]];
    if (groups[pair[0]] && people) {
      fill.uncovered(map, { uncovered: people, words: data.words, facilities: data.facilities }, groups[pair[0]]);
    }
  });
  others();
  fill.facilities(map, data, groups);
  data.sites.forEach(site);

  function others() {
    var all = data.candidates;
    unpack(all.at).forEach(function (at, i) {
      var point = L.circleMarker(at, { renderer: map.cc.canvas, radius: 3, weight: 1, color: "#ffffff", opacity: 0.9,
        fillColor: "#6d7683", fillOpacity: 0.85 });
      point.bindPopup(function () { return card(all.name[i], "", [[all.heading, all.sources[all.source[i]]]]); },
        fill.beside(map));
      point.addTo(groups.candidates);
    });
  }

  function site(one) {
    var home = groups[one.year < 0 ? "sites" : "year_" + one.year], pin = node("b", "", one.rank), mark;
    pin.style.backgroundColor = one.colour;
    mark = L.marker(one.at, { icon: L.divIcon({ className: "cc-site", html: pin, iconSize: [24, 24] }), riseOnHover: true,
      zIndexOffset: 2000 - Number(one.rank) });
    mark.bindPopup(function () { return card(one.name, one.under, one.rows); },
      fill.beside(map, { offset: [0, -6], minWidth: 310, maxWidth: 360, maxHeight: 340, autoPanPaddingTopLeft: [12, 12] }));
    mark.bindTooltip(function () { return node("span", "", one.name); }, { direction: "top", offset: [0, -12] });
    mark.on("add", function () { mark.getElement().setAttribute("aria-label", one.rank + " " + one.name); });
    mark.addTo(home);
    marks.push({ mark: mark, home: home });
  }

  /* One canvas holds circles, borders and points: what is switched on later would lie on top. */
  function restack() {
    ["borders", "candidates", "before", "left"].forEach(function (key) {
      if (groups[key] && map.hasLayer(groups[key])) { groups[key].eachLayer(function (layer) { layer.bringToFront(); }); }
    });
    document.querySelectorAll("[data-theme]").forEach(function (block) {
      block.hidden = !map.hasLayer(themes[Number(block.dataset.theme)]);
    });
  }
  map.on("overlayadd baselayerchange", restack);
  restack();

  panels.zoom(map, data, bounds, padding);
  panels.place(map, "cc-note", "bottomleft");
  panels.scale(map, data.words);
  panels.place(map, "cc-north", "bottomleft");
  panels.names(map, data, groups.names);
  var control = L.control.layers(bases, overlays, { collapsed: window.innerWidth < 760, autoZIndex: false }).addTo(map);
  control.getContainer().querySelector(".leaflet-control-layers-base").dataset.title = data.words.themes;
  control.getContainer().querySelector(".leaflet-control-layers-overlays").dataset.title = data.words.layers;

  document.querySelectorAll("[data-site]").forEach(function (button) {
    button.addEventListener("click", function () {
      var found = marks[Number(button.dataset.site)];
      document.getElementById("cc-map").scrollIntoView({ block: "center" });
      if (!map.hasLayer(found.home)) { found.home.addTo(map); }
      map.setView(found.mark.getLatLng(), Math.max(map.getZoom(), 14), { animate: false });
      found.mark.openPopup();
    });
  });
}());
