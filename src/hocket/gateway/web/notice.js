// A sentence that somebody has to read: an error, or what has changed.

const SAID_BY_SERVER = / *Try again in [\d.]+ s\.$/; // the count-down says it

export class Notice {
  #box;
  #timer = 0;

  constructor(box) {
    this.#box = box;
  }

  /** With `waitS` it counts down the seconds until trying again may help. */
  error(sentence, waitS = 0) {
    this.#show(waitS > 0 ? sentence.replace(SAID_BY_SERVER, "") : sentence, "error");
    if (waitS > 0) this.#countDown(Math.ceil(waitS));
  }

  /** It goes away after `forS` seconds. */
  news(sentence, forS = Infinity) {
    this.#show(sentence, "news");
    if (forS < Infinity) this.#timer = setTimeout(() => this.hide(), forS * 1000);
  }

  #show(sentence, tone) {
    this.hide();
    this.#box.dataset.tone = tone;
    this.#box.textContent = sentence;
    this.#box.hidden = false;
  }

  hide() {
    clearTimeout(this.#timer); // an interval is ended by it too
    this.#box.hidden = true;
    this.#box.textContent = "";
  }

  #countDown(seconds) {
    const rest = document.createElement("span");
    rest.setAttribute("aria-hidden", "true"); // read out once, with the sentence, not every second
    this.#box.append(" ", rest);
    const show = () => (rest.textContent = seconds > 0 ? `Try again in ${seconds} s.` : "Try again now.");
    show();
    this.#timer = setInterval(() => {
      seconds -= 1;
      show();
      if (seconds <= 0) clearInterval(this.#timer);
    }, 1000);
  }
}
