// A worker in a plain process: it executes the runs of a simulated environment one after the other,
// with the SDK's own task code, streams and waits. Of the SDK's test tools it takes only the frame
// that says which run a task runs in.

import "@trigger.dev/sdk/ai/test"; // Makes tasks known to the catalog; has to come before them.

import { apiClientManager, resourceCatalog } from "@trigger.dev/core/v3";
import { runInMockTaskContext } from "@trigger.dev/core/v3/test";
import { StandardSessionStreamManager } from "@trigger.dev/core/v3/workers";
import { sessions } from "@trigger.dev/sdk";

import { address, lab } from "./lab.mjs";

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const setStatus = (runId, status) => lab("POST", `/runs/${runId}`, { status });

// Waits as the platform does: the run sleeps until its waitpoint is completed or times out.
class Waits {
  constructor(runId, signal) {
    this.runId = runId;
    this.signal = signal;
  }

  async waitForWaitpoint({ waitpointFriendlyId }) {
    const client = apiClientManager.clientOrThrow();
    await setStatus(this.runId, "WAITING_TO_RESUME");
    for (;;) {
      const found = await client.retrieveWaitpointToken(waitpointFriendlyId);
      if (this.signal.aborted) return new Promise(() => {});
      if (found.status !== "WAITING") {
        await setStatus(this.runId, "EXECUTING");
        const ok = found.status === "COMPLETED";
        return { ok, output: found.output, outputType: "application/json" };
      }
      await pause(10);
    }
  }

  disable() {}
}

// One run at work.
class Execution {
  constructor(run) {
    this.run = run;
    this.controller = new AbortController();
    this.streams = new StandardSessionStreamManager(apiClientManager.clientOrThrow(), address);
    const dead = new Promise((resolve) => {
      this.died = resolve;
    });
    this.done = Promise.race([this.execute(), dead]);
  }

  async execute() {
    const { run, streams } = this;
    const { signal } = this.controller;
    const frame = {
      ctx: { run: { id: run.id }, task: { id: run.taskIdentifier } },
      runtimeManager: new Waits(run.id, signal),
      sessionStreamManager: streams,
    };
    await setStatus(run.id, "EXECUTING");
    const task = resourceCatalog.getTask(run.taskIdentifier);
    let status = "COMPLETED_SUCCESSFULLY";
    try {
      await runInMockTaskContext(({ ctx }) => task.fns.run(run.payload, { ctx, signal }), frame);
    } catch {
      status = "COMPLETED_WITH_ERRORS";
    }
    streams.reset();
    if (!signal.aborted) await setStatus(run.id, status);
  }

  // A process that dies leaves its run without a word; here its code waits for ever.
  async die() {
    await setStatus(this.run.id, "CRASHED");
    this.controller.abort();
    this.streams.reset();
    this.died();
  }

  // Lets the agent leave, as clients do at their end.
  async leave() {
    const session = this.run.payload.sessionId;
    const leaving = { kind: "message", payload: { trigger: "close" } };
    await sessions.open(session).in.send(leaving, { retry: { maxAttempts: 1 } }).catch(() => {});
    await this.done;
  }
}

// Executes what is triggered for as long as a scenario takes; `crash` kills the run at work.
export async function runWorker(scenario) {
  const known = new Set();
  let current;
  let isOver = false;
  const next = async () =>
    (await lab("GET", "/runs")).find(({ id, isFinal }) => !isFinal && !known.has(id));
  const work = async () => {
    while (!isOver) {
      const run = await next();
      if (run === undefined) {
        await pause(10);
      } else {
        known.add(run.id);
        current = new Execution(run);
        await current.done;
        current = undefined;
      }
    }
  };
  const working = work();
  try {
    return await scenario({ crash: () => current.die() });
  } finally {
    isOver = true;
    await current?.leave();
    await working;
  }
}
