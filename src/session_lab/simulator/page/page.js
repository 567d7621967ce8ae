// The page of a simulated world: shows what the control API tells, and calls it. Texts of the world
// are only ever set as text, so that nothing in them is taken for markup.
"use strict";

const PERIOD_MS = 1000;
const byId = (id) => document.getElementById(id);
let selected = null;
let shown = "";

async function ask(method, path, body) {
  const options = { method };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers = { "content-type": "application/json" };
  }
  const response = await fetch(path, options);
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error ?? `status ${response.status}`);
  return answer;
}

function say(text, failed = false) {
  byId("message").textContent = text;
  byId("message").classList.toggle("failed", failed);
}

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== null && text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function row(cells) {
  const made = document.createElement("tr");
  for (const cell of cells) {
    const data = document.createElement("td");
    data.append(cell instanceof Node ? cell : document.createTextNode(cell ?? ""));
    made.append(data);
  }
  return made;
}

function button(label, name, act, link = false) {
  const made = element("button", label, { type: "button", "aria-label": name });
  if (link) made.className = "link";
  made.addEventListener("click", act);
  return made;
}

async function doing(what, work) {
  try {
    await work();
    say(what);
  } catch (error) {
    say(`${what} failed: ${error.message}`, true);
  }
  await refresh(true);
}

function runRow(run) {
  const crash = run.isFinal
    ? ""
    : button("Crash", `Crash ${run.id}`, () =>
        doing(`Crashing ${run.id}`, () => ask("POST", `runs/${encodeURIComponent(run.id)}`, { status: "CRASHED" })));
  return row([run.id, run.reason, run.status, run.triggeredAt, run.endedAt, String(run.turns), crash]);
}

function sessionRow(session) {
  const name = session.externalId ?? session.id;
  const open = button(name, `Show ${name}`, async () => {
    selected = session.id;
    await refresh(true);
    byId("detail").scrollIntoView({ block: "nearest" });
  }, true);
  open.title = name;
  return row([open, session.status, session.taskIdentifier, session.createdAt, session.tags.join(", ")]);
}

function fill(id, rows) {
  byId(id).tBodies[0].replaceChildren(...rows);
}

function showWorld(world) {
  byId("now").textContent = world.now;
  const policy = world.followsPolicy ? "runs follow a policy" : "runs live until they are ended";
  const agent = world.agent === null ? "" : ", a scripted agent serves turns";
  byId("world").textContent = `${world.clock} clock, seed ${world.seed}, profile ${world.profile}, ${policy}${agent}`;
  byId("advance").hidden = world.clock !== "virtual";
  const { sessions, runs } = world;
  const count = world.sessionCount.toLocaleString("en");
  byId("sessions-count").textContent =
    sessions.length < world.sessionCount ? `newest ${sessions.length} of ${count}` : count;
  fill("sessions", sessions.map(sessionRow));
  fill("runs", runs.map(runRow));
  const isQuiet = world.faults.rules.length === 0 && world.faults.trigger === null;
  byId("faults").textContent = isQuiet ? "" : JSON.stringify(world.faults, null, 2);
  byId("clear-faults").disabled = isQuiet;
  byId("journal-count").textContent = `${world.requestCount.toLocaleString("en")} requests, newest first`;
  byId("journal").textContent = world.journal.join("\n");
}

function recordText({ at, control, data }) {
  if (control) return `${at} [${control}]`;
  return `${at} ${typeof data === "string" ? data : JSON.stringify(data)}`;
}

function showSession(detail) {
  byId("detail").hidden = detail === null;
  if (detail === null) return;
  const { session } = detail;
  byId("detail-title").textContent = `${session.externalId ?? session.id} (${session.status})`;
  byId("close").disabled = session.status === "CLOSED";
  fill("session-runs", detail.runs.map(runRow));
  for (const io of ["in", "out"]) {
    const items = detail.records[io].map((record) =>
      element("li", recordText(record), { value: record.seq }));
    byId(`records-${io}`).replaceChildren(...items);
  }
}

async function read() {
  const world = await ask("GET", "overview");
  let detail = null;
  if (selected !== null) {
    try {
      detail = await ask("GET", `sessions/${encodeURIComponent(selected)}`);
    } catch {
      selected = null; // The world was reset or restored without it.
    }
  }
  return { world, detail };
}

async function refresh(asked = false) {
  let seen;
  try {
    seen = await read();
  } catch (error) {
    say(`The server does not answer: ${error.message}`, true);
    shown = "";
    return;
  }
  const text = JSON.stringify(seen);
  if (text === shown) return; // Nothing moves under the reader's hands.
  shown = text;
  if (!asked && byId("message").classList.contains("failed")) say("");
  showWorld(seen.world);
  showSession(seen.detail);
}

async function follow() {
  if (!document.hidden) await refresh();
  setTimeout(follow, PERIOD_MS);
}

byId("advance").addEventListener("submit", (event) => {
  event.preventDefault();
  const unit = byId("unit");
  const amount = Number(byId("amount").value);
  doing(`Advanced by ${amount} ${unit.selectedOptions[0].textContent}`, () =>
    ask("POST", "clock/advance", { ms: Math.round(amount * Number(unit.value)) }));
});
byId("close").addEventListener("click", () => {
  const key = selected;
  doing("Closed the session", () => ask("POST", `sessions/${encodeURIComponent(key)}/close`, {}));
});
byId("clear-faults").addEventListener("click", () => doing("Cleared the faults", () => ask("DELETE", "faults")));
follow();
