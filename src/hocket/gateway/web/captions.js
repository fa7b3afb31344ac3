// The conversation as text: of one utterance each caption replaces the one before, until one is final.

const NEAR_END_PX = 80;

export class Captions {
  #list;
  #open = { caller: null, agent: null };

  constructor(list) {
    this.#list = list;
  }

  show({ who, text, final, interrupted = false }) {
    const follows = this.#atEnd();
    const line = this.#open[who] ?? this.#begin(who, text);
    if (!line) return;
    line.querySelector("span").textContent = text;
    line.classList.toggle("interim", !final);
    line.querySelector("em").hidden = !interrupted;
    this.#open[who] = final ? null : line;
    if (final && !text) line.remove();
    if (follows) this.#list.scrollTop = this.#list.scrollHeight;
  }

  clear() {
    this.#list.replaceChildren();
    this.#open = { caller: null, agent: null };
  }

  #begin(who, text) {
    if (!text) return null;
    const line = document.createElement("li");
    line.className = who;
    const name = document.createElement("b");
    name.textContent = who === "caller" ? "You" : "Agent";
    const cut = document.createElement("em");
    cut.textContent = "interrupted";
    cut.hidden = true;
    line.append(name, document.createElement("span"), cut);
    this.#list.append(line);
    return line;
  }

  // Who has scrolled up to read is left there.
  #atEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.#list;
    return scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
  }
}
