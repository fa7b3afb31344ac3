// What has arrived and not sounded yet. It waits a little before it begins, and longer where audio came late before.

const CAPACITY_S = 15; // the server is never that far ahead; what does not fit is dropped
const FADE_MS = 5;
const EDGE_MS = 2; // an end or a beginning that nobody planned is rounded off, so that it does not click
const LEAST_MS = 20;
const MOST_MS = 200;
const LATE_MS = 200; // audio after a shorter gap was late; after a longer one the agent had paused

export class JitterBuffer {
  /** Of samples at `rate` Hertz. */
  constructor(rate) {
    this.rate = rate;
    this.ring = new Float32Array(CAPACITY_S * rate);
    this.read = 0;
    this.held = 0; // samples that wait
    this.position = 0; // of the next sample to sound, in samples of the call
    this.fade = []; // the end of what was cleared
    this.targetMs = LEAST_MS;
    this.playing = false;
    this.quiet = Infinity; // samples of silence since the last sound
    this.waited = 0; // samples for which the first that is held has waited
    this.gain = 0;
    this.last = 0;
    this.late = 0; // how often audio came too late
  }

  /** The next samples, 16 bit. */
  push(samples) {
    if (!this.held && !this.playing) this.#learn();
    const room = Math.min(samples.length, this.ring.length - this.held);
    for (let i = 0; i < room; i++) {
      this.ring[(this.read + this.held + i) % this.ring.length] = samples[i] / 32768;
    }
    this.held += room;
  }

  /** The sample that sounds next; silence when there is none. */
  pull() {
    if (this.fade.length) return (this.last = this.fade.pop());
    if (!this.playing && this.#mayBegin()) this.playing = true;
    if (this.playing && this.held) return this.#sound();
    if (this.playing) {
      this.playing = false;
      this.quiet = 0;
    }
    this.quiet += 1;
    this.gain = 0;
    return (this.last *= 1 - 1000 / (EDGE_MS * this.rate));
  }

  /** Fall silent within 5 ms. What comes next has position `keep`. */
  clear(keep) {
    const length = Math.min(this.held, Math.round((FADE_MS * this.rate) / 1000));
    const fade = [];
    if (this.playing) {
      for (let i = 0; i < length; i++) {
        fade.unshift(this.ring[(this.read + i) % this.ring.length] * this.gain * (1 - (i + 1) / length));
      }
    }
    this.fade = fade;
    this.held = 0;
    this.waited = 0;
    this.playing = false;
    this.quiet = Infinity;
    this.position = keep;
  }

  #sound() {
    const sample = this.ring[this.read];
    this.read = (this.read + 1) % this.ring.length;
    this.held -= 1;
    this.position += 1;
    this.waited = 0;
    this.gain = Math.min(1, this.gain + 1000 / (EDGE_MS * this.rate));
    return (this.last = sample * this.gain);
  }

  // What is shorter than the target still sounds, once it has waited as long.
  #mayBegin() {
    if (!this.held) return false;
    this.waited += 1;
    const target = (this.targetMs * this.rate) / 1000;
    return this.held >= target || this.waited >= target;
  }

  #learn() {
    const gapMs = (this.quiet * 1000) / this.rate;
    if (gapMs < LATE_MS) {
      this.late += 1;
      this.targetMs = Math.min(MOST_MS, this.targetMs + gapMs + 5);
    } else {
      this.targetMs = Math.max(LEAST_MS, this.targetMs * 0.9);
    }
  }
}
