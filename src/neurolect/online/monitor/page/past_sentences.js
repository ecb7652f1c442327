// The list of past sentences, where each can be confirmed or corrected.

import { byId, make, post } from "./elements.js";

const MOST = 200;
const list = byId("past");
const items = new Map(); // utterance → {sentence, element, form}

export function showAll(sentences) {
  const known = new Set(sentences.map(({ utterance }) => utterance));
  for (const utterance of [...items.keys()]) if (!known.has(utterance)) remove(utterance);
  sentences.forEach(add);
}

export function add(sentence) {
  const known = items.get(sentence.utterance);
  // A decoder that began anew counts anew.
  if (known && known.sentence.id !== sentence.id) remove(sentence.utterance);
  const item = items.get(sentence.utterance) ?? { element: make("li", { tabIndex: -1 }), form: null };
  item.sentence = sentence;
  items.set(sentence.utterance, item);
  item.element.dataset.utterance = sentence.utterance;
  if (!item.element.isConnected) list.prepend(item.element);
  show(item);
  while (items.size > MOST) remove(items.keys().next().value);
  makeReachable();
}

export function correct({ utterance, text }) {
  const item = items.get(utterance);
  if (!item) return null;
  item.sentence.correction = text;
  show(item);
  return item.sentence;
}

export function move(step) {
  const elements = [...list.children];
  const at = elements.indexOf(current()?.element);
  const next = elements[Math.min(elements.length - 1, Math.max(0, at + step))];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

export function confirmCurrent() {
  const item = current() ?? newest();
  if (item) store(item, item.sentence.text);
}

export function editCurrent() {
  const item = current() ?? newest();
  if (item) edit(item);
}

const newest = () => items.get(Number(list.firstElementChild?.dataset.utterance));
const current = () => items.get(Number(document.activeElement?.closest("#past li")?.dataset.utterance));

function remove(utterance) {
  items.get(utterance).element.remove();
  items.delete(utterance);
}

// One item is reached with Tab, the others with the arrows.
function makeReachable(chosen = null) {
  const reachable = chosen ?? list.querySelector('li[tabindex="0"]') ?? list.firstElementChild;
  for (const each of list.children) each.tabIndex = each === reachable ? 0 : -1;
  byId("none-yet").hidden = items.size > 0;
}

function show(item) {
  if (item.form) return;
  const { utterance, text, cue, correction, block } = item.sentence;
  const mended = correction !== null && correction !== text;
  const className = mended ? "text mended" : correction === null ? "text" : "text kept";
  const lines = [make("p", { className }, (correction ?? text) || (mended ? "nothing was said" : "no words"))];
  if (mended) lines.push(make("p", { className: "aside" }, "decoded: ", make("s", {}, text || "no words")));
  if (cue !== null) lines.push(make("p", { className: "aside" }, `cue: ${cue}`));
  const number = block === null ? `${utterance}` : `${utterance} · block ${block}`;
  const state = mended ? " · corrected" : correction === null ? "" : " · confirmed";
  const actions = make("div", { className: "actions" }, make("span", { className: "number" }, number + state));
  if (correction === null) actions.append(button("That is what I said", () => store(item, text)));
  actions.append(button("Correct", () => edit(item)));
  const focused = item.element.contains(document.activeElement);
  item.element.replaceChildren(...lines, actions);
  if (focused) item.element.focus();
}

const button = (text, onclick) => make("button", { type: "button", onclick }, text);

function edit(item) {
  if (item.form) return;
  const { text, correction, alternatives, utterance } = item.sentence;
  const input = make("input", { value: correction ?? text, maxLength: 2000, ariaLabel: `What was said in utterance ${utterance}` });
  const close = () => {
    item.form = null;
    item.element.focus();
    show(item);
  };
  const choose = (other) => {
    input.value = other;
    input.focus();
  };
  const choices = alternatives.filter((each) => each.text && each.text !== input.value).slice(0, 4);
  item.form = make(
    "form",
    {
      onsubmit: async (event) => {
        event.preventDefault();
        if (await store(item, input.value)) close();
      },
      onkeydown: (event) => {
        if (event.key === "Escape") close();
      },
    },
    input,
    make("div", { className: "choices" }, ...choices.map((each) => button(each.text, () => choose(each.text)))),
    make("div", { className: "actions" }, make("span", { className: "number" }, `${utterance}`), make("button", { className: "store" }, "Store"), button("Cancel", close)),
  );
  item.element.replaceChildren(item.form);
  input.focus();
  input.select();
  item.form.scrollIntoView({ block: "nearest" });
}

// The list changes when the correction comes back from where it was stored.
async function store(item, text) {
  const { utterance } = item.sentence;
  try {
    await post("/corrections", { utterance, text });
    notice(`Stored what was said in utterance ${utterance}.`, "good");
    return true;
  } catch (error) {
    notice(`Utterance ${utterance}: ${error.message}`, "bad");
    return false;
  }
}

function notice(text, state) {
  byId("notice").textContent = text;
  byId("notice").dataset.state = state;
}

list.addEventListener("focusin", ({ target }) => makeReachable(target.closest("li")));
list.addEventListener("keydown", (event) => {
  if (event.target.closest("form")) return;
  if (event.key === "Enter" && event.target.matches("li")) {
    event.preventDefault();
    editCurrent();
  }
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  move(step);
});

byId("export-button").addEventListener("click", async ({ target }) => {
  target.disabled = true;
  notice("Exporting", "good");
  try {
    const { trials, folder } = await post("/export", {});
    notice(`${trials} ${trials === 1 ? "trial" : "trials"} written to ${folder}`, "good");
  } catch (error) {
    notice(error.message, "bad");
  }
  target.disabled = false;
});
