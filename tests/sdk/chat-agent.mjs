// Scenarios of the SDK's own agent loop, chat.agent, which lives on a simulated environment. With
// OVER_HTTP_1 its writers choose the way they take where there is no HTTP/2.

import { apiClientManager } from "@trigger.dev/core/v3";
import { sessions } from "@trigger.dev/sdk";
import { chat } from "@trigger.dev/sdk/ai";
import { AgentChat } from "@trigger.dev/sdk/chat";
import { MockLanguageModelV3 } from "ai/test";

import { drive } from "./drive.mjs";
import { lab } from "./lab.mjs";
import { CHAT, reader, send, startWith, transport, user } from "./page.mjs";
import { runWorker } from "./worker.mjs";

if (process.env.OVER_HTTP_1) globalThis.WebSocketPair = class {};

const USAGE = {
  inputTokens: { total: 1, noCache: 1, cacheRead: undefined, cacheWrite: undefined },
  outputTokens: { total: 1, text: 1, reasoning: undefined },
};

// A model that says how many messages of the user it has seen, and the last one.
const model = new MockLanguageModelV3({
  doStream: async ({ prompt, abortSignal }) => {
    const asked = prompt.filter(({ role }) => role === "user");
    const last = asked.at(-1).content.map(({ text }) => text).join("");
    if (last === "fail") throw new Error("no model");
    const stream = new ReadableStream({
      async start(controller) {
        controller.enqueue({ type: "text-start", id: "t" });
        controller.enqueue({ type: "text-delta", id: "t", delta: `${asked.length} ` });
        if (last === "wait") {
          await new Promise((resolve) => abortSignal.addEventListener("abort", resolve));
          controller.error(abortSignal.reason);
          return;
        }
        controller.enqueue({ type: "text-delta", id: "t", delta: last });
        controller.enqueue({ type: "text-end", id: "t" });
        const finishReason = { unified: "stop", raw: "stop" };
        controller.enqueue({ type: "finish", finishReason, usage: USAGE });
        controller.close();
      },
    });
    return { stream };
  },
});

let heard = [];

const agent = (id, options = {}) =>
  chat.agent({
    id,
    idleTimeoutInSeconds: 30,
    uiMessageStreamOptions: { onError: (error) => `failed: ${error.message}` },
    onPreload: async () => heard.push("preload"),
    run: async ({ messages, signal, streamText }) =>
      streamText({ model, messages, abortSignal: signal }),
    ...options,
  });

agent("assistant");
agent("sleeper", { idleTimeoutInSeconds: 0, preloadIdleTimeoutInSeconds: 0 });
agent("one-turn", { onTurnComplete: async () => chat.endRun() });
agent("upgrading", {
  onTurnStart: async ({ continuation }) => {
    if (!continuation) chat.requestUpgrade();
  },
});
agent("acting", {
  actionSchema: (value) => value,
  onAction: async ({ action }) => {
    heard.push(action.type);
    return action.type === "answer" ? chat.turn() : undefined;
  },
});
agent("hydrating", {
  hydrateMessages: async ({ incomingMessages }) => [user("from a database"), ...incomingMessages],
});
agent("writing", {
  onTurnStart: async ({ writer }) => writer.write({ type: "data-note", data: { n: 1 } }),
});
agent("closing", { onTurnComplete: async () => chat.close({ reason: "solved" }) });

const agentChat = (id = "assistant") => new AgentChat({ agent: id, id: CHAT });
const say = async (chat, text) => (await chat.sendMessage(text)).text();
const runs = () => lab("GET", "/runs");

