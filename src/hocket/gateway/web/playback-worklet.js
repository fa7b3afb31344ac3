// Plays the agent's samples and says every 100 ms, and when it falls silent, how far it is.

import { JitterBuffer } from "./jitter-buffer.js";
import { Resampler } from "./resampler.js";

const REPORT_S = 0.1;

class Playback extends AudioWorkletProcessor {
  constructor({ processorOptions }) {
    super();
    this.buffer = new JitterBuffer(processorOptions.rate);
    this.resampler = new Resampler(processorOptions.rate, sampleRate);
    this.reportAt = 0;
    this.sounded = false;
    this.epoch = 0; // grows with every clear, so that what was reported before one is known as old
    this.port.onmessage = ({ data }) => this.receive(data);
  }

  receive({ audio, clear, cut, epoch, stop }) {
    if (audio !== undefined) this.buffer.push(new Int16Array(audio));
    if (clear !== undefined) this.clear(clear, epoch);
    if (cut) {
      this.clear(this.buffer.position, epoch);
      this.post();
    }
    if (stop) this.stopped = true;
  }

  clear(keep, epoch) {
    this.buffer.clear(keep);
    this.epoch = epoch;
    this.sounded = false; // what was taken back is reported by nobody
  }

  process(_, [[left, ...others]]) {
    for (let i = 0; i < left.length; i++) {
      while (!this.resampler.ready) this.resampler.take(this.buffer.pull());
      left[i] = this.resampler.next();
    }
    for (const channel of others) channel.set(left);
    this.report();
    return !this.stopped;
  }

  report() {
    const playing = this.buffer.playing;
    if (playing ? currentTime >= this.reportAt : this.sounded) {
      this.reportAt = currentTime + REPORT_S;
      this.post();
    }
    this.sounded = playing;
  }

  post() {
    const { position, playing, late, targetMs } = this.buffer;
    this.port.postMessage({ position, playing, late, targetMs, epoch: this.epoch });
  }
}

registerProcessor("hocket-playback", Playback);
