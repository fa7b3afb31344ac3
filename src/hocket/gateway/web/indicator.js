// What is going on, in a word and as the orb's manner.

const WORDS = {
  idle: "Ready when you are",
  asking: "Asking for your microphone",
  connecting: "Connecting",
  listening: "Listening",
  thinking: "Thinking",
  speaking: "Speaking",
  reconnecting: "Reconnecting",
  over: "The call is over",
  none: "There is no call",
};

export class Indicator {
  #orb;
  #word;
  #clock;
  #began = 0;
  #timer = 0;

  constructor(orb, word, clock) {
    this.#orb = orb;
    this.#word = word;
    this.#clock = clock;
  }

  /** One of the words above. */
  show(state) {
    this.#orb.dataset.state = state;
    const words = WORDS[state] ?? WORDS.idle;
    if (this.#word.textContent !== words) this.#word.textContent = words;
  }

  startClock() {
    if (this.#timer) return;
    this.#began = performance.now();
    this.#clock.textContent = "0:00";
    this.#timer = setInterval(() => {
      const seconds = Math.floor((performance.now() - this.#began) / 1000);
      this.#clock.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    }, 1000);
  }

  stopClock() {
    clearInterval(this.#timer);
    this.#timer = 0;
  }
}
