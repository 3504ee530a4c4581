"use strict";
const find = (id) => document.getElementById(id);
const data = JSON.parse(find("data").textContent);
const draw = document.querySelector(".draw");
const title = find("what"), say = find("say");
let last;

// The details of a step: pairs of a label and a text, both numbers into the texts.
function tell(at) {
  if (at === last) return;
  last = at;
  say.replaceChildren();
  const cells = data.rows[at].map((each) => data.texts[each]);
  title.textContent = cells[1];
  for (let n = 2; n < cells.length; n += 2) {
    const label = document.createElement("dt"), text = document.createElement("dd");
    label.textContent = cells[n];
    text.textContent = cells[n + 1];
    say.append(label, text);
  }
  for (const each of draw.querySelectorAll(".told")) each.classList.remove("told");
  draw.querySelector(`[data-n="${at}"]`).classList.add("told");
}
for (const event of ["pointerover", "focusin", "click"])
  draw.addEventListener(event, (found) => {
    const step = found.target.closest("[data-n]");
    if (!step) return;
    draw.classList.add("moved");
    tell(Number(step.dataset.n));
  });

// A link to a step opens what it is folded in.
draw.addEventListener("click", (found) => {
  const link = found.target.closest("a.src");
  if (!link) return;
  const step = find(link.hash.slice(1));
  for (let up = step.parentElement; up !== draw; up = up.parentElement)
    if (up.tagName === "DETAILS") up.open = true;
  const stop = step.matches("[data-n]") ? step : step.querySelector("[data-n]");
  if (stop) tell(Number(stop.dataset.n));
});

const all = (open) => { for (const each of draw.querySelectorAll("details")) each.open = open; };
find("unfold").addEventListener("click", () => all(true));
find("fold").addEventListener("click", () => all(false));
document.querySelector(".acts").hidden = false;
const first = draw.querySelector("details[open]>summary") || draw.querySelector("[data-n]");
if (first) tell(Number(first.dataset.n));

for (const button of document.querySelectorAll(".copy")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(find(button.dataset.of).textContent);
    button.textContent = "Copied";
  });
}
