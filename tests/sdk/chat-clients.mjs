// Scenarios of the SDK's chat clients, AgentChat and TriggerChatTransport, which talk to scripted
// agents in virtual time.

import { sessions } from "@trigger.dev/sdk";
import { AgentChat } from "@trigger.dev/sdk/chat";

import { drive } from "./drive.mjs";
import { advance, lab, setAgent, startKinds } from "./lab.mjs";
import { CHAT, reader, send, startWith, transport, user } from "./page.mjs";

const scenarios = {
  async agentChat() {
    await setAgent(["First.", "Second."]);
    const chat = new AgentChat({ agent: "assistant", id: CHAT, clientData: { user: "u-1" } });
    const first = await (await chat.sendMessage("Hello")).text();
    const cursor = chat.session.lastEventId;
    const second = await (await chat.sendMessage("And?")).text();
    const again = new AgentChat({ agent: "assistant", id: CHAT, session: chat.session });
    const third = await (await again.sendMessage("And?")).text();
    return { texts: [first, second, third], cursor, kinds: await startKinds() };
  },

  async tools() {
    await setAgent([
      [
        { tool: "weather", input: { city: "Oslo" }, output: { celsius: 4 } },
        { tool: "book", error: "full" },
        "Done.",
      ],
    ]);
    const chat = new AgentChat({ agent: "assistant", id: CHAT });
    return (await chat.sendMessage("Book!")).result();
  },

  async agentChatCloses() {
    await setAgent("echo");
    const chat = new AgentChat({ agent: "assistant", id: CHAT });
    await (await chat.sendMessage("Hello")).text();
    const closed = await chat.close();
    const [run] = await lab("GET", "/runs");
    return { closed, status: run.status, endCause: run.endCause };
  },

  async preload() {
    await setAgent("echo");
    const page = transport();
    await page.preload(CHAT);
    const [before] = await lab("GET", "/runs");
    const answer = await (await send(page, "Hello")).rest();
    return { turns: before.turns, text: answer.text(), events: page.events };
  },

  async tokens() {
    await setAgent("echo", "1s");
    const page = transport();
    const answer = await send(page, "one two");
    const steps = [];
    await answer.next(3);
    steps.push(answer.text());
    await advance(1000);
    await answer.next();
    steps.push(answer.text());
    await advance(1000);
    await answer.rest();
    steps.push(answer.text());
    return { steps, types: answer.types(), state: page.getSession(CHAT) };
  },

  async stop() {
    await setAgent("echo", "1s");
    const page = transport();
    const answer = await send(page, "one two three");
    await advance(2000);
    await answer.next(5);
    const stopped = await page.stopGeneration(CHAT);
    await answer.rest();
    const next = await send(page, "four");
    await advance(1000);
    await next.rest();
    const [run] = await lab("GET", "/runs");
    return { stopped, texts: [answer.text(), next.text()], activeMs: run.activeMs };
  },

  async reload() {
    await setAgent("echo", "1s");
    const page = transport();
    const answer = await send(page, "one two three");
    await advance(1000);
    await answer.next(4);
    const state = page.getSession(CHAT);
    await answer.cancel();
    const reloaded = transport({ sessions: { [CHAT]: state } });
    const resumed = reader(await reloaded.reconnectToStream({ chatId: CHAT }));
    await advance(2000);
    await resumed.rest();
    return { before: answer.text(), after: resumed.text(), state, events: reloaded.events };
  },

  async afterLastEventId() {
    await setAgent("echo");
    await (await send(transport(), "Hello")).rest();
    const ids = [];
    const stream = await sessions.open(CHAT).out.read({
      lastEventId: "3",
      timeoutInSeconds: 1,
      onPart: (part) => ids.push(part.id),
    });
    const seen = [];
    for await (const chunk of stream) seen.push(chunk.type);
    return { ids, seen };
  },

  async reloadWhenSettled() {
    await setAgent("echo");
    const page = transport();
    await (await send(page, "Hello")).rest();
    const state = { ...page.getSession(CHAT), isStreaming: undefined, activeInputSeq: undefined };
    const reloaded = transport({ sessions: { [CHAT]: state } });
    const resumed = await reloaded.reconnectToStream({ chatId: CHAT });
    return { seen: (await reader(resumed).rest()).seen };
  },

  async vanishes() {
    await setAgent("echo", "1s");
    const page = transport();
    const answer = await send(page, "one two");
    await answer.next(3);
    await answer.cancel();
    await advance(5000);
    const other = transport({
      sessions: { [CHAT]: { publicAccessToken: page.getSession(CHAT).publicAccessToken } },
    });
    const whole = reader(await other.reconnectToStream({ chatId: CHAT }));
    return { text: (await whole.rest()).text() };
  },

  async failedTurn() {
    await setAgent([["So ", { error: "overloaded" }], "Fine."]);
    const page = transport();
    const failed = await (await send(page, "Hello")).rest();
    const next = await (await send(page, "Again")).rest();
    return { last: failed.seen.at(-1), next: next.text(), kinds: await startKinds() };
  },

  async dyingAgent() {
    await setAgent([["Half", { crash: true }], "Whole."], "1s");
    const page = transport();
    const answer = await send(page, "Hello");
    await advance(2000);
    await answer.next(4);
    const next = await send(page, "Again");
    await advance(2000);
    await next.rest();
    const ends = (await lab("GET", "/runs")).map((run) => run.endCause);
    return { half: answer.text(), whole: next.text(), ends, kinds: await startKinds() };
  },

  async upgrade() {
    await setAgent(["Old.", [{ upgrade: true }, "New."]]);
    const page = transport();
    const old = await (await send(page, "Hello")).rest();
    await advance(1000);
    const fresh = await (await send(page, "Again")).rest();
    const reasons = (await lab("GET", "/runs")).map((run) => run.reason);
    return { texts: [old.text(), fresh.text()], reasons };
  },

  async resumedAndContinued() {
    await setAgent("echo");
    const page = transport();
    const texts = [];
    for (const [text, pause] of [["one", 0], ["two", 60_000], ["three", 7_200_000]]) {
      await advance(pause);
      texts.push((await (await send(page, text)).rest()).text());
    }
    return { texts, kinds: await startKinds(), runs: (await lab("GET", "/runs")).length };
  },

  async action() {
    await setAgent([{ when: "undo", reply: "Undone." }, { echo: true }]);
    const page = transport();
    await (await send(page, "Hello")).rest();
    const undone = await (reader(await page.sendAction(CHAT, { type: "undo" }))).rest();
    const unheard = await (reader(await page.sendAction(CHAT, { type: "other" }))).rest();
    return { undone: undone.text(), unheard: unheard.seen };
  },

  async regenerate() {
    await setAgent([{ echo: true }, [{ echo: true }, " again"]]);
    const page = transport();
    await (await send(page, "Hello")).rest();
    return (await (await send(page, "ignored", "regenerate-message")).rest()).text();
  },

  async parts() {
    const chunk = { type: "source-url", sourceId: "s", url: "https://example.org" };
    await setAgent([[{ reasoning: "hm" }, { data: "chart", value: [1, 2] }, { chunk }]]);
    const answer = await (await send(transport(), "Hello")).rest();
    return answer.seen.filter((chunk) => /reasoning-delta|data|source/.test(chunk.type));
  },

  async closedSession() {
    await setAgent("echo");
    const page = transport();
    await (await send(page, "Hello")).rest();
    await sessions.close(CHAT, { reason: "solved" });
    try {
      await page.sendMessages({ trigger: "submit-message", chatId: CHAT, messages: [user("x")] });
    } catch (error) {
      return { status: error.status, code: error.code, reason: error.closedReason };
    }
    throw new Error("a closed session took a message");
  },

  async firstMessageInTheStart() {
    await setAgent("echo");
    return (await (await startWith("Hello")).rest()).text();
  },

  async twoChats() {
    await setAgent("echo");
    const chats = ["a", "b"].map((id) => new AgentChat({ agent: "assistant", id }));
    const answers = chats.map(async (chat, n) => (await chat.sendMessage(`to ${n}`)).text());
    return Promise.all(answers);
  },
};

await drive(scenarios);
