// How loud both sides are, at the pace of the screen.

const FALL = 0.85; // of the level is left a frame later: quick up, slow down

export class Meters {
  #elements;
  #shown = { caller: 0, agent: 0 };
  #levels = null;

  /** `elements` {caller, agent, orb} take the level as the custom property --level, 0 to 1. */
  constructor(elements) {
    this.#elements = elements;
  }

  /** `levels` gives {caller, agent}. */
  start(levels) {
    const idle = !this.#levels;
    this.#levels = levels;
    if (idle) this.#draw();
  }

  stop() {
    this.#levels = null;
    this.#show({ caller: 0, agent: 0 });
  }

  #draw = () => {
    if (!this.#levels) return;
    const now = this.#levels();
    this.#show({
      caller: Math.max(now.caller, this.#shown.caller * FALL),
      agent: Math.max(now.agent, this.#shown.agent * FALL),
    });
    requestAnimationFrame(this.#draw);
  };

  #show(levels) {
    this.#shown = levels;
    const { caller, agent, orb } = this.#elements;
    caller.style.setProperty("--level", levels.caller.toFixed(3));
    agent.style.setProperty("--level", levels.agent.toFixed(3));
    orb.style.setProperty("--level", Math.max(levels.caller, levels.agent).toFixed(3));
  }
}
