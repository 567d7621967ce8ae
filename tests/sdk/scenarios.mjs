// Scenarios of the official SDK's plain session calls.

import {
  SSEStreamSubscription,
  apiClientManager,
  serializeTranscriptSnapshot,
} from "@trigger.dev/core/v3";
import { auth, runs, sessions } from "@trigger.dev/sdk";

import { drive } from "./drive.mjs";

const ONCE = { retry: { maxAttempts: 1 } };

const chat = (externalId, more = {}) => ({
  type: "chat",
  externalId,
  taskIdentifier: "assistant",
  triggerConfig: { basePayload: { chatId: externalId } },
  ...more,
});

async function withStatus(call) {
  const { data, response } = await call.withResponse();
  return { ...data, status: response.status };
}

async function failure(call) {
  try {
    await call;
  } catch (error) {
    return { name: error.constructor.name, status: error.status, message: error.message };
  }
  throw new Error("a call that has to fail did not");
}

async function collect(items, value = (item) => item) {
  const collected = [];
  for await (const item of items) collected.push(value(item));
  return collected;
}

const withToken = (accessToken, use) => auth.withAuth({ accessToken }, use);

const writeOutput = (id, text) =>
  apiClientManager.clientOrThrow().appendToSessionStream(id, "out", text);

async function read(id, { count, afterFirst = async () => {}, channel, ...options }) {
  const controller = new AbortController();
  const ids = [];
  const session = sessions.open(id);
  const { out } = channel ? session.channel(channel) : session;
  const stream = await out.read({
    signal: controller.signal,
    onPart: (part) => ids.push(part.id),
    ...options,
  });
  const chunks = [];
  for await (const chunk of stream) {
    if (chunks.push(chunk) === 1) await afterFirst();
    if (chunks.length === count) break;
  }
  controller.abort();
  return { chunks, ids };
}

