// Elements of the page: found by name, or made of text that is never read as markup.

export const byId = (id) => document.getElementById(id);

export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

// A request that changes something; resolves to the answer, or throws an Error whose message can be shown.
export async function post(path, body) {
  let response;
  try {
    response = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
  } catch {
    throw new Error("the monitor does not answer: nothing was stored, try again");
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.said ?? `refused with status ${response.status}`);
  return answer;
}
