// Requests to the server: each has one of a few outcomes that a person can be told.

// The server cannot be reached: whether it has taken what was sent is not known.
export class Offline extends Error {}

// The server says no; `message` is its sentence, `status` its number.
export class Refused extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

// Milliseconds: longer than the queue may take to confirm.
const PATIENCE = 20_000;

export function post(path, fields) {
  return ask(path, { method: "POST", body: new URLSearchParams(fields) });
}

export function get(path, signal) {
  return ask(path, { signal });
}

async function ask(path, options) {
  const signals = [AbortSignal.timeout(PATIENCE), options.signal].filter(Boolean);
  let answer, body;
  try {
    answer = await fetch(path, {
      ...options,
      headers: { Accept: "application/json" },
      signal: AbortSignal.any(signals),
    });
    body = await answer.json().catch((error) => {
      if (answer.ok) throw error;
      return {};
    });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Offline(String(error));
  }
  if (!answer.ok) throw new Refused(body.error ?? "", answer.status);
  return body;
}
