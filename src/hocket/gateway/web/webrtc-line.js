// A call over WebRTC: audio by RTP, the same messages as over a WebSocket on the data channel "hocket".

import { CallError } from "./call-error.js";
import { ANSWER_MS, Line } from "./line.js";

const GATHER_MS = 1000; // for the addresses of this device; those on hand then are enough on most networks
const SILENT_MS = 3000; // the server sends something twice a second; browsers take two or three times as long to notice
const LOOK_MS = 500;

/** One connection; see `WebSocketLine` for the members. */
export class WebRtcLine extends Line {
  static kind = "webrtc";

  static get supported() {
    return typeof RTCPeerConnection === "function";
  }

  #peer = null;
  #channel = null;
  #watch = 0;

  async open(url, opening) {
    try {
      this.#peer = new RTCPeerConnection();
      this.#channel = this.#peer.createDataChannel("hocket");
      const welcome = this.#welcome();
      welcome.catch(() => {}); // awaited below, unless the offer fails first
      for (const track of this.sound.stream.getAudioTracks()) this.#peer.addTrack(track, this.sound.stream);
      this.#peer.ontrack = ({ streams, track }) => this.sound.playStream(streams[0] ?? new MediaStream([track]));
      await this.#peer.setLocalDescription();
      await this.#gathered();
      const answer = await this.#offer(url, opening);
      await this.#peer.setRemoteDescription({ type: "answer", sdp: answer.sdp });
      return await welcome;
    } catch (error) {
      this.close();
      throw error instanceof CallError ? error : new CallError("unreachable", `WebRTC failed: ${error.message}`, 0);
    }
  }

  send(message) {
    if (this.isOpen && this.#channel.readyState === "open") this.#channel.send(JSON.stringify(message));
  }

  /** The server has stopped sending; what is on its way is a few tens of milliseconds, which it fades out. */
  clear() {}

  /** The server knows itself what it has sent. */
  async cut() {
    return {};
  }

  close() {
    this.isOpen = false;
    clearInterval(this.#watch);
    if (!this.#peer) return;
    this.#channel.onmessage = this.#channel.onclose = null;
    this.#peer.onconnectionstatechange = this.#peer.ontrack = null;
    // What was sent just before, such as a hang-up, is given a moment to leave.
    const peer = this.#peer;
    this.#peer = null;
    setTimeout(() => peer.close(), 100);
  }

  #welcome() {
    return new Promise((resolve, reject) => {
      const fail = () => reject(new CallError("unreachable", "WebRTC could not connect on this network.", 0));
      const timer = setTimeout(fail, ANSWER_MS);
      this.#channel.onclose = () => (this.isOpen ? this.drop() : fail());
      this.#peer.onconnectionstatechange = () => this.#changed(fail);
      this.#channel.onmessage = ({ data }) => {
        const message = JSON.parse(data);
        clearTimeout(timer);
        if (message.type === "refused") return reject(new CallError("refused", message.reason, message.retry_after_s));
        if (message.type !== "welcome") return fail();
        this.#channel.onmessage = (event) => this.onmessage(JSON.parse(event.data));
        this.isOpen = true;
        this.#listen();
        resolve(message);
      };
    });
  }

  #changed(fail) {
    const state = this.#peer.connectionState;
    if (state === "failed" || state === "closed") this.isOpen ? this.drop() : fail();
  }

  /**
   * A server of which nothing comes any more is gone, or the network is. And it has to know how much sound is held back
   * here, or it takes for heard what is not.
   */
  #listen() {
    let before = { bytes: NaN, delay_s: 0, samples: 0 };
    let since = performance.now();
    this.#watch = setInterval(async () => {
      const now = await received(this.#peer);
      if (now.bytes !== before.bytes) since = performance.now();
      else if (performance.now() - since > SILENT_MS) return this.drop();
      const ms = (1000 * (now.delay_s - before.delay_s)) / (now.samples - before.samples);
      if (Number.isFinite(ms)) this.send({ type: "buffered", ms });
      before = now;
    }, LOOK_MS);
  }

  #gathered() {
    const peer = this.#peer;
    return new Promise((resolve) => {
      if (peer.iceGatheringState === "complete") return resolve();
      setTimeout(resolve, GATHER_MS);
      peer.onicegatheringstatechange = () => peer.iceGatheringState === "complete" && resolve();
    });
  }

  async #offer(url, opening) {
    let response;
    try {
      response = await fetch(url, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ sdp: this.#peer.localDescription.sdp, ...opening }),
        signal: AbortSignal.timeout(ANSWER_MS),
      });
    } catch {
      throw new CallError("unreachable", "The server does not answer a WebRTC offer.", 0);
    }
    const body = await response.json().catch(() => ({}));
    if (response.ok) return body;
    const why = body.message ?? `The offer was answered with status ${response.status}.`;
    if (response.status === 503 || response.status === 429) throw new CallError("refused", why, body.retry_after_s ?? 5);
    if (response.status === 403 || response.status === 404) throw new CallError("refused", why); // no such ticket, no such call
    throw new CallError("unreachable", why, 0);
  }
}

/**
 * How many bytes have come, how many samples have left the jitter buffer, and how long they all had been in it; NaN,
 * which is never the same, where the browser does not tell.
 */
async function received(peer) {
  const stats = [...(await peer.getStats().catch(() => new Map())).values()]; // it was closed meanwhile
  const pairs = stats.filter(({ type }) => type === "candidate-pair");
  const bytes = pairs.length ? pairs.reduce((sum, { bytesReceived = NaN }) => sum + bytesReceived, 0) : NaN;
  const sound = stats.find(({ type, kind }) => type === "inbound-rtp" && kind === "audio") ?? {};
  return { bytes, delay_s: sound.jitterBufferDelay ?? NaN, samples: sound.jitterBufferEmittedCount ?? NaN };
}
