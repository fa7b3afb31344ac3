// The caller's microphone and loudspeaker, at whatever rate the device runs.

import { CallError } from "./call-error.js";

const LOUD_DB = 0;
const QUIET_DB = -60;
const CUT_MS = 200; // a worklet answers within a few

export class Sound {
  #context;
  #source;
  #worklets;
  #capture = null;
  #playback = null;
  #played = 0; // samples
  #epoch = 0; // of the playback, which every clear begins anew
  #oncut = null;
  #ending = 0;
  #heard; // analyser of the agent's sound
  #said; // analyser of the microphone
  #remote = null; // the agent's stream
  #audio = null; // the element that plays it

  /**
   * Ask for the microphone, with echo cancellation, noise suppression and gain control unless `constraints` say
   * otherwise. To be called from a click. Rejects with a `CallError`.
   */
  static async open(constraints = {}) {
    if (!window.isSecureContext) {
      throw new CallError("insecure", "The browser gives the microphone only to pages from https or localhost.");
    }
    if (!navigator.mediaDevices?.getUserMedia || !window.AudioWorkletNode) {
      throw new CallError("unsupported", "This browser is too old to make a call: it cannot process sound.");
    }
    const context = new AudioContext({ latencyHint: "interactive" });
    try {
      const stream = await microphone(constraints);
      return new Sound(context, stream);
    } catch (error) {
      await context.close();
      throw error;
    }
  }

  constructor(context, stream) {
    this.#context = context;
    this.stream = stream;
    /** Called when the microphone is taken away, for example unplugged. */
    this.onmicrophonelost = () => {};
    stream.getAudioTracks()[0].onended = () => this.onmicrophonelost();
    this.#source = context.createMediaStreamSource(stream);
    this.#said = context.createAnalyser();
    this.#heard = context.createAnalyser();
    this.#said.fftSize = this.#heard.fftSize = 1024;
    this.#source.connect(this.#said);
    this.#worklets = Promise.all(
      ["microphone-worklet.js", "playback-worklet.js"].map((name) =>
        context.audioWorklet.addModule(new URL(name, import.meta.url))
      )
    );
    this.#worklets.catch(() => {}); // whoever needs them is told
  }

  get muted() {
    return !this.stream.getAudioTracks()[0].enabled;
  }

  set muted(muted) {
    for (const track of this.stream.getAudioTracks()) track.enabled = !muted;
  }

  /** How loud it is at the microphone and the loudspeaker, from 0 (silent) to 1. */
  levels() {
    return { caller: this.muted ? 0 : level(this.#said), agent: level(this.#heard) };
  }

  /** Carry samples at `rate`: `onframe(buffer)` has 20 ms from the microphone, `onplayed(sample)` what has sounded. */
  async carry(rate, onframe, onplayed) {
    try {
      await this.#worklets;
    } catch {
      throw new CallError("unreachable", "A part of the page could not be loaded. Reload it, then call again.", 0);
    }
    await this.#context.resume();
    this.rest();
    const processorOptions = { rate };
    this.#playback = new AudioWorkletNode(this.#context, "hocket-playback", {
      processorOptions, numberOfInputs: 0, outputChannelCount: [1],
    });
    this.#playback.port.onmessage = ({ data }) => this.#reported(data, rate, onplayed);
    this.#playback.connect(this.#heard).connect(this.#context.destination);
    this.#capture = new AudioWorkletNode(this.#context, "hocket-microphone", {
      processorOptions, numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit",
    });
    this.#capture.port.onmessage = ({ data }) => onframe(data);
    this.#source.connect(this.#capture);
  }

  /** The agent's next samples: an ArrayBuffer with 16-bit ones. */
  play(audio) {
    this.#playback.port.postMessage({ audio }, [audio]);
  }

  /** Fall silent at once; the next audio has position `keep`. */
  clear(keep) {
    clearTimeout(this.#ending);
    this.#played = keep;
    this.#playback?.port.postMessage({ clear: keep, epoch: ++this.#epoch });
  }

  /** Fall silent at once; resolves to how much has sounded, in samples. */
  async cut() {
    if (!this.#playback) return 0;
    clearTimeout(this.#ending);
    const exact = new Promise((resolve) => (this.#oncut = resolve));
    this.#playback.port.postMessage({ cut: true, epoch: ++this.#epoch });
    const latest = new Promise((resolve) => setTimeout(() => resolve(this.#played), CUT_MS));
    this.#played = await Promise.race([exact, latest]);
    this.#oncut = null;
    return this.#played;
  }

  /** Play a stream of WebRTC. Browsers keep one silent that no element plays. */
  playStream(stream) {
    this.rest();
    this.#context.resume();
    this.#audio = new Audio();
    this.#audio.srcObject = stream;
    this.#audio.play().catch(() => {}); // it was closed meanwhile
    this.#remote = this.#context.createMediaStreamSource(stream);
    this.#remote.connect(this.#heard);
  }

  /** Carry nothing, until another connection does. */
  rest() {
    clearTimeout(this.#ending);
    this.#capture?.port.postMessage("stop");
    this.#capture?.disconnect();
    this.#playback?.port.postMessage({ stop: true });
    this.#playback?.disconnect();
    this.#remote?.disconnect();
    if (this.#audio) this.#audio.srcObject = null;
    this.#capture = this.#playback = this.#remote = this.#audio = null;
    this.#played = 0;
  }

  async close() {
    this.rest();
    for (const track of this.stream.getTracks()) {
      track.onended = null;
      track.stop();
    }
    if (this.#context.state !== "closed") await this.#context.close();
  }

  // The worklet knows what it gave to the device; that sounds a little later.
  #reported({ position, playing, epoch }, rate, onplayed) {
    if (epoch !== this.#epoch) return;
    if (this.#oncut) return this.#oncut(position);
    const behindS = this.#context.outputLatency || this.#context.baseLatency || 0;
    const say = (sample) => {
      this.#played = sample;
      onplayed(sample);
    };
    clearTimeout(this.#ending);
    if (playing) say(Math.max(this.#played, Math.round(position - behindS * rate)));
    else this.#ending = setTimeout(say, behindS * 1000, position);
  }
}

async function microphone(constraints) {
  const audio = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1, ...constraints };
  try {
    return await navigator.mediaDevices.getUserMedia({ audio });
  } catch (error) {
    throw explained(error);
  }
}

function explained(error) {
  switch (error.name) {
    case "NotAllowedError":
    case "SecurityError":
      return new CallError(
        "microphone-denied",
        "The browser may not use the microphone, so the agent could not hear you. " +
          "Allow it at the icon beside the page's address, then call again."
      );
    case "NotFoundError":
    case "OverconstrainedError":
      return new CallError("microphone-missing", "No microphone was found. Plug one in or switch it on, then call again.");
    default:
      return new CallError(
        "microphone-busy",
        "The microphone could not be opened. Close other programs that use it, then call again."
      );
  }
}

const window_ = new Float32Array(1024);

function level(analyser) {
  analyser.getFloatTimeDomainData(window_);
  let power = 0;
  for (const sample of window_) power += sample * sample;
  const db = 10 * Math.log10(power / window_.length + 1e-12);
  return Math.max(0, Math.min(1, (db - QUIET_DB) / (LOUD_DB - QUIET_DB)));
}
