"use strict";
// Adds filters and a viewer to a page that shows everything without them. Text goes into the page as text only.
const form = document.getElementById("filter");
const count = document.getElementById("count");
const none = document.getElementById("none");
const list = document.getElementById("cards");
const cards = [...document.querySelectorAll(".card")];
const written = new Intl.NumberFormat("en");
const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

let known; // what is looked at in every card, read once
const facts = () => known ??= cards.map((card) => {
  const { state, kinds, model, endpoint } = card.dataset;
  const words = fold(`${card.querySelector(".prompt")?.textContent ?? ""}\n${card.ariaLabel}`);
  const pictured = card.querySelector(".media") !== null;
  return { state, pictured, kinds: kinds.split(" "), by: [`model:${model}`, `endpoint:${endpoint}`], words };
});

function asked() {
  const given = [...new FormData(form)].map(([name, value]) => [name, value.trim()]);
  return new URLSearchParams(given.filter(([, value]) => value));
}

let narrowed = false; // whether any card is hidden
function apply() {
  const wanted = asked();
  if (narrowed || wanted.size) choose(wanted);
  else tell(cards.length, false);
  narrowed = wanted.size > 0;
}

function choose(wanted) {
  const state = wanted.get("state"), kind = wanted.get("kind"), by = wanted.get("by");
  const words = fold(wanted.get("q") ?? "").split(/\s+/).filter(Boolean);
  let shown = 0, pictured = 0;
  facts().forEach((fact, at) => {
    const fits = (!state || fact.state === state) && (!kind || fact.kinds.includes(kind))
      && (!by || fact.by.includes(by)) && words.every((word) => fact.words.includes(word));
    shown += fits;
    pictured += fits && fact.pictured;
    if (cards[at].hidden === fits) cards[at].hidden = !fits;
  });
  list.classList.toggle("bare", shown > 0 && !pictured);
  tell(shown, wanted.size > 0);
}

function tell(shown, chosen) {
  const all = written.format(cards.length);
  count.textContent = shown === cards.length ? `${all} shown` : `${written.format(shown)} of ${all} shown`;
  none.hidden = shown > 0;
  form.querySelector("[type=reset]").hidden = !chosen;
}

function restore() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  form.reset();
  for (const [name, value] of wanted) {
    const field = form.elements[name];
    if (field) field.value = value;
    if (field instanceof HTMLSelectElement && field.selectedIndex < 0) field.selectedIndex = 0;
  }
  apply();
}

let due = 0;
function changed() {
  cancelAnimationFrame(due);
  due = requestAnimationFrame(() => {
    apply();
    const fragment = asked().toString();
    history.replaceState(null, "", fragment ? `#${fragment}` : location.href.split("#")[0]);
  });
}

form.addEventListener("input", changed);
form.addEventListener("reset", () => setTimeout(changed));
form.addEventListener("submit", (event) => event.preventDefault());
addEventListener("hashchange", restore);
addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || viewer.open) return;
  if (event.target.closest("input[type=search], select")) return;
  event.preventDefault();
  form.elements.q.select();
});

// A video shows its first frame when it comes near, and lets go of it when it is far.
const near = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (isIntersecting) target.preload = "metadata";
    else if (target.preload === "metadata" && target.paused && !target.currentTime) {
      target.preload = "none";
      target.load();
    }
  }
}, { rootMargin: "600px" });
document.querySelectorAll("video").forEach((video) => near.observe(video));

const viewer = document.getElementById("viewer");
const [told, place] = viewer.querySelectorAll(".told p");
let links = [], at = 0;

function show(to) {
  at = (to + links.length) % links.length;
  const link = links[at], card = link.closest(".card");
  const picture = viewer.querySelector("img").cloneNode(); // another element: what was there is gone at once
  picture.src = link.href;
  picture.alt = link.querySelector("img").alt;
  viewer.querySelector("img").replaceWith(picture);
  viewer.querySelector("a").href = link.href;
  told.textContent = card.querySelector(".prompt")?.textContent ?? "";
  place.textContent = `${card.ariaLabel} · ${written.format(at + 1)} of ${written.format(links.length)}`;
}

list.addEventListener("click", (event) => {
  const link = event.target.closest(".media a");
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  links = [...document.querySelectorAll(".card:not([hidden]) .media a")];
  show(links.indexOf(link));
  viewer.showModal();
});
viewer.addEventListener("click", (event) => {
  const step = event.target.closest("button")?.value;
  if (step === "0") viewer.close();
  else if (step) show(at + Number(step));
});
viewer.addEventListener("keydown", (event) => {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (step) show(at + step);
});
viewer.addEventListener("close", () => {
  links[at].scrollIntoView({ block: "nearest" });
  links[at].focus();
});

form.hidden = false;
restore();
(window.requestIdleCallback ?? setTimeout)(facts); // so that the first keystroke need not wait for them
