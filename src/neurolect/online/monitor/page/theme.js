// Light, dark, or as the system is; tells those who draw when the colours change.

import { byId } from "./elements.js";

const ORDER = ["system", "light", "dark"];
const KEY = "neurolect-theme";
const dark = matchMedia("(prefers-color-scheme: dark)");
const listeners = [];
let chosen = ORDER.includes(localStorage.getItem(KEY)) ? localStorage.getItem(KEY) : "system";

export const isDark = () => (chosen === "system" ? dark.matches : chosen === "dark");

export function onColours(listener) {
  listeners.push(listener);
}

export function nextTheme() {
  chosen = ORDER[(ORDER.indexOf(chosen) + 1) % ORDER.length];
  localStorage.setItem(KEY, chosen);
  show();
}

function show() {
  document.documentElement.dataset.theme = chosen;
  byId("theme-button").textContent = { system: "◐ Auto", light: "○ Light", dark: "● Dark" }[chosen];
  byId("theme-button").ariaLabel = `Colours: ${chosen}`;
  listeners.forEach((listener) => listener());
}

dark.addEventListener("change", show);
byId("theme-button").addEventListener("click", nextTheme);
show();
