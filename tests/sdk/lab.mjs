// The control API of the simulated environment, for scenarios.

export const address = process.env.TRIGGER_API_URL;

export async function lab(method, path, body) {
  const response = await fetch(`${address}/_lab${path}`, {
    method,
    body: body && JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${text}`);
  return response.headers.get("content-type").startsWith("application/json")
    ? JSON.parse(text)
    : text.split("\n").filter(Boolean).map((line) => JSON.parse(line));
}

export const advance = (ms) => lab("POST", "/clock/advance", { ms });
export const setAgent = (replies, pace = "0s") => lab("PUT", "/agent", { replies, pace });

// How the accepted turns of a world started.
export const startKinds = async () =>
  (await lab("GET", "/journal")).map((entry) => entry.start_kind).filter(Boolean);