// Wait until the world says so; the agent is a process of its own pace.
async function until(check) {
  for (;;) {
    const found = await check();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const asleep = () => until(async () => (await runs()).some((r) => r.status === "WAITING_TO_RESUME"));
const ended = (n) => until(async () => (await runs()).filter((run) => run.isFinal).length >= n);

const scenarios = {
  async firstTurn() {
    const { seen } = await (await send(transport(), "Hello")).rest();
    return seen;
  },

  async firstMessageInTheStart() {
    return (await (await startWith("Hello")).rest()).text();
  },

  async secondTurn() {
    const chat = agentChat();
    const texts = [await say(chat, "one"), await say(chat, "two"), await say(chat, "three")];
    return { texts, runs: (await runs()).length };
  },

  async resumed() {
    const chat = agentChat("sleeper");
    const texts = [];
    for (const text of ["one", "two"]) {
      texts.push(await say(chat, text));
      await asleep();
    }
    return { texts, runs: (await runs()).length };
  },

  async preload() {
    const page = transport({ task: "sleeper" });
    await page.preload(CHAT);
    await asleep();
    const before = [...heard];
    return { before, text: (await (await send(page, "Hello")).rest()).text() };
  },

  async continuation() {
    const chat = agentChat("one-turn");
    const texts = [await say(chat, "one")];
    await ended(1);
    texts.push(await say(chat, "two"));
    await ended(2);
    const reasons = (await runs()).map((run) => run.reason);
    return { texts, reasons, continued: (await runs())[1].payload.continuation };
  },

  async crashed(worker) {
    const chat = agentChat();
    const texts = [await say(chat, "one")];
    await worker.crash();
    texts.push(await say(chat, "two"));
    return { texts, statuses: (await runs()).map((run) => run.status) };
  },

  async upgrade() {
    const page = transport({ task: "upgrading" });
    const text = (await (await send(page, "Hello")).rest()).text();
    const { records } = await sessionRecords();
    const controls = records.flatMap(({ headers }) => headers ?? []);
    const told = controls.filter(([name]) => name === "trigger-control").map(([, value]) => value);
    return { text, told, reasons: (await runs()).map((run) => run.reason) };
  },

  async stop() {
    const page = transport();
    const answer = await send(page, "wait");
    while ((await answer.next()).type !== "text-delta");
    const stopped = await page.stopGeneration(CHAT);
    await answer.rest();
    const next = await (await send(page, "on")).rest();
    return { stopped, texts: [answer.text(), next.text()], runs: (await runs()).length };
  },

  async reload() {
    const page = transport();
    const answer = await send(page, "wait");
    while ((await answer.next()).type !== "text-delta");
    const state = page.getSession(CHAT);
    await answer.cancel();
    const reloaded = transport({ sessions: { [CHAT]: state } });
    const resumed = reader(await reloaded.reconnectToStream({ chatId: CHAT }));
    while ((await resumed.next()).type !== "text-delta");
    await agentStop();
    await resumed.rest();
    return { text: resumed.text(), last: reloaded.events.at(-1) };
  },

  async afterLastEventId() {
    const chat = agentChat();
    await say(chat, "one");
    const cursor = chat.session.lastEventId;
    await say(chat, "two");
    const seen = [];
    const stream = await sessions.open(CHAT).out.read({ lastEventId: cursor, timeoutInSeconds: 1 });
    for await (const chunk of stream) seen.push(chunk.delta ?? "");
    return seen.join("");
  },

  async trimmed() {
    const chat = agentChat();
    for (const text of ["one", "two", "three"]) await say(chat, text);
    const { records } = await until(async () => {
      const found = await sessionRecords();
      return found.records[0].seqNum > 0 && found;
    });
    const texts = records.map(({ data }) => data.delta).filter(Boolean).join("");
    return { first: records[0].seqNum > 0, texts };
  },

  async failedTurn() {
    const page = transport();
    const failed = await (await send(page, "fail")).rest();
    const next = await (await send(page, "on")).rest();
    const errors = failed.seen.filter(({ type }) => type === "error");
    return { errors, next: next.text(), runs: (await runs()).length };
  },

  async action() {
    const page = transport({ task: "acting" });
    await (await send(page, "Hello")).rest();
    const edited = await reader(await page.sendAction(CHAT, { type: "edit" })).rest();
    const answered = await reader(await page.sendAction(CHAT, { type: "answer" })).rest();
    return { heard: [...heard], edited: edited.seen, answered: answered.text() };
  },

  async regenerate() {
    const page = transport();
    await (await send(page, "Hello")).rest();
    return (await (await send(page, "ignored", "regenerate-message")).rest()).text();
  },

  async pending() {
    const page = transport();
    const answer = await send(page, "wait");
    while ((await answer.next()).type !== "text-delta");
    const isTaken = await page.sendPendingMessage(CHAT, user("next"));
    await page.stopGeneration(CHAT);
    await answer.rest();
    const { records } = await until(async () => {
      const found = await sessionRecords();
      return found.records.some(({ data }) => data.delta === "next") && found;
    });
    const texts = records.map(({ data }) => data.delta).filter(Boolean);
    return { isTaken, text: texts.slice(-2).join("") };
  },

  async close() {
    const chat = agentChat();
    await say(chat, "Hello");
    const closed = await chat.close();
    await ended(1);
    return { closed, statuses: (await runs()).map((run) => run.status) };
  },

  async closedByTheAgent() {
    const page = transport({ task: "closing" });
    await (await send(page, "Hello")).rest();
    const session = await until(async () => {
      const found = await sessions.retrieve(CHAT);
      return found.closedAt && found;
    });
    return { reason: session.closedReason };
  },

  async hydrated() {
    return say(agentChat("hydrating"), "Hello");
  },

  // How many times the agent wrote chunks by requests of HTTP/1.1.
  async requests() {
    const { fetch } = globalThis;
    const written = [];
    globalThis.fetch = (request, init) => {
      if (request.url?.includes("/v1/streams/")) written.push(request.clone().text());
      return fetch(request, init);
    };
    try {
      await (await send(transport(), "Hello")).rest();
      return (await Promise.all(written)).filter((body) => body.includes("text-delta")).length;
    } finally {
      globalThis.fetch = fetch;
    }
  },

  async transcript() {
    const chat = agentChat();
    for (const text of ["one", "two"]) await say(chat, text);
    const client = apiClientManager.clientOrThrow();
    const { messages } = await until(async () => {
      const found = await client.getSessionTranscript(CHAT);
      return found.messages.length === 4 && found;
    });
    return messages.map(({ role, parts }) => [role, parts.map(({ text }) => text).join("")]);
  },

  async writes() {
    const { seen } = await (await send(transport({ task: "writing" }), "Hello")).rest();
    return seen.filter(({ type }) => type === "data-note");
  },
};

const agentStop = () => sessions.open(CHAT).in.send({ kind: "stop" });
const sessionRecords = async () => {
  const url = `${process.env.TRIGGER_API_URL}/realtime/v1/sessions/${CHAT}/out/records`;
  const headers = { authorization: `Bearer ${process.env.TRIGGER_SECRET_KEY}` };
  return (await fetch(url, { headers })).json();
};

const beside = (scenario) => async () => {
  heard = [];
  return runWorker(scenario);
};

await drive(Object.fromEntries(Object.entries(scenarios).map(([n, s]) => [n, beside(s)])));
