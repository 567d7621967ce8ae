// What scenarios share of a page: its transport, and readers of what that brings.

import { auth, sessions } from "@trigger.dev/sdk";
import { TriggerChatTransport } from "@trigger.dev/sdk/chat";

import { address } from "./lab.mjs";

export const CHAT = "chat-1";

export const user = (text) => ({ id: `u-${text}`, role: "user", parts: [{ type: "text", text }] });

const start = (chatId, taskIdentifier, payload) =>
  sessions.start({
    type: "chat.agent",
    externalId: chatId,
    taskIdentifier,
    triggerConfig: { basePayload: { chatId, ...payload } },
  });

// A transport as a page has it; sessions are started where a server action of the page would.
export function transport(options = {}) {
  const events = [];
  const made = new TriggerChatTransport({
    task: "assistant",
    baseURL: address,
    startSession: async ({ chatId, taskId }) => {
      const { publicAccessToken } = await start(chatId, taskId, { trigger: "preload" });
      return { publicAccessToken };
    },
    accessToken: ({ chatId }) =>
      auth.createPublicToken({ scopes: { read: { sessions: chatId }, write: { sessions: chatId } } }),
    onEvent: (event) => events.push(event.type),
    ...options,
  });
  return Object.assign(made, { events });
}

export const send = async (page, text, trigger = "submit-message") =>
  reader(await page.sendMessages({ trigger, chatId: CHAT, messages: [user(text)] }));

// Starts the session with its first message in it, and reads the answer on a page that opens later.
export async function startWith(text) {
  const payload = { trigger: "submit-message", message: user(text) };
  const { publicAccessToken } = await start(CHAT, "assistant", payload);
  const page = transport({ sessions: { [CHAT]: { publicAccessToken } } });
  return reader(await page.reconnectToStream({ chatId: CHAT }));
}

export function reader(stream) {
  const source = stream.getReader();
  const seen = [];
  return {
    seen,
    cancel: () => source.cancel(),
    async next(count = 1) {
      for (; count > 0; count -= 1) {
        const { done, value } = await source.read();
        if (done) return undefined;
        seen.push(value);
      }
      return seen.at(-1);
    },
    async rest() {
      while (await this.next());
      return this;
    },
    text: () => seen.map((chunk) => chunk.delta ?? "").join(""),
    types: () => seen.map((chunk) => chunk.type),
  };
}
