// How the decoder keeps up.

import { byId } from "./elements.js";

const milliseconds = (value) => (value === null ? "–" : value >= 1000 ? `${(value / 1000).toFixed(1)} s` : `${value.toFixed(value < 10 ? 1 : 0)} ms`);

export function showGauges(status) {
  const { latency_ms: latency, lag_ms: lag, queue, behind } = status;
  const step = 1000 * (status.seconds_per_frame ?? 0.08);
  for (const name of ["p50", "p99", "max"]) {
    byId(name).textContent = milliseconds(latency[name]);
    byId("latency-bar").querySelector(`.${name}`).style.setProperty("--share", (latency[name] ?? 0) / step);
  }
  byId("lag").textContent = milliseconds(lag);
  byId("queue").textContent = queue === null ? "–" : queue.toLocaleString("en");
  byId("latency-scale").textContent = `one step, ${milliseconds(step)}`;
  byId("latency-bar").ariaLabel = `Median ${milliseconds(latency.p50)}, 99th percentile ${milliseconds(latency.p99)} of a step of ${milliseconds(step)}`;
  byId("pace").dataset.state = behind ? "warn" : "good";
  byId("pace").textContent = behind ? `Behind by ${milliseconds(lag)}, catching up` : "Keeping up";
}
