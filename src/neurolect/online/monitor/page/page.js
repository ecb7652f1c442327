// The page: hands what the monitor says to the parts that show it.

import { connect } from "./connection.js";
import { byId } from "./elements.js";
import { drawFeatures, fitFeatures, showFeatureStatus, takeFeatures } from "./features.js";
import { showGauges } from "./gauges.js";
import * as past from "./past_sentences.js";
import { drawPhonemes, fitPhonemes, showPhonemeStatus, takePhonemes } from "./phonemes.js";
import { addProblem, closeProblems, showAllProblems } from "./problems.js";
import { isShown, showInUtterance, showNothing, showPartial, showSentence } from "./sentence.js";
import { listen, showHelp } from "./shortcuts.js";
import { signedIn } from "./sign_in.js";
import { nextTheme, onColours } from "./theme.js";

const FEATURES = 1;
const PHONEMES = 2;
const SILENT_AFTER = 3; // seconds without a status
const CALM_EVERY = 1000; // milliseconds between drawings where motion is unwanted

const calm = matchMedia("(prefers-reduced-motion: reduce)");
let up = false;
let redis = { connected: false, text: "" };
let statusCame = null; // milliseconds
let paused = false;
let drawnAt = 0;
let due = false;

const said = {
  snapshot(all) {
    redis = all.redis;
    byId("export-button").hidden = !all.exports;
    past.showAll(all.sentences);
    showAllProblems(all.problems);
    if (all.status) {
      said.status(all.status);
      statusCame = performance.now() - 1000 * all.status_age;
    }
    const last = all.sentences.at(-1);
    if (all.partial) showPartial(all.partial);
    else if (last) showSentence(last);
    else showNothing();
  },
  redis(state) {
    redis = state;
  },
  status(status) {
    statusCame = performance.now();
    byId("session").textContent = [status.session, status.run].filter(Boolean).join(" · ");
    byId("simulated").hidden = !status.simulated;
    showFeatureStatus(status);
    showPhonemeStatus(status);
    showGauges(status);
    showInUtterance(status);
  },
  partial: showPartial,
  sentence(sentence) {
    past.add(sentence);
    showSentence(sentence);
  },
  correction(correction) {
    const sentence = past.correct(correction);
    if (sentence && isShown(sentence.utterance)) showSentence(sentence);
  },
  problem: addProblem,
};

function showConnection() {
  const silent = statusCame === null ? null : (performance.now() - statusCame) / 1000;
  const [state, text] = byId("sign-in").open
    ? ["waiting", "Not signed in"]
    : !up
      ? ["bad", "Monitor away, trying again"]
      : !redis.connected
        ? ["bad", "Redis away, trying again"]
        : silent === null
          ? ["waiting", "No decoder yet"]
          : silent > SILENT_AFTER
            ? ["warn", `Decoder silent since ${new Date(Date.now() - 1000 * silent).toLocaleTimeString()}`]
            : ["good", "Live"];
  const element = byId("connection");
  element.title = up ? redis.text : "";
  if (element.textContent === text) return;
  element.dataset.state = state;
  element.textContent = text;
}

function draw(now) {
  const wait = calm.matches ? CALM_EVERY - (now - drawnAt) : 0;
  if (wait > 0) {
    setTimeout(() => requestAnimationFrame(draw), wait);
    return;
  }
  due = false;
  drawnAt = now;
  drawFeatures();
  drawPhonemes();
}

function drawSoon() {
  if (paused || due) return;
  due = true;
  requestAnimationFrame(draw);
}

function pause() {
  paused = !paused;
  byId("pause-button").ariaPressed = String(paused);
  byId("pause-button").textContent = paused ? "Go on" : "Pause";
  drawSoon();
}

function fit() {
  fitFeatures();
  fitPhonemes();
  drawSoon();
}

new ResizeObserver(fit).observe(byId("arrays"));
onColours(() => (drawFeatures(), drawPhonemes()));
byId("pause-button").addEventListener("click", pause);
listen({
  j: () => past.move(1),
  k: () => past.move(-1),
  c: past.confirmCurrent,
  e: past.editCurrent,
  p: pause,
  t: nextTheme,
  "?": showHelp,
  Escape: closeProblems,
});
setInterval(showConnection, 500);

connect(
  {
    message(message) {
      said[message.type]?.(message);
      showConnection();
      if (message.type === "snapshot" || message.type === "status") drawSoon();
    },
    frame(view) {
      const kind = view.getUint8(0);
      if (kind === FEATURES) takeFeatures(view);
      if (kind === PHONEMES) takePhonemes(view);
      drawSoon();
    },
    up: () => (up = true),
    down() {
      up = false;
      showConnection();
    },
  },
  signedIn,
);
