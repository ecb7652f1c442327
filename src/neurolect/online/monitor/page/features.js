// Features of every electrode array as a heat map that scrolls.

import { byId, make } from "./elements.js";
import { HeatMap, secondsShown } from "./heat_map.js";
import { onColours } from "./theme.js";

const MEAN = 128;
let maps = [];
let shape = "";
let secondsPerBin = 0.02;

export function showFeatureStatus(status) {
  secondsPerBin = status.seconds_per_bin ?? 0.02;
  const arrays = status.feature_arrays.length ? status.feature_arrays : [["all", 0, (status.n_features ?? 0) - 1]];
  if (JSON.stringify(arrays) === shape) return;
  shape = JSON.stringify(arrays);
  maps = arrays
    .filter(([, first, last]) => last >= first)
    .map(([name, first, last]) => {
      const end = last + 1;
      const canvas = make("canvas", { role: "img", ariaLabel: `Features of ${name} over time` });
      const element = make("div", { className: "array" }, canvas, make("span", { className: "name" }, name));
      return { element, first, end, map: new HeatMap(canvas, end - first, "diverging", MEAN) };
    });
  byId("arrays").className = maps.length > 4 ? "many" : "";
  byId("arrays").replaceChildren(...maps.map(({ element }) => element));
  fitFeatures();
}

export function fitFeatures() {
  const seconds = secondsShown(maps[0]?.element ?? byId("arrays"));
  const columns = Math.max(10, Math.round(seconds / secondsPerBin));
  maps.forEach(({ map }) => map.resize(columns));
  byId("feature-seconds").textContent = `· last ${seconds.toFixed(0)} s`;
}

// Header: kind, number of features, number of bins; then bin after bin.
export function takeFeatures(view) {
  const features = view.getUint32(4, true);
  const bins = view.getUint32(8, true);
  const values = new Uint8Array(view.buffer, 12);
  for (let bin = 0; bin < bins; bin++) {
    for (const { map, first, end } of maps) {
      if (end <= features) map.push(values.subarray(bin * features + first, bin * features + end));
    }
  }
}

export function drawFeatures() {
  maps.forEach(({ map }) => map.draw());
}

onColours(() => maps.forEach(({ map }) => map.colours()));
