/**
 * A call with a hocket agent, for your own page:
 *
 *   import { Call } from "https://voice.example.com/hocket.js";
 *
 *   const call = new Call();
 *   call.addEventListener("caption", ({ detail }) => console.log(detail.who, detail.text));
 *   call.addEventListener("over", ({ detail }) => console.log(detail.reason));
 *   button.onclick = () => call.start();
 *
 * Events, all `CustomEvent`s:
 *   status   {status}: "asking" (for the microphone), "connecting", "open", "reconnecting", "over"
 *   fallback {reason}: WebRTC did not come about, the call goes over a WebSocket
 *   over     {reason, error}: a sentence, and the `CallError` when it was one
 *   welcome, state, caption, clear, turn, summary, bye: what the server says; `detail` is the message
 */

import { CallError } from "./call-error.js";
import { requestSession } from "./session.js";
import { Sound } from "./sound.js";
import { WebRtcLine } from "./webrtc-line.js";
import { WebSocketLine } from "./websocket-line.js";

export { CallError };

const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 2000;
const FAILED = "Something in this page failed, so the call has ended. Reload the page and call again.";

export class Call extends EventTarget {
  #options;
  #line = null;
  #sound = null;
  #resume = null; // how to come back: {token, forS, url, Line}
  #bye = "";
  #wake = () => {}; // ends the wait before the next attempt

  /**
   * server      where hocket is; where this module came from when left out
   * session     async (kind) => ({ticket, urls}), when your own backend asks hocket for the ticket
   * transport   "webrtc" (falls back to a WebSocket) or "websocket"; "webrtc" when the browser has it
   * microphone  constraints of the microphone's track, such as {deviceId}; echo cancellation is on
   */
  constructor({ server = new URL(".", import.meta.url).href, session, transport, microphone = {} } = {}) {
    super();
    this.#options = { server, session, transport, microphone };
    /** "idle", then those of the event. */
    this.status = "idle";
    /** "webrtc" or "websocket", once it is open. */
    this.transport = "";
    this.id = "";
  }

  /** Begin. To be called from a click or a key. Resolves when the call is open; rejects with a `CallError`. */
  async start() {
    if (this.status !== "idle") throw new Error("a Call is started once: make another");
    try {
      this.#is("asking");
      const sound = await Sound.open(this.#options.microphone);
      if (this.status === "over") return void sound.close();
      this.#sound = sound;
      sound.onmicrophonelost = () => this.#over(new CallError("microphone-missing", "The microphone was taken away."));
      this.#is("connecting");
      await this.#connect();
    } catch (error) {
      this.#over(error);
      throw error;
    }
  }

  /** End the call. */
  hangUp() {
    this.#line?.send({ type: "hang_up" });
    this.#over("You hung up.");
  }

  /** Press a key of the telephone: 0-9, *, # or A-D. */
  press(digit) {
    this.#line?.send({ type: "dtmf", digit });
  }

  get muted() {
    return this.#sound?.muted ?? false;
  }

  set muted(muted) {
    if (this.#sound) this.#sound.muted = muted;
  }

  /** How loud both sides are now: {caller, agent}, from 0 to 1. */
  levels() {
    return this.#sound?.levels() ?? { caller: 0, agent: 0 };
  }

  async #connect() {
    if (this.#options.transport !== "websocket" && WebRtcLine.supported) {
      try {
        return await this.#dial(WebRtcLine);
      } catch (error) {
        if (this.status === "over" || !(error instanceof CallError) || error.kind === "refused") throw error;
        this.#tell("fallback", { reason: error.message });
      }
    }
    await this.#dial(WebSocketLine);
  }

  async #dial(Line) {
    const { session, server } = this.#options;
    const { ticket, urls } = await (session ? session(Line.kind) : requestSession(server, Line.kind));
    if (!urls[Line.kind]) throw new CallError("unreachable", "The server does not offer this kind of connection.");
    const url = new URL(urls[Line.kind], server).href;
    const welcome = await this.#open(Line, url, { ticket });
    this.#resume = { token: welcome.resume, forS: welcome.resume_s, url, Line };
  }

  async #open(Line, url, opening) {
    if (this.status === "over") throw new CallError("lost", "The call is over.");
    const line = new Line(this.#sound);
    this.#line = line;
    const early = []; // what comes before the welcome has been told
    line.onmessage = (message) => early.push(message);
    line.onlost = (elsewhere) => this.#lost(line, elsewhere);
    const welcome = await line.open(url, opening);
    if (this.status === "over") {
      line.send({ type: "hang_up" });
      line.close();
      throw new CallError("lost", "The call is over.");
    }
    this.id = welcome.call;
    this.transport = Line.kind === "ws" ? "websocket" : "webrtc";
    this.#is("open");
    this.#tell("welcome", welcome);
    line.onmessage = (message) => this.#receive(line, message);
    for (const message of early) this.#receive(line, message);
    return welcome;
  }

  #receive(line, message) {
    if (message.type === "clear") line.clear(message.keep);
    if (message.type === "bye") this.#bye = message.reason;
    if (message.type === "refused") return this.#over(new CallError("refused", message.reason, message.retry_after_s));
    this.#tell(message.type, message);
  }

  async #lost(line, elsewhere) {
    if (this.status === "over") return;
    if (elsewhere) return this.#over("The call goes on elsewhere: another page has taken it over.");
    if (this.#bye || !this.#resume?.token) return this.#over(this.#bye || "The server closed the call.");
    this.#is("reconnecting");
    const heard = await line.cut();
    const until = performance.now() + this.#resume.forS * 1000;
    const { token, url, Line } = this.#resume;
    for (let wait = FIRST_RETRY_MS; this.status === "reconnecting"; wait = Math.min(wait * 2, LONGEST_RETRY_MS)) {
      try {
        const welcome = await this.#open(Line, url, { resume: token, ...heard });
        this.#resume.token = welcome.resume;
        return;
      } catch (error) {
        if (!(error instanceof CallError) || (error.kind === "refused" && error.retryAfterS === null)) return this.#over(error);
        const left = until - performance.now();
        if (left <= 0) return this.#over(new CallError("lost", lostSentence(this.#resume.forS), 0));
        await this.#pause(Math.min(left, wait * (0.75 + Math.random() / 2)));
      }
    }
  }

  // The device may come online before the wait is over.
  #pause(ms) {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#wake(), ms);
      this.#wake = () => {
        clearTimeout(timer);
        removeEventListener("online", this.#wake);
        resolve();
      };
      addEventListener("online", this.#wake);
    });
  }

  #offline = () => this.#line?.drop();

  #is(status) {
    if (this.status === status) return;
    this.status = status;
    if (status === "open") addEventListener("offline", this.#offline);
    else removeEventListener("offline", this.#offline);
    this.#tell("status", { status });
  }

  /** `why` is a sentence or an error. */
  #over(why) {
    if (this.status === "over") return;
    this.#is("over");
    this.#wake();
    this.#line?.close();
    this.#sound?.close();
    const error = why instanceof Error ? why : null;
    const reason = error instanceof CallError ? error.message : error ? FAILED : why;
    this.#tell("over", { reason, error });
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

function lostSentence(seconds) {
  return `The connection broke off and could not be restored within ${Math.round(seconds)} seconds, so the call has ended.`;
}
