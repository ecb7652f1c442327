// Columns of bytes that scroll over a canvas, newest at the right.

import { isDark } from "./theme.js";

// Colours at even distances; bytes between them are mixed. Blue and orange are told apart by all kinds of eyes.
const SCALES = {
  diverging: { light: ["#0b4f9e", "#8fb8e0", "#fcfcfa", "#eeb06a", "#a04a00"], dark: ["#a6ceff", "#2f6fb5", "#111417", "#a85a16", "#ffc27a"] },
  sequential: { light: ["#fcfcfa", "#b9d0ea", "#5d92cc", "#1d4f91", "#0a2a57"], dark: ["#111417", "#1c3d68", "#2f6fb5", "#7fb4f0", "#e8f3ff"] },
};

function palette(stops) {
  const rgb = stops.map((stop) => [1, 3, 5].map((at) => parseInt(stop.slice(at, at + 2), 16)));
  return Uint32Array.from({ length: 256 }, (_, value) => {
    const place = (value / 255) * (rgb.length - 1);
    const low = Math.min(Math.floor(place), rgb.length - 2);
    const [r, g, b] = rgb[low].map((from, i) => Math.round(from + (place - low) * (rgb[low + 1][i] - from)));
    return 0xff000000 | (b << 16) | (g << 8) | r;
  });
}

export class HeatMap {
  constructor(canvas, rows, scale, nothing) {
    Object.assign(this, { canvas, rows, scale, nothing, columns: 0, end: 0 });
    this.colours();
    this.resize(1);
  }

  // Keep what still fits.
  resize(columns) {
    if (columns === this.columns) return;
    const before = { values: this.values, columns: this.columns };
    this.columns = columns;
    this.values = new Uint8Array(this.rows * columns).fill(this.nothing);
    const kept = Math.min(columns, before.columns);
    for (let i = 1; i <= kept; i++) {
      const from = (((this.end - i) % before.columns) + before.columns) % before.columns;
      const to = (((this.end - i) % columns) + columns) % columns;
      this.values.set(before.values.subarray(from * this.rows, (from + 1) * this.rows), to * this.rows);
    }
    this.canvas.width = columns;
    this.canvas.height = this.rows;
    this.image = new ImageData(columns, this.rows);
    this.pixels = new Uint32Array(this.image.data.buffer);
  }

  colours() {
    this.palette = palette(SCALES[this.scale][isDark() ? "dark" : "light"]);
  }

  // column: bytes, one per row from the top.
  push(column) {
    this.values.set(column, (this.end % this.columns) * this.rows);
    this.end += 1;
  }

  draw() {
    const { rows, columns, values, pixels, palette: colours } = this;
    for (let x = 0; x < columns; x++) {
      const column = ((this.end + x) % columns) * rows;
      for (let y = 0; y < rows; y++) pixels[y * columns + x] = colours[values[column + y]];
    }
    this.canvas.getContext("2d").putImageData(this.image, 0, 0);
  }
}

// Seconds that fit the width of an element, so that a second is as wide on every screen as text is.
export function secondsShown(element) {
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  return Math.max(2, element.clientWidth / (9 * rem));
}
