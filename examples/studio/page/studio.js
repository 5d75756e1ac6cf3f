// The page of the studio. What it shows comes from /api/tasks and, from then on, as events from /api/news; all text is
// set as text, never as markup, because prompts are anybody's.

const PAGE = 24;
const UNDER_WAY = new Set(["waiting", "submitted", "processing", "unknown", "storing"]);
const WORDS = {
  waiting: "Waiting for a place",
  submitted: "In the queue",
  processing: "Being made",
  unknown: "Being made",
  storing: "Almost there",
};

const $ = (id) => document.getElementById(id);
const tasks = new Map(); // id -> task
const cards = new Map(); // id -> <li>
let kinds = [];
let viewed = null; // {id, at}
let oldest = Infinity; // the id down to which all tasks are here

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") made.className = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

async function asked(path, body) {
  const answer = await fetch(path, body && {
    method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body),
  });
  const told = await answer.json();
  if (answer.ok) return told;
  const said = typeof told.detail === "string" ? told.detail : "The studio did not understand the order";
  throw Object.assign(new Error(said), {title: told.title});
}

/* The form */

const chosenKind = () => kinds.find((each) => each.kind === $("composer").elements.kind.value);

function showKinds() {
  $("kinds").replaceChildren(...kinds.map(({kind, label}, at) => element("label", {},
    element("input", {type: "radio", name: "kind", value: kind, checked: at === 0, onchange: showOptions}),
    element("span", {}, label))));
  showOptions();
}

function showOptions() {
  const kept = order().options;
  $("options").replaceChildren(...chosenKind().options.map(({name, label, values, first, help}) => {
    const numeric = values.every((value) => typeof value === "number");
    const select = element("select", {name, title: help, "data-numeric": numeric, onchange: showPrice},
      ...(first === null ? [element("option", {value: ""}, "default")] : []),
      ...values.map((value) => element("option", {value}, String(value))));
    const wanted = [kept[name], first].find((value) => values.includes(value));
    if (wanted !== undefined) select.value = wanted;
    return element("label", {}, label, select);
  }));
  showPrice();
}

function order() {
  const form = $("composer");
  const options = {};
  for (const select of form.querySelectorAll("select")) {
    if (select.value !== "") options[select.name] = "numeric" in select.dataset ? Number(select.value) : select.value;
  }
  return {kind: form.elements.kind.value, prompt: $("prompt").value, options};
}

let pricing = 0;
async function showPrice() {
  const turn = ++pricing;
  const wanted = {...order(), prompt: ""};
  const {units, trouble} = await asked("/api/price", wanted);
  if (turn !== pricing) return;
  $("price").value = units === null ? "" : amount(units);
  $("trouble").textContent = trouble ?? "";
}

async function send(event) {
  event.preventDefault();
  if (!$("prompt").value.trim()) return $("prompt").focus();
  $("make").disabled = true;
  try {
    const task = await asked("/api/tasks", order());
    take(task);
    $("prompt").value = "";
    $("trouble").textContent = "";
    announce(`${label(task)} ordered: ${task.prompt}`);
  } catch (trouble) {
    $("trouble").textContent = trouble.message;
  } finally {
    $("make").disabled = false;
    $("prompt").focus();
  }
}

