"use strict";
/* Title, legend, footnote, scale and north arrow as Leaflet controls; names of places that make room for each other. */
carecircle.panels = (function () {
  var node = carecircle.node;

  function place(map, id, position) {
    var panel = document.getElementById(id), control = L.control({ position: position });
    control.onAdd = function () {
      L.DomEvent.disableClickPropagation(panel);
      L.DomEvent.disableScrollPropagation(panel);
      return panel;
    };
    return control.addTo(map);
  }

  function scale(map, words) {
    var Scale = L.Control.Scale.extend({
      _updateMetric: function (most) {
        var metres = this._getRoundNum(most);
        var label = metres < 1000 ? metres + " " + words.metre_unit : metres / 1000 + " " + words.kilometre_unit;
        this._updateScale(this._mScale, label, metres / most);
      }
    });
    new Scale({ imperial: false, maxWidth: 130, position: "bottomleft" }).addTo(map);
  }

  function zoom(map, data, bounds, padding) {
    var words = data.words, control = L.control.zoom({ zoomInTitle: words.zoom_in, zoomOutTitle: words.zoom_out }).addTo(map);
    var home = node("a", "cc-home", "⌂");
    home.href = "#";
    home.title = words.home;
    home.setAttribute("role", "button");
    home.setAttribute("aria-label", words.home);
    L.DomEvent.on(home, "click", function (event) {
      L.DomEvent.stop(event);
      map.fitBounds(bounds, padding);
    });
    control.getContainer().appendChild(home);
  }

  /* The legend shows the theme that is shown. */
  function legend(map, groups, control) {
    var fold = document.querySelector(".cc-fold"), body = document.getElementById("cc-legend-body");
    /* The list of layers above scrolls when both together are too tall. */
    function share() {
      var left = map.getSize().y - document.getElementById("cc-legend").offsetHeight - 58;
      control.getContainer().querySelector(".leaflet-control-layers-list").style.maxHeight = Math.max(left, 90) + "px";
    }
    function follow() {
      document.querySelectorAll("[data-theme]").forEach(function (block) {
        block.hidden = !map.hasLayer(groups[block.dataset.theme]);
      });
      share();
    }
    place(map, "cc-legend", "bottomright");
    map.on("baselayerchange", follow);
    map.on("resize", share);
    follow();
    fold.addEventListener("click", function () {
      body.hidden = !body.hidden;
      fold.setAttribute("aria-expanded", String(!body.hidden));
      share();
    });
  }

  function headings(control, words) {
    var box = control.getContainer();
    box.querySelector(".leaflet-control-layers-base").dataset.title = words.themes;
    box.querySelector(".leaflet-control-layers-overlays").dataset.title = words.layers;
    if (window.innerWidth < 760) { control.collapse(); }
  }

  function names(map, data, group) {
    var all = [];
    data.levels.forEach(function (level, order) {
      level.name.forEach(function (name, i) {
        var b = level.box[i], width = 9 + name.length * (order ? 12 : 14);
        var icon = L.divIcon({ className: "cc-name cc-name-" + level.level, html: node("span", "", name), iconSize: [width, 18] });
        all.push({ marker: L.marker(level.middle[i], { icon: icon, interactive: false, keyboard: false, pane: "names" }),
          at: level.middle[i], corners: [[b[1], b[0]], [b[3], b[2]]], width: width, order: order,
          size: (b[2] - b[0]) * (b[3] - b[1]) });
      });
    });
    all.sort(function (a, b) { return a.order - b.order || b.size - a.size; });
    function arrange() {
      var taken = [], view = map.getSize(), zoomed = map.getZoom();
      group.clearLayers();
      all.forEach(function (one) {
        var low = map.project(one.corners[0], zoomed), high = map.project(one.corners[1], zoomed);
        var wide = high.x - low.x, tall = low.y - high.y, at = map.project(one.at, zoomed);
        var box = [at.x - one.width / 2, at.y - 9, at.x + one.width / 2, at.y + 9];
        var fits = wide > 0.8 * one.width && tall > 22 && !(wide > 0.75 * view.x && tall > 0.75 * view.y);
        if (one.order === 0 && data.levels[0].name.length === 1 && data.levels.length > 1) { fits = false; }
        if (fits && !taken.some(function (t) { return t[0] < box[2] && box[0] < t[2] && t[1] < box[3] && box[1] < t[3]; })) {
          taken.push(box);
          one.marker.addTo(group);
        }
      });
    }
    map.on("zoomend", arrange);
    arrange();
  }

  return { place: place, scale: scale, zoom: zoom, legend: legend, headings: headings, names: names };
}());
