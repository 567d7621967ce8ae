// Runs scenarios: reads their names from lines of input, and for each prints a line of JSON, with
// what the SDK saw or with the error that ended the scenario.

import { createInterface } from "node:readline";

export async function drive(scenarios) {
  for await (const name of createInterface({ input: process.stdin })) {
    let outcome;
    try {
      outcome = { seen: await scenarios[name]() };
    } catch (error) {
      outcome = { error: error.stack };
    }
    console.log(JSON.stringify(outcome));
  }
}
