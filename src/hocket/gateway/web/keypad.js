// The keys of a telephone, for menus and numbers.

const KEYS = "123456789*0#";

export class Keypad {
  #box;
  #opener;

  /** `onpress(digit)`. */
  constructor(box, opener, onpress) {
    this.#box = box;
    this.#opener = opener;
    for (const key of KEYS) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = key;
      button.setAttribute("aria-label", { "*": "star", "#": "hash" }[key] ?? key);
      button.onclick = () => onpress(key);
      box.append(button);
    }
    opener.onclick = () => this.#show(box.hidden);
  }

  /** Whether there is a call to press keys in. */
  enable(on) {
    this.#opener.disabled = !on;
    if (!on) this.#show(false);
  }

  #show(on) {
    this.#box.hidden = !on;
    this.#opener.setAttribute("aria-expanded", String(on));
  }
}
