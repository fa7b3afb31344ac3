// A call over a WebSocket: JSON text for messages, binary for audio.

import { CallError } from "./call-error.js";
import { ANSWER_MS, Line } from "./line.js";

const RATE = 16000;
const TAKEN_OVER = 4001; // another connection has shown the resume token
const PING_MS = 1000;
const SILENT_PINGS = 3; // in a row without any answer: the network is gone, or the server is
const STALL_S = 2; // of audio that the network does not take: the connection is as good as lost

/** The connections of all transports have these members. */
export class WebSocketLine extends Line {
  static kind = "ws";

  #socket = null;
  #pings = 0; // the timer
  #unanswered = 0; // pings, since anything came
  #clears = 0; // obeyed in this call: positions mean other samples after each
  #played = 0;

  /** Dial; resolves to the server's `welcome`. `opening` has the `ticket`, or what `cut` gave and the `resume` token. */
  async open(url, opening) {
    await this.sound.carry(RATE, (frame) => this.#hear(frame), (sample) => this.#report(sample));
    try {
      const welcome = await this.#dial(url, { type: "hello", audio: { encoding: "pcm16", rate: RATE }, ...opening });
      this.#clears = welcome.clears;
      this.#played = welcome.position;
      this.sound.clear(welcome.position);
      this.isOpen = true;
      this.#unanswered = 0;
      this.#pings = setInterval(() => this.#ping(), PING_MS);
      return welcome;
    } catch (error) {
      this.close();
      throw error;
    }
  }

  send(message) {
    if (this.isOpen && this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  /** The agent falls silent: the next audio has position `keep`. */
  clear(keep) {
    this.sound.clear(keep);
    this.#clears += 1;
    this.#played = -1; // `keep` is said even if it is where the last report was
    this.#report(keep);
  }

  /** Fall silent for want of a connection; resolves to what the server has to know about it in `open`. */
  async cut() {
    return { played: await this.sound.cut(), clears: this.#clears };
  }

  close() {
    this.isOpen = false;
    clearInterval(this.#pings);
    const socket = this.#socket;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  #dial(url, hello) {
    return new Promise((resolve, reject) => {
      const fail = () => reject(new CallError("unreachable", "The server cannot be reached. Call again in a moment.", 0));
      const timer = setTimeout(fail, ANSWER_MS);
      const socket = (this.#socket = new WebSocket(url));
      socket.binaryType = "arraybuffer";
      socket.onopen = () => socket.send(JSON.stringify(hello));
      socket.onclose = () => (clearTimeout(timer), fail());
      socket.onmessage = ({ data }) => {
        if (typeof data !== "string") return;
        clearTimeout(timer);
        const message = JSON.parse(data);
        if (message.type === "refused") return reject(new CallError("refused", message.reason, message.retry_after_s));
        if (message.type !== "welcome") return fail();
        socket.onmessage = (event) => this.#receive(event.data);
        socket.onclose = ({ code }) => this.drop(code === TAKEN_OVER);
        resolve(message);
      };
    });
  }

  #receive(data) {
    this.#unanswered = 0;
    if (typeof data !== "string") {
      if (this.isOpen) this.sound.play(data);
      return;
    }
    const message = JSON.parse(data);
    if (message.type !== "pong") this.onmessage(message);
  }

  /** Counted and not timed: in a page that nobody looks at timers come late, and so would the answers be. */
  #ping() {
    if (this.#unanswered >= SILENT_PINGS) return this.drop();
    this.#unanswered += 1;
    this.send({ type: "ping" });
  }

  #report(sample) {
    if (sample === this.#played) return;
    this.#played = sample;
    this.send({ type: "played", sample, clears: this.#clears });
  }

  #hear(frame) {
    if (!this.isOpen || this.#socket.readyState !== WebSocket.OPEN) return;
    if (this.#socket.bufferedAmount > STALL_S * RATE * 2) this.drop();
    else this.#socket.send(frame);
  }
}
