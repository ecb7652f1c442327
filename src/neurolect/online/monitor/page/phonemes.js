// Probabilities of the phonemes as a heat map that scrolls, with the names of the most probable above it.

import { byId } from "./elements.js";
import { HeatMap, secondsShown } from "./heat_map.js";
import { onColours } from "./theme.js";

const LEAST_NAMED = 77; // of 255
let symbols = [];
let quiet = new Set();
let secondsPerFrame = 0.08;
let map = null;
let best = []; // of every frame shown: {symbol, value, utterance}

export function showPhonemeStatus(status) {
  secondsPerFrame = status.seconds_per_frame ?? 0.08;
  quiet = new Set([status.blank, status.silence].map((each) => (typeof each === "string" ? status.symbols.indexOf(each) : each)));
  symbols = status.symbols;
  if (symbols.length && map?.rows !== symbols.length) {
    map = new HeatMap(byId("phoneme-map"), symbols.length, "sequential", 0);
    best = [];
    fitPhonemes();
  }
}

export function fitPhonemes() {
  const seconds = secondsShown(byId("phoneme-map"));
  byId("phoneme-seconds").textContent = `· last ${seconds.toFixed(0)} s of speech`;
  map?.resize(Math.max(10, Math.round(seconds / secondsPerFrame)));
}

// Header: kind, utterance, first frame, number of frames, number of classes; then frame after frame.
export function takePhonemes(view) {
  const [utterance, , frames, classes] = [4, 8, 12, 16].map((at) => view.getUint32(at, true));
  if (map === null || classes !== symbols.length) return;
  for (let frame = 0; frame < frames; frame++) {
    const column = new Uint8Array(view.buffer, 20 + frame * classes, classes);
    map.push(column);
    let symbol = 0;
    for (let i = 1; i < classes; i++) if (column[i] > column[symbol]) symbol = i;
    best.push({ symbol, value: column[symbol], utterance });
  }
  best = best.slice(-map.columns);
}

export function drawPhonemes() {
  if (map === null) return;
  map.draw();
  drawNames();
}

function drawNames() {
  const canvas = byId("phoneme-names");
  const { clientWidth: width, clientHeight: height } = canvas;
  const style = getComputedStyle(canvas);
  canvas.width = width * devicePixelRatio;
  canvas.height = height * devicePixelRatio;
  const context = canvas.getContext("2d");
  context.scale(devicePixelRatio, devicePixelRatio);
  context.font = `500 ${style.fontSize} ${style.fontFamily}`;
  context.fillStyle = style.color;
  context.textAlign = "center";
  context.textBaseline = "middle";
  const ends = [0, 0];
  for (const { symbol, frame, utterance } of peaks()) {
    const x = ((map.columns - best.length + frame + 0.5) / map.columns) * width;
    const half = context.measureText(symbols[symbol]).width / 2;
    const row = ends.findIndex((end) => x - half > end);
    if (row < 0) continue;
    ends[row] = x + half + 3;
    context.fillText(symbols[symbol], x, height * (row ? 0.25 : 0.75));
    context.globalAlpha = 0.35;
    context.fillRect(x - 0.5, height * (row ? 0.45 : 0.93), 1, height * (row ? 0.55 : 0.07));
    context.globalAlpha = 1;
  }
}

// The most probable frame of every run of frames in which one phoneme leads.
function peaks() {
  const found = [];
  best.forEach(({ symbol, value, utterance }, frame) => {
    const last = found.at(-1);
    const goesOn = last && last.end === frame && last.symbol === symbol && last.utterance === utterance;
    if (goesOn) {
      last.end = frame + 1;
      if (value > last.value) Object.assign(last, { value, frame });
    } else if (!quiet.has(symbol) && value >= LEAST_NAMED) {
      found.push({ symbol, value, utterance, frame, end: frame + 1 });
    }
  });
  return found;
}

onColours(() => map?.colours());
