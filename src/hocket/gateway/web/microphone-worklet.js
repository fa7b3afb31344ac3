// Hands over what the microphone hears as 20 ms of 16-bit samples at the rate of the call.

import { Resampler } from "./resampler.js";

const FRAME_MS = 20;

class Microphone extends AudioWorkletProcessor {
  constructor({ processorOptions }) {
    super();
    this.size = (processorOptions.rate * FRAME_MS) / 1000;
    this.resampler = new Resampler(sampleRate, processorOptions.rate);
    this.frame = new Int16Array(this.size);
    this.filled = 0;
    this.port.onmessage = () => (this.stopped = true);
  }

  process([[channel]]) {
    if (channel) for (const sample of channel) this.take(sample);
    else for (let i = 0; i < 128; i++) this.take(0); // a source that gives nothing is silence, not a stop of time
    return !this.stopped;
  }

  take(sample) {
    this.resampler.take(sample);
    while (this.resampler.ready) {
      this.frame[this.filled++] = Math.max(-1, Math.min(1, this.resampler.next())) * 32767;
      if (this.filled === this.size) {
        this.port.postMessage(this.frame.buffer, [this.frame.buffer]);
        this.frame = new Int16Array(this.size);
        this.filled = 0;
      }
    }
  }
}

registerProcessor("hocket-microphone", Microphone);
