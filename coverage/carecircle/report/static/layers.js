"use strict";
/* Each function fills layers that Folium made. */
carecircle.layers = (function () {
  var unpack = carecircle.unpack, card = carecircle.card, node = carecircle.node;
  var STREET = [{ color: "#a9a190", weight: 3 }, { color: "#b9b2a3", weight: 1.8 }, { color: "#c9c3b7", weight: 1 }];
  var BORDER = {
    city: { color: "#4b4458", weight: 2.4, dashArray: "9 4 2 4" },
    county: { color: "#4b4458", weight: 2, dashArray: "9 4 2 4" },
    township: { color: "#6b6577", weight: 1.3, dashArray: "5 4" },
    community: { color: "#8d8896", weight: 0.8, dashArray: "2 4" }
  };

  /* A window moves the map until it is clear of the panels. */
  function beside(map, more) {
    var clear = map.getSize().x >= 1000 ? { autoPanPaddingTopLeft: [304, 12], autoPanPaddingBottomRight: [238, 12] } : {};
    return L.extend({ maxWidth: 330 }, clear, more);
  }

  function ground(map, data) {
    L.polygon(unpack(data.ground), { pane: "ground", renderer: map.cc.under, interactive: false, stroke: false,
      fillColor: "#ffffff", fillOpacity: 1 }).addTo(map);
  }

  function streets(map, data, group) {
    data.streets.forEach(function (part) {
      var look = STREET[part["class"]];
      var lines = unpack(part.at).reduce(function (all, one) { one.forEach(function (l) { all.push(l); }); return all; }, []);
      L.polyline(lines, { pane: "streets", renderer: map.cc.streets, interactive: false,
        color: look.color, weight: look.weight, opacity: 1, smoothFactor: 1.5 }).addTo(group);
    });
  }

  function bands(map, data, group) {
    data.bands.forEach(function (band) {
      L.polygon(unpack(band.at), { renderer: map.cc.canvas, interactive: false, color: band.colour, weight: 1,
        opacity: 0.9, fillColor: band.colour, fillOpacity: 0.6 }).addTo(group);
    });
  }

  /* No data is hatched, not applicable is plain grey. */
  function hatch() {
    var tile = document.createElement("canvas"), pen;
    tile.width = tile.height = 8;
    pen = tile.getContext("2d");
    pen.fillStyle = "#f1f1f1";
    pen.fillRect(0, 0, 8, 8);
    pen.strokeStyle = "#9a9a9a";
    pen.lineWidth = 1.2;
    pen.beginPath();
    [[-2, 2, 2, -2], [0, 8, 8, 0], [6, 10, 10, 6]].forEach(function (l) { pen.moveTo(l[0], l[1]); pen.lineTo(l[2], l[3]); });
    pen.stroke();
    return pen.createPattern(tile, "repeat");
  }

  function shades(map, data, level, group) {
    var special = { "-1": hatch(), "-2": "#d9d9d9" };
    unpack(level.at).forEach(function (shape, i) {
      var colour = special[level["class"][i]] || data.colours[level["class"][i]];
      var area = L.polygon(shape, { renderer: map.cc.canvas, color: "#ffffff", weight: 1, opacity: 0.9, fillColor: colour,
        fillOpacity: 0.72 });
      area.bindPopup(function () { return areaCard(level, i); }, beside(map));
      area.bindTooltip(function () { return node("span", "", level.name[i]); }, { sticky: true });
      area.addTo(group);
    });
  }

  function areaCard(level, i) { return card(level.name[i], "", level.rows[i]); }

  function borders(map, data, group) {
    data.levels.slice().reverse().forEach(function (level) {
      unpack(level.border).forEach(function (lines) {
        L.polyline(lines, L.extend({ renderer: map.cc.canvas, interactive: false, opacity: 0.85 },
          BORDER[level.level])).addTo(group);
      });
    });
  }

  function mark(data, kind, status) {
    return L.divIcon({ className: "cc-mark", html: data.kinds[kind].icons[status], iconSize: [20, 20] });
  }

  function cluster(data, kind) {
    return L.markerClusterGroup({ showCoverageOnHover: false, maxClusterRadius: 36, disableClusteringAtZoom: 14,
      iconCreateFunction: function (found) {
        var box = node("div");
        box.innerHTML = data.kinds[kind].icons.open;
        box.appendChild(node("b", "", String(found.getChildCount())));
        return L.divIcon({ className: "cc-mark cc-cluster", html: box, iconSize: [34, 22] });
      } });
  }

  function facilities(map, data, groups) {
    var all = data.facilities, clusters = {};
    return unpack(all.at).map(function (at, i) {
      var kind = all.kind[i], home = groups["kind_" + kind];
      var marker = L.marker(at, { icon: mark(data, kind, all.status[i]), riseOnHover: true });
      marker.bindPopup(function () { return card(all.name[i], "", all.rows[i]); }, beside(map, { offset: [0, -4] }));
      marker.bindTooltip(function () { return node("span", "", all.name[i]); }, { direction: "top", offset: [0, -10] });
      marker.on("add", function () { marker.getElement().setAttribute("aria-label", all.name[i]); });
      marker.on("popupopen", function () { showRings(map, data, i); });
      marker.on("popupclose", function () { map.cc.own.clearLayers(); });
      if (data.clusters) {
        if (!clusters[kind]) { clusters[kind] = cluster(data, kind).addTo(home); }
        home = clusters[kind];
      }
      marker.addTo(home);
      return { marker: marker, group: groups["kind_" + kind], cluster: data.clusters ? home : null };
    });
  }

  /* The circles of one facility, while its window is open. */
  function showRings(map, data, number) {
    var rings = data.facilities.rings;
    map.cc.own.clearLayers();
    if (!rings) { return; }
    map.cc.rings = map.cc.rings || unpack(rings.at);
    rings.owner.forEach(function (owner, i) {
      if (owner === number) {
        L.polygon(map.cc.rings[i], { renderer: map.cc.canvas, interactive: false, color: "#12233d", weight: 1.6,
          dashArray: "4 4", fillColor: "#12233d", fillOpacity: 0.05 }).addTo(map.cc.own);
      }
    });
  }

  function uncovered(map, data, group) {
    var all = data.uncovered, words = data.words;
    unpack(all.at).forEach(function (at, i) {
      var point = L.circleMarker(at, { renderer: map.cc.canvas, radius: all.radius[i], weight: 0.8, color: "#ffffff",
        opacity: 0.9, fillColor: all.known[i] ? "#d1495b" : "#8a8a8a", fillOpacity: 0.78 });
      point.bindPopup(function () {
        var rows = [[words.legend_uncovered, all.people[i]]], near = all.nearest[i];
        if (near >= 0) { rows.push([words.nearest, data.facilities.name[near]]); }
        rows.push([words.travel, all.minutes[i]], [words.distance, all.metres[i]]);
        return card(words.point, all.place[i], rows);
      }, beside(map));
      point.full = all.radius[i];
      point.addTo(group);
    });
    /* Seen from afar the points would hide the circles: they shrink with the map, down to a third. */
    function rescale() {
      var share = Math.max(0.34, Math.min(1, Math.pow(2, (map.getZoom() - 15) / 2)));
      group.eachLayer(function (point) { point.setRadius(point.full * share); });
    }
    map.on("zoomend", rescale);
    rescale();
  }

  return { ground: ground, streets: streets, bands: bands, shades: shades, borders: borders, facilities: facilities,
    uncovered: uncovered, areaCard: areaCard, beside: beside };
}());