const scenarios = {
  async start() {
    const created = await withStatus(sessions.start(chat("conversation")));
    const again = await withStatus(sessions.start(chat("conversation")));
    return { created, again };
  },

  async startClosed() {
    await sessions.start(chat("conversation"));
    await sessions.close("conversation");
    return failure(sessions.start(chat("conversation"), ONCE));
  },

  async startInvalid() {
    return failure(sessions.start({ ...chat("conversation"), externalId: "session_mine" }));
  },

  async retrieve() {
    const externalId = "a b/c?d#é";
    const started = await sessions.start(
      chat(externalId, {
        tags: ["vip"],
        metadata: { plan: "pro" },
        expiresAt: new Date("2026-02-01"),
      }),
    );
    return {
      started,
      byId: await sessions.retrieve(started.id),
      byExternalId: await sessions.retrieve(externalId),
      missing: await failure(sessions.retrieve("session_missing")),
    };
  },

  async update() {
    await sessions.start(chat("conversation", { tags: ["old"], metadata: { a: 1 } }));
    return {
      changed: await sessions.update("conversation", { tags: ["new"], metadata: { b: 2 } }),
      emptied: await sessions.update("conversation", { metadata: null }),
      renamed: await failure(sessions.update("conversation", { externalId: "another" })),
    };
  },

  async close() {
    await sessions.start(chat("conversation"));
    return {
      closed: await sessions.close("conversation", { reason: "solved" }),
      again: await sessions.close("conversation", { reason: "too late" }),
      send: await failure(sessions.open("conversation").in.send("hello?", ONCE)),
    };
  },

  async list() {
    for (const n of [1, 2, 3, 4, 5]) {
      const type = n === 5 ? "job" : "chat";
      await sessions.start(chat(`c${n}`, { type, tags: n % 2 ? ["odd"] : ["even", "a b,&"] }));
    }
    await sessions.close("c2");
    const name = (session) => session.externalId;
    const names = (options) => collect(sessions.list(options), name);
    const first = await sessions.list({ limit: 2 });
    const second = await first.getNextPage();
    const back = await sessions.list({ limit: 2, before: second.pagination.previous });
    return {
      all: await names(),
      inPages: await names({ limit: 2 }),
      pages: [first, second, back].map((page) => page.data.map(name)),
      ends: {
        "before first": first.hasPreviousPage(),
        "after second": second.hasNextPage(),
        "before second": second.hasPreviousPage(),
      },
      found: {
        type: await names({ type: "job" }),
        tag: await names({ tag: "odd", limit: 1 }),
        closed: await names({ status: "CLOSED" }),
        open: await names({ status: "ACTIVE", type: "chat" }),
        externalId: await names({ externalId: "c3" }),
        taskIdentifier: await names({ taskIdentifier: "another" }),
        fromTomorrow: await names({ from: new Date("2026-01-02") }),
        lastHour: await names({ period: "1h" }),
      },
    };
  },

  async endAndContinue() {
    const client = apiClientManager.clientOrThrow();
    const started = await sessions.start(chat("conversation"));
    const ending = { callingRunId: started.runId, reason: "upgrade" };
    return {
      started,
      first: await client.endAndContinueSession("conversation", ending),
      again: await client.endAndContinueSession("conversation", ending),
      session: await sessions.retrieve("conversation"),
    };
  },

  async send() {
    await sessions.start(chat("conversation"));
    const { in: input } = sessions.open("conversation");
    await input.send("plain text");
    await input.send({ kind: "message", payload: { text: "grüß 🙂" } });
    const client = apiClientManager.clientOrThrow();
    return {
      all: await client.readSessionStreamRecords("conversation", "in"),
      rest: await client.readSessionStreamRecords("conversation", "in", { afterEventId: "0" }),
      output: await client.readSessionStreamRecords("conversation", "out"),
    };
  },

  async read() {
    await sessions.start(chat("conversation"));
    await writeOutput("conversation", "one");
    await writeOutput("conversation", '{"two":2}');
    const live = await read("conversation", {
      count: 3,
      afterFirst: () => writeOutput("conversation", "three"),
    });
    const resumed = await read("conversation", { count: 2, lastEventId: live.ids[0] });
    return { live, resumed };
  },

  async readMissing() {
    return failure(collect(await sessions.open("session_missing").out.read()));
  },

  async write() {
    await sessions.start(chat("conversation"));
    const { out } = sessions.open("conversation");
    await out.append("one");
    const { waitUntilComplete } = out.writer({ execute: ({ write }) => write({ two: 2 }) });
    const { lastEventId } = await waitUntilComplete();
    return { read: await read("conversation", { count: 2 }), last: lastEventId };
  },

  async pipe() {
    await sessions.start(chat("conversation"));
    const { out } = sessions.open("conversation");
    async function* numbers() {
      for (const n of [1, 2, 3]) yield { n };
    }
    await out.pipe(numbers()).waitUntilComplete();
    return read("conversation", { count: 3 });
  },

  async controlAndTrim() {
    await sessions.start(chat("conversation"));
    const { out } = sessions.open("conversation");
    await out.append("one");
    const first = await out.writeControl("turn-complete", [["session-in-event-id", "0"]]);
    await out.append("two");
    await out.trimTo(Number(first.lastEventId));
    const controls = [];
    const onControl = ({ subtype }) => controls.push(subtype);
    const kept = await read("conversation", { count: 1, onControl });
    return { first: first.lastEventId, kept, controls };
  },

  async sideChannel() {
    await sessions.start(chat("conversation"));
    const side = sessions.open("conversation").channel("progress");
    await side.out.append({ percent: 50 });
    await side.in.send({ pause: true });
    const client = apiClientManager.clientOrThrow();
    return {
      read: await read("conversation", { count: 1, channel: "progress" }),
      runs: (await collect(runs.list())).length,
      own: (await client.readSessionStreamRecords("conversation", "in")).records,
    };
  },

  async fromTheNewest() {
    await sessions.start(chat("conversation"));
    await writeOutput("conversation", "old");
    const { TRIGGER_API_URL: address, TRIGGER_SECRET_KEY: key } = process.env;
    const url = `${address}/realtime/v1/sessions/conversation/out`;
    const headers = { authorization: `Bearer ${key}` };
    const subscription = new SSEStreamSubscription(url, { headers, from: "latest" });
    const reader = (await subscription.subscribe()).getReader();
    await writeOutput("conversation", "new");
    const { value } = await reader.read();
    await reader.cancel();
    return { chunk: value.chunk, id: value.id };
  },

  async transcript() {
    await sessions.start(chat("conversation"));
    const client = apiClientManager.clientOrThrow();
    const none = await client.getSessionTranscript("conversation");
    const messages = ["m1", "m2", "m3"].map((id) => ({
      id,
      role: "user",
      parts: [{ type: "text", text: id }],
    }));
    const { presignedUrl } = await client.createChatSnapshotUploadUrl("conversation");
    const body = JSON.stringify({ version: 1, savedAt: 1, messages, lastOutEventId: "7" });
    await fetch(presignedUrl, { method: "PUT", body });
    return {
      none,
      newest: await client.getSessionTranscript("conversation", { limit: 2 }),
      rest: await client.getSessionTranscript("conversation", { limit: 2, before: "m2" }),
    };
  },

  async snapshot() {
    await sessions.start(chat("conversation"));
    const client = apiClientManager.clientOrThrow();
    const where = async () => (await client.getChatSnapshotUrl("conversation")).presignedUrl;
    const missing = (await fetch(await where())).status;
    const messages = ["a", "b", "c"].map((id) => ({ id, final: true, message: { id } }));
    const kept = { version: 2, savedAt: 1, messages, state: null, lastOutEventId: "7" };
    const body = serializeTranscriptSnapshot(kept);
    const { presignedUrl } = await client.createChatSnapshotUploadUrl("conversation");
    const written = await fetch(presignedUrl, { method: "PUT", body });
    const page = await client.getSessionTranscript("conversation", { limit: 2 });
    const before = await client.getSessionTranscript("conversation", { before: page.nextCursor });
    return {
      missing,
      written: written.status,
      isSame: (await (await fetch(await where())).text()) === body,
      page,
      before,
    };
  },

  async waiting() {
    const { runId } = await sessions.start(chat("conversation"));
    const client = apiClientManager.clientOrThrow();
    const wait = (more) =>
      client.createSessionStreamWaitpoint(runId, { session: "conversation", io: "in", ...more });
    const { waitpointId } = await wait({ timeout: "1h", tags: ["a"] });
    const blocked = await client.waitForWaitpointToken({
      runFriendlyId: runId,
      waitpointFriendlyId: waitpointId,
    });
    const waiting = await client.retrieveWaitpointToken(waitpointId);
    await sessions.open("conversation").in.send({ kind: "message" });
    const at = (await wait({})).waitpointId;
    const seen = [waiting, await client.retrieveWaitpointToken(waitpointId)];
    seen.push(await client.retrieveWaitpointToken(at));
    return { blocked, seen: seen.map(({ status, output }) => [status, output]) };
  },

  async browser() {
    const { id, publicAccessToken } = await sessions.start(chat("conversation"));
    await sessions.start(chat("another"));
    await writeOutput("conversation", "answer");
    return withToken(publicAccessToken, async () => {
      await sessions.open("conversation").in.send("question");
      return {
        id,
        retrieved: (await sessions.retrieve("conversation")).id,
        answer: await read("conversation", { count: 1 }),
        foreign: await failure(sessions.open("another").in.send("question")),
        close: await failure(sessions.close("conversation")),
      };
    });
  },

  async runs() {
    const started = [];
    for (const name of ["c1", "c2", "c3"]) started.push(await sessions.start(chat(name)));
    const ids = (options) => collect(runs.list(options), (run) => run.id);
    const cancelled = await runs.cancel(started[1].runId);
    return {
      started: started.map((session) => session.runId),
      cancelled,
      first: await runs.retrieve(started[0].runId),
      second: await runs.retrieve(started[1].runId),
      missing: await failure(runs.retrieve("run_missing", ONCE)),
      found: {
        inPages: await ids({ limit: 2 }),
        queued: await ids({ status: "QUEUED" }),
        stopped: await ids({ status: ["CANCELED", "FAILED"] }),
        ofTasks: await ids({ taskIdentifier: ["assistant", "another"] }),
        ofAnotherTask: await ids({ taskIdentifier: "another" }),
      },
    };
  },

  async publicToken() {
    for (const name of ["mine", "yours"]) await sessions.start(chat(name));
    const token = await auth.createPublicToken({
      scopes: { read: { sessions: "mine" } },
      expirationTime: "1h",
    });
    return withToken(token, async () => ({
      mine: (await sessions.retrieve("mine")).externalId,
      yours: await failure(sessions.retrieve("yours")),
      update: await failure(sessions.update("mine", { tags: [] })),
      send: await failure(sessions.open("mine").in.send("not allowed")),
    }));
  },

  async wrongKey() {
    return withToken("tr_dev_wrong", () => failure(sessions.retrieve("conversation")));
  },
};

await drive(scenarios);
