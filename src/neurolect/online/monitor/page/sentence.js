// The sentence that is being said, or was said last, for all to read.

import { byId, make } from "./elements.js";

const DOUBTFUL = 0.5;
const SHOWN_ALTERNATIVES = 3;
let shown = null; // the last sentence or partial

export function showPartial(partial) {
  shown = partial;
  heading(partial, "listening");
  words(partial.text, [], true);
  byId("alternatives").replaceChildren();
}

export function showSentence(sentence) {
  shown = sentence;
  const mended = sentence.correction !== null && sentence.correction !== sentence.text;
  heading(sentence, { true: "corrected", false: sentence.correction === null ? "finished" : "confirmed" }[mended]);
  const text = sentence.correction ?? sentence.text;
  words(text, mended ? [] : sentence.words, false);
  if (byId("said").textContent !== text) byId("said").textContent = text;
  const others = sentence.alternatives.filter(({ text: other }) => other !== text).slice(0, SHOWN_ALTERNATIVES);
  byId("alternatives").replaceChildren(...others.map(({ text: other }) => make("li", {}, make("span", {}, other))));
}

export function showNothing() {
  shown = null;
  byId("now-heading").textContent = "Waiting for speech";
  byId("sentence").replaceChildren();
  byId("alternatives").replaceChildren();
}

export const isShown = (utterance) => shown?.utterance === utterance;

// An utterance can begin long before its first word.
export function showInUtterance(status) {
  if (!status.in_utterance || status.utterance === null) return;
  if (shown === null || (shown.type === "sentence" && status.utterance > shown.utterance)) {
    heading({ utterance: status.utterance }, "listening");
  }
}

function heading({ utterance }, state) {
  byId("now-heading").textContent = `Utterance ${utterance} · ${state}`;
}

function words(text, measured, growing) {
  const element = byId("sentence");
  element.className = growing ? "growing" : "";
  element.dataset.length = text.length > 160 ? "longest" : text.length > 60 ? "long" : "short";
  // The text is what is true; confidences are shown where they are of the same words.
  const letters = text.split(/\s+/).filter(Boolean);
  const same = measured.length === letters.length && measured.every((word, i) => word.text === letters[i]);
  const children = letters.flatMap((each, i) => [word(each, same ? measured[i].confidence : null), " "]);
  if (!letters.length && !growing) children.push(make("span", { className: "nothing" }, "no words"));
  element.replaceChildren(...children);
}

function word(letters, confidence) {
  const element = make("span", { className: "word" }, make("span", { className: "letters" }, letters));
  if (confidence === null) return element;
  const percent = Math.round(100 * Math.min(1, Math.max(0, confidence)));
  const part = make("span", { className: "part" });
  part.style.width = `${percent}%`;
  const measure = make("span", { className: "measure", ariaHidden: "true" }, make("span", { className: "track" }, part), `${percent}%`);
  if (confidence < DOUBTFUL) {
    element.classList.add("doubtful");
    measure.append(" ?");
  }
  element.title = `${percent}% certain`;
  element.append(measure);
  return element;
}
