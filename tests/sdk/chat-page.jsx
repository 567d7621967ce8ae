// A page as an application has it: useChat on the SDK's transport, which survives a reload.

import { useChat } from "@ai-sdk/react";
import { TriggerChatTransport } from "@trigger.dev/sdk/chat";
import { useEffect, useState } from "react";
import { createRoot } from "react-dom/client";

const CHAT = "page-chat";

const kept = (name) => JSON.parse(localStorage.getItem(name) ?? "null");
const keep = (name, value) => localStorage.setItem(name, JSON.stringify(value));

const session = kept("session");
const transport = new TriggerChatTransport({
  task: "assistant",
  baseURL: document.body.dataset.address,
  // The page's own server starts sessions: the secret key stays there.
  startSession: async ({ chatId }) => (await fetch(`/start/${chatId}`, { method: "POST" })).json(),
  accessToken: async ({ chatId }) => (await fetch(`/start/${chatId}`, { method: "POST" })).text(),
  onSessionChange: (_, state) => keep("session", state),
  sessions: session ? { [CHAT]: session } : {},
});

const text = (message) =>
  message.parts.map((part) => (part.type === "text" ? part.text : "")).join("");

function Chat() {
  const { messages, sendMessage, stop, status, error } = useChat({
    id: CHAT,
    transport,
    messages: kept("messages") ?? [],
    resume: session?.isStreaming === true,
  });
  const [draft, setDraft] = useState("");
  // What an unfinished answer has so far comes again with the stream.
  useEffect(() => {
    const isOpen = status === "streaming" && messages.at(-1)?.role === "assistant";
    keep("messages", isOpen ? messages.slice(0, -1) : messages);
  }, [messages, status]);
  const send = (event) => {
    event.preventDefault();
    sendMessage({ text: draft });
    setDraft("");
  };
  const end = async () => {
    await transport.stopGeneration(CHAT);
    stop();
  };
  return (
    <main>
      <output data-testid="status">{status}</output>
      <output data-testid="error">{error?.message ?? ""}</output>
      {messages.map((message) => (
        <p key={message.id} data-testid={message.role}>
          {text(message)}
        </p>
      ))}
      <form onSubmit={send}>
        <input aria-label="Message" value={draft} onChange={(e) => setDraft(e.target.value)} />
        <button>Send</button>
      </form>
      <button onClick={end}>Stop</button>
    </main>
  );
}

createRoot(document.getElementById("root")).render(<Chat />);