function use(task) {
  const radio = [...$("composer").elements.kind].find((each) => each.value === task.kind);
  if (radio) radio.checked = true;
  showOptions();
  for (const select of $("options").querySelectorAll("select")) {
    const value = String(task.options[select.name] ?? "");
    if ([...select.options].some((option) => option.value === value)) select.value = value;
  }
  $("prompt").value = task.prompt;
  showPrice();
  $("viewer").close();
  $("prompt").focus();
  scrollTo({top: 0, behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth"});
}

/* The gallery */

const label = (task) => kinds.find((each) => each.kind === task.kind)?.label ?? task.kind;
const isNew = (task) => Date.now() / 1000 - task.created < 5;

function facts(task) {
  const taken = task.ended && task.state === "done" ? `${Math.round(task.ended - task.created)} s` : null;
  const units = task.units && amount(task.units);
  return [label(task), task.options.model_name, taken, units, when(task.created)].filter(Boolean).join(" · ");
}

function amount(units) {
  const number = Number(units);
  return `${number.toLocaleString()} ${number === 1 ? "unit" : "units"}`;
}

function when(seconds) {
  const moment = new Date(seconds * 1000);
  const today = moment.toDateString() === new Date().toDateString();
  return moment.toLocaleString([], today ? {timeStyle: "short"} : {dateStyle: "medium", timeStyle: "short"});
}

// Cards have heights of their own: each spans as many rows of a pixel as it is high, so that no holes are left.
const heights = new ResizeObserver((entries) => {
  for (const {target} of entries) target.parentElement.style.gridRowEnd = `span ${Math.ceil(target.offsetHeight) + 20}`;
});

function take(task) {
  const known = tasks.get(task.id);
  if (known && known.version >= task.version) return;
  tasks.set(task.id, task);
  const card = cards.get(task.id);
  const made = cardOf(task);
  if (card) {
    const focused = card.contains(document.activeElement);
    heights.unobserve(card.firstElementChild);
    card.replaceWith(made);
    if (focused) made.querySelector("button, audio, video")?.focus();
  } else {
    const after = [...cards].filter(([id]) => id < task.id).sort(([a], [b]) => b - a)[0]?.[1];
    if (after) after.before(made);
    else $("gallery").append(made);
    if (isNew(task)) made.classList.add("new");
  }
  cards.set(task.id, made);
  heights.observe(made.firstElementChild);
  if (known && UNDER_WAY.has(known.state) && task.state === "done") announce(`${label(task)} ready: ${task.prompt}`);
  if (known && task.state === "failed") announce(`${label(task)} failed: ${task.message}`);
  if (viewed?.id === task.id) show(viewed.id, viewed.at);
  summarize();
}

function cardOf(task) {
  const name = `prompt-${task.id}`;
  const under = UNDER_WAY.has(task.state);
  const classes = ["card", task.state, under ? "under-way" : ""].join(" ");
  const frame = task.state === "done" ? filesOf(task) : under ? waitOf(task) : failureOf(task);
  const [width, height] = String(task.options.aspect_ratio ?? "").split(":").map(Number);
  if (width && height && task.state !== "failed") frame.style.aspectRatio = Math.max(width / height, 0.75);
  const about = element("div", {class: "about"},
    element("p", {class: "prompt", id: name, title: task.prompt}, task.prompt),
    element("p", {class: "facts"}, facts(task)));
  if (task.state === "failed") about.append(element("button", {type: "button", class: "redo", onclick: () => use(task)}, "Change and try again"));
  return element("li", {class: classes, "data-id": task.id},
    element("article", {"aria-labelledby": name, "aria-busy": String(under)}, frame, about));
}

function waitOf(task) {
  const ring = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  ring.setAttribute("viewBox", "0 0 54 54");
  ring.setAttribute("class", "ring");
  for (let at = 0; at < 2; at++) {
    const circle = document.createElementNS("http://www.w3.org/2000/svg", "circle");
    for (const [key, value] of [["cx", 27], ["cy", 27], ["r", 24], ["pathLength", 1]]) circle.setAttribute(key, value);
    ring.append(circle);
  }
  const wait = element("div", {class: "wait", role: "progressbar", "aria-label": WORDS[task.state]}, ring,
    element("p", {class: "state"}, WORDS[task.state]));
  progress(wait, task);
  return element("div", {class: "frame"}, wait);
}

function progress(wait, task) {
  const now = Date.now() / 1000;
  const ring = wait.querySelector(".ring");
  const known = task.expected && task.state !== "waiting";
  ring.classList.toggle("unknown", !known && task.state !== "waiting");
  if (!known) return wait.removeAttribute("aria-valuenow");
  // Half of them take longer than expected: the ring comes ever nearer to its end and never there.
  const share = Math.max(0, now - task.created) / Math.max(1, task.expected - task.created);
  const done = share < 0.8 ? share : 1 - 0.2 * Math.exp(-(share - 0.8) * 3);
  ring.style.setProperty("--done", done.toFixed(3));
  wait.setAttribute("aria-valuenow", Math.round(done * 100));
  const left = Math.round(task.expected - now);
  const text = left > 1 && task.state !== "storing" ? `${WORDS[task.state]}, about ${left} s` : WORDS[task.state];
  const line = wait.querySelector(".state");
  if (line.textContent !== text) line.textContent = text;
}

function failureOf(task) {
  return element("div", {class: "frame"}, element("div", {class: "wait"}, element("p", {class: "state"}, task.message)));
}

function filesOf(task) {
  const frame = element("div", {class: "frame"});
  if (task.files[0]?.type === "audio") return soundOf(task, frame);
  const many = task.files.length > 1;
  if (many) {
    frame.classList.add("many");
    frame.style.setProperty("--columns", Math.ceil(Math.sqrt(task.files.length)));
  }
  task.files.forEach((file, at) => {
    const which = many ? `, ${at + 1} of ${task.files.length}` : "";
    const button = element("button", {
      type: "button", class: "file", "aria-label": `Open ${file.type}${which}: ${task.prompt}`,
      onclick: () => show(task.id, at),
    });
    if (file.type === "video") {
      const video = element("video", {src: file.url, muted: true, loop: true, playsinline: true, preload: "metadata", tabindex: -1});
      video.muted = true;
      for (const [event, act] of [["pointerenter", "play"], ["focus", "play"], ["pointerleave", "pause"], ["blur", "pause"]]) {
        button.addEventListener(event, () => video[act]()?.catch(() => {}));
      }
      button.append(video, element("span", {class: "badge", "aria-hidden": "true"}, "▶ Video"));
    } else {
      button.append(element("img", {src: file.url, alt: "", loading: "lazy", decoding: "async"}));
    }
    frame.append(button);
  });
  return frame;
}

function soundOf(task, frame) {
  const bars = element("div", {class: "sound", "aria-hidden": "true"});
  for (let at = 0; at < 17; at++) {
    const bar = element("i");
    bar.style.height = `${18 + 46 * Math.abs(Math.sin(at * 1.7 + task.id))}px`;
    bars.append(bar);
  }
  const sound = task.files.find((file) => file.url.endsWith(".mp3")) ?? task.files[0];
  frame.append(bars, element("audio", {src: sound.url, controls: true, preload: "metadata", "aria-label": task.prompt}));
  return frame;
}

function summarize() {
  const all = [...tasks.values()];
  const under = all.filter((task) => UNDER_WAY.has(task.state)).length;
  $("summary").textContent = under ? `${under} under way` : "";
  $("empty").hidden = all.length > 0;
}

let announcing = 0;
function announce(text) {
  clearTimeout(announcing);
  announcing = setTimeout(() => { $("announcer").textContent = text; }, 150);
}

/* One file, large */

function show(id, at) {
  const task = tasks.get(id);
  const file = task?.files[at];
  if (!file) return;
  viewed = {id, at};
  const medium = file.type === "video"
    ? element("video", {src: file.url, controls: true, autoplay: true, loop: true, playsinline: true, "aria-label": task.prompt})
    : element("img", {src: file.url, alt: task.prompt});
  $("stage").replaceChildren(medium);
  $("viewer-prompt").textContent = task.prompt;
  $("viewer-facts").textContent = facts(task);
  $("save").href = file.url;
  $("save").download = file.url.split("/").slice(-2).join("-");
  const alone = task.files.length < 2;
  $("previous").hidden = $("next").hidden = alone;
  if (!$("viewer").open) $("viewer").showModal();
}

function step(by) {
  const files = tasks.get(viewed.id).files;
  show(viewed.id, (viewed.at + by + files.length) % files.length);
}

function leave() {
  if (viewed) cards.get(viewed.id)?.querySelectorAll(".file")[viewed.at]?.focus();
  viewed = null;
  $("stage").replaceChildren();
}

/* Everything together */

async function older() {
  const found = await asked(`/api/tasks?limit=${PAGE}${Number.isFinite(oldest) ? `&before=${oldest}` : ""}`);
  found.forEach(take);
  const all = found.length < PAGE;
  oldest = all ? 0 : Math.min(...found.map((task) => task.id));
  $("more").hidden = all;
  summarize();
}

function listen() {
  const since = Math.max(0, ...[...tasks.values()].map((task) => task.version));
  const source = new EventSource(`/api/news?since=${since}`);
  source.addEventListener("task", (event) => {
    const task = JSON.parse(event.data);
    if (task.id >= oldest) take(task); // others come when they are asked for
  });
  source.addEventListener("open", () => { $("connection").hidden = true; });
  source.addEventListener("error", () => {
    $("connection").hidden = false;
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 2000);
  });
  addEventListener("pagehide", () => source.close(), {once: true});
}

$("composer").addEventListener("submit", send);
$("prompt").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) $("composer").requestSubmit();
});
if (!/Mac|iPhone|iPad/.test(navigator.platform)) $("make").querySelector("kbd").textContent = "Ctrl ↵";
$("previous").addEventListener("click", () => step(-1));
$("next").addEventListener("click", () => step(1));
$("again").addEventListener("click", () => use(tasks.get(viewed.id)));
$("close").addEventListener("click", () => $("viewer").close());
$("viewer").addEventListener("close", leave);
$("viewer").addEventListener("click", (event) => { if (event.target === $("viewer")) $("viewer").close(); });
$("viewer").addEventListener("keydown", (event) => {
  if (event.target instanceof HTMLMediaElement || tasks.get(viewed.id).files.length < 2) return;
  if (event.key === "ArrowLeft") step(-1);
  if (event.key === "ArrowRight") step(1);
});
$("more").addEventListener("click", older);
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
setInterval(() => {
  for (const [id, card] of cards) {
    const wait = UNDER_WAY.has(tasks.get(id).state) && card.querySelector(".wait");
    if (wait) progress(wait, tasks.get(id));
  }
}, 500);

kinds = await asked("/api/kinds");
showKinds();
await older();
listen();
