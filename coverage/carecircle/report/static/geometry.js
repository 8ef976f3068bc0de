"use strict";
/* Geometry comes as steps of 10^-k degrees from vertex to vertex, and the sizes of the groups, innermost first. */
var carecircle = window.carecircle = {};

carecircle.unpack = function (packed) {
  if (!packed) { return []; }
  var scale = Math.pow(10, -packed.k), lon = 0, lat = 0, found = [], i;
  for (i = 0; i < packed.d.length; i += 2) {
    lon += packed.d[i];
    lat += packed.d[i + 1];
    found.push([lat * scale, lon * scale]);
  }
  packed.o.forEach(function (sizes) {
    var start = 0;
    found = sizes.map(function (size) {
      var group = found.slice(start, start + size);
      start += size;
      return group;
    });
  });
  return found;
};

/* Words are data: they only ever become text, never markup. */
carecircle.node = function (tag, className, words) {
  var made = document.createElement(tag);
  if (className) { made.className = className; }
  if (words !== undefined) { made.textContent = words; }
  return made;
};

carecircle.card = function (title, subtitle, rows) {
  var node = carecircle.node, card = node("div", "cc-popup"), table = node("table");
  card.appendChild(node("h3", "", title));
  if (subtitle) { card.appendChild(node("p", "cc-popup-sub", subtitle)); }
  rows.forEach(function (row) {
    var line = node("tr");
    line.appendChild(node("th", "", row[0]));
    line.appendChild(node("td", "", row[1]));
    table.appendChild(line);
  });
  card.appendChild(table);
  return card;
};
