"use strict";
carecircle.start = function (map, groups, control) {
  var data = JSON.parse(document.getElementById("cc-data").textContent), fill = carecircle.layers, panels = carecircle.panels;
  var v = data.view, bounds = [[v[1], v[0]], [v[3], v[2]]], wide = window.innerWidth >= 760;
  var padding = wide ? { paddingTopLeft: [310, 20], paddingBottomRight: [230, 70] } : { padding: [10, 10] };

  document.documentElement.lang = data.language === "zh" ? "zh-CN" : "en";
  [["ground", 210], ["streets", 300], ["names", 590]].forEach(function (pane) {
    map.createPane(pane[0]).style.zIndex = pane[1];
    map.getPane(pane[0]).style.pointerEvents = "none";
  });
  map.cc = { under: L.canvas({ pane: "ground" }), streets: L.canvas({ pane: "streets", padding: 0.3 }),
    canvas: L.canvas({ padding: 0.3, tolerance: 3 }), own: L.layerGroup().addTo(map) };
  if (map.attributionControl) { map.attributionControl.setPrefix(false); }
  map.fitBounds(bounds, L.extend({ animate: false }, padding));

  if (data.ground) { fill.ground(map, data); }
  fill.streets(map, data, groups.streets);
  if (groups.theme_rings) { fill.bands(map, data, groups.theme_rings); }
  data.levels.forEach(function (level) { fill.shades(map, data, level, groups["theme_" + level.level]); });
  fill.borders(map, data, groups.borders);
  fill.uncovered(map, data, groups.uncovered);
  var marks = fill.facilities(map, data, groups);

  /* One canvas holds shading, borders and points, so that all can be clicked; whatever is switched on later would lie on top. */
  function restack() {
    [groups.borders, map.cc.own, groups.uncovered].forEach(function (group) {
      if (map.hasLayer(group)) { group.eachLayer(function (layer) { layer.bringToFront(); }); }
    });
  }
  map.on("overlayadd baselayerchange", restack);
  restack();

  panels.zoom(map, data, bounds, padding);
  panels.place(map, "cc-title", "topleft");
  panels.place(map, "cc-foot", "bottomleft");
  panels.scale(map, data.words);
  panels.place(map, "cc-north", "bottomleft");
  panels.legend(map, groups, control);
  panels.headings(control, data.words);
  panels.names(map, data, groups.names);

  var entries = data.facilities.name.map(function (name, i) {
    return { name: name, key: name.toLowerCase(), kind: data.kinds[data.facilities.kind[i]].label, go: function () {
      var found = marks[i];
      if (!map.hasLayer(found.group)) { found.group.addTo(map); }
      if (found.cluster) { found.cluster.zoomToShowLayer(found.marker, function () { found.marker.openPopup(); }); return; }
      map.setView(found.marker.getLatLng(), Math.max(map.getZoom(), 15), { animate: false });
      found.marker.openPopup();
    } };
  });
  data.levels.forEach(function (level) {
    level.name.forEach(function (name, i) {
      entries.push({ name: name, key: name.toLowerCase(), kind: level.label, go: function () {
        var b = level.box[i];
        map.fitBounds([[b[1], b[0]], [b[3], b[2]]], L.extend({ animate: false, maxZoom: 16 }, padding));
        L.popup(fill.beside(map)).setLatLng(level.middle[i]).setContent(fill.areaCard(level, i)).openOn(map);
      } });
    });
  });
  carecircle.search(entries, data.words);
  if (groups.gaps) { carecircle.gaps(map, data, groups.gaps, padding); }
};
