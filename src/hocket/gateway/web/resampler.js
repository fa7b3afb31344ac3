// Band-limited resampling between any two rates, sample by sample: take what comes in, give what is due.

const LOBES = 16; // zero crossings of the filter on each side
const PHASES = 128; // between two input samples; what lies between two phases is interpolated
const PASS = 0.92; // of the lower rate's band

export class Resampler {
  /** From one rate to another, both in Hertz. */
  constructor(from, to) {
    this.step = from / to;
    const band = Math.min(1, to / from) * PASS;
    this.half = Math.ceil(LOBES / band);
    this.taps = filter(this.half, band);
    this.history = new Float32Array(4 * this.half); // every sample twice, so that a window is always contiguous
    this.at = 0;
    this.phase = 1;
  }

  /** How far the output is behind the input, in input samples. */
  get delay() {
    return this.half;
  }

  /** Whether an output sample can be made of what was taken. */
  get ready() {
    return this.phase < 1;
  }

  take(sample) {
    const size = 2 * this.half;
    this.history[this.at] = this.history[this.at + size] = sample;
    this.at = (this.at + 1) % size;
    this.phase -= 1;
  }

  /** The next output sample; only when `ready`. */
  next() {
    const size = 2 * this.half;
    const place = this.phase * PHASES;
    const low = Math.floor(place);
    const share = place - low;
    const first = low * size;
    let sum = 0;
    for (let i = 0; i < size; i++) {
      const tap = this.taps[first + i];
      sum += this.history[this.at + i] * (tap + share * (this.taps[first + size + i] - tap));
    }
    this.phase += this.step;
    return sum;
  }
}

// A Hann-windowed sinc for each phase, each normalised to a gain of one.
function filter(half, band) {
  const size = 2 * half;
  const taps = new Float32Array((PHASES + 1) * size);
  for (let phase = 0; phase <= PHASES; phase++) {
    let sum = 0;
    for (let i = 0; i < size; i++) {
      const x = i - half + 1 - phase / PHASES;
      const angle = Math.PI * band * x;
      const sinc = angle === 0 ? 1 : Math.sin(angle) / angle;
      const window = Math.abs(x) < half ? 0.5 + 0.5 * Math.cos((Math.PI * x) / half) : 0;
      taps[phase * size + i] = sinc * window;
      sum += sinc * window;
    }
    for (let i = 0; i < size; i++) taps[phase * size + i] /= sum;
  }
  return taps;
}
