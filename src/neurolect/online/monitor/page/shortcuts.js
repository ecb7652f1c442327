// What single keys do, wherever no text is being written.

import { byId } from "./elements.js";

export function listen(actions) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.closest("input, textarea, select") || document.querySelector("dialog[open]")) return;
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
}

export const showHelp = () => byId("help").showModal();
byId("help-button").addEventListener("click", showHelp);
