// A ticket for one call, from the server.

import { CallError } from "./call-error.js";

const ANSWER_MS = 8000; // a server that is there answers in a fraction of it

/**
 * Ask `server` (an URL) for a call; `kind` is "ws" or "webrtc". Resolves to {ticket, urls: {ws, webrtc}, ...}.
 * Rejects with a `CallError`.
 */
export async function requestSession(server, kind) {
  const url = new URL("v1/voice/session", server);
  let response;
  try {
    response = await fetch(url, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ kind }),
      signal: AbortSignal.timeout(ANSWER_MS),
    });
  } catch {
    throw new CallError("unreachable", "The server does not answer. Check your connection, then call again.", 0);
  }
  const body = await response.json().catch(() => ({}));
  if (response.ok && body.ticket && body.urls) return body;
  throw refusal(response, body);
}

function refusal(response, body) {
  const retryAfterS = Number(body.retry_after_s ?? response.headers.get("Retry-After")) || null;
  const full = response.status === 503 || response.status === 429;
  const what = full ? "No line is free right now." : "The server gave no ticket for a call.";
  const why = body.message || body.reason;
  return new CallError("refused", why ? `${what} ${sentence(why)}` : what, full ? (retryAfterS ?? 5) : retryAfterS);
}

function sentence(text) {
  const trimmed = String(text).trim();
  const capital = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}
