// A call over a WebSocket: JSON text for messages, binary for audio.

import { CallError } from "./call-error.js";

const RATE = 16000;
const ANSWER_MS = 10000; // from dialling to `welcome`
const STALL_S = 2; // of audio that the network does not take: the connection is as good as lost

/** One connection. `sound` is the caller's `Sound`; the lines of all transports have these members. */
export class WebSocketLine {
  static kind = "ws";

  #socket = null;
  #sound;
  #open = false;

  constructor(sound) {
    this.#sound = sound;
    /** Called with every message but the first. */
    this.onmessage = () => {};
    /** Called once when the connection breaks off, and not after `close`. */
    this.onlost = () => {};
  }

  /** Dial; resolves to the server's `welcome`. `opening` has the `ticket`, or `resume` and `played`. */
  async open(url, opening) {
    let played = 0;
    await this.#sound.carry(
      RATE,
      (frame) => this.#hear(frame),
      (sample) => sample !== played && this.send({ type: "played", sample: (played = sample) })
    );
    try {
      const welcome = await this.#dial(url, { type: "hello", audio: { encoding: "pcm16", rate: RATE }, ...opening });
      this.#open = true;
      this.#sound.clear(welcome.position);
      return welcome;
    } catch (error) {
      this.close();
      throw error;
    }
  }

  send(message) {
    if (this.#open && this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  /** The agent falls silent: the next audio has position `keep`. */
  clear(keep) {
    this.#sound.clear(keep);
  }

  /** Treat the connection as lost, for example because the device went offline. */
  drop() {
    const open = this.#open;
    this.close();
    if (open) this.onlost();
  }

  close() {
    this.#open = false;
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
        socket.onclose = () => this.drop();
        resolve(message);
      };
    });
  }

  #receive(data) {
    if (typeof data === "string") this.onmessage(JSON.parse(data));
    else if (this.#open) this.#sound.play(data);
  }

  #hear(frame) {
    if (!this.#open || this.#socket.readyState !== WebSocket.OPEN) return;
    if (this.#socket.bufferedAmount > STALL_S * RATE * 2) this.drop();
    else this.#socket.send(frame);
  }
}
