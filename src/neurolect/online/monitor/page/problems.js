// Problems as a list that can be dismissed; what was dismissed stays so while the tab is open.

import { byId, make } from "./elements.js";

const KEY = "neurolect-dismissed";
const dismissed = new Set(JSON.parse(sessionStorage.getItem(KEY) ?? "[]"));
const MOST = 100;
let problems = new Map();

export function showAllProblems(all) {
  problems = new Map(all.map((each) => [each.id, each]));
  show();
}

export function addProblem(problem) {
  problems.set(problem.id, problem);
  while (problems.size > MOST) problems.delete(problems.keys().next().value);
  show();
}

function dismiss(ids) {
  ids.forEach((id) => dismissed.add(id));
  sessionStorage.setItem(KEY, JSON.stringify([...dismissed].slice(-10 * MOST)));
  show();
}

function show() {
  const left = [...problems.values()].filter(({ id }) => !dismissed.has(id)).reverse();
  const button = byId("problems-button");
  button.hidden = left.length === 0;
  button.textContent = `▲ ${left.length} ${left.length === 1 ? "problem" : "problems"}`;
  if (!left.length) open(false);
  byId("problem-list").replaceChildren(
    ...left.map(({ id, part, text }) =>
      make(
        "li",
        {},
        make("time", { className: "clock" }, clockOf(id)),
        make("span", { className: "part" }, part),
        make("span", { className: "text" }, text),
        make("button", { type: "button", onclick: () => dismiss([id]) }, "Dismiss"),
      ),
    ),
  );
}

// When the server took the entry that it is about; nothing where there is none.
function clockOf(id) {
  const entry = id.match(/(\d{13})-\d+$/);
  return entry ? new Date(Number(entry[1])).toLocaleTimeString() : "";
}

function open(yes) {
  byId("problems").hidden = !yes;
  byId("problems-button").ariaExpanded = String(yes);
}

export const closeProblems = () => open(false);
byId("problems-button").addEventListener("click", () => open(byId("problems").hidden));
byId("dismiss-all").addEventListener("click", () => dismiss([...problems.keys()]));
