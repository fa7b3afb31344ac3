// Every turn as bars on a time axis: the newest in full, the others as a strip to choose from.

import { MEANING, ROWS, element, milliseconds } from "./rows.js";

const STRIPS = 200; // turns that can be chosen; the oldest make room
const BEFORE_MS = 350; // shown of the time before the last speech
const AFTER_MS = 120; // shown of the time after the answer began
const LABEL_MS = [50, 100, 200, 500, 1000, 2000, 5000, 10000];

export class Waterfall {
  #turns = new Map();
  #chosen = null; // a number; null follows the newest
  #detail = element("figure", "turn");
  #strips = element("ol", "strips");
  #earlier = element("h3", "", "Turns");

  constructor(container) {
    container.append(this.#detail, this.#earlier, this.#strips);
    this.#earlier.hidden = true;
  }

  /** A new turn, or what has become of one that was shown. */
  show(turn) {
    this.#turns.set(turn.number, turn);
    const old = this.#strips.querySelector(`[data-turn="${turn.number}"]`);
    const strip = this.#strip(turn);
    if (old) old.replaceWith(strip);
    else this.#strips.prepend(strip);
    while (this.#turns.size > STRIPS) this.#forget(this.#turns.keys().next().value);
    this.#scale();
    this.#earlier.hidden = this.#turns.size < 2;
    this.#draw();
  }

  clear() {
    this.#turns.clear();
    this.#chosen = null;
    this.#earlier.hidden = true;
    this.#detail.replaceChildren();
    this.#strips.replaceChildren();
  }

  #forget(number) {
    this.#turns.delete(number);
    this.#strips.querySelector(`[data-turn="${number}"]`)?.remove();
    if (this.#chosen === number) this.#chosen = null;
  }

  #draw() {
    const newest = Math.max(...this.#turns.keys());
    const number = this.#chosen ?? newest;
    this.#detail.replaceChildren(...detail(this.#turns.get(number)));
    for (const strip of this.#strips.children) {
      strip.firstChild.setAttribute("aria-pressed", String(Number(strip.dataset.turn) === number));
    }
  }

  #strip(turn) {
    const path = element("span", "path", ...turn.path.map((part) => grown(part)));
    const words = element("span", "words", turn.caller || "(no words)");
    const said = element("span", "ms", milliseconds(turn.response_latency_ms));
    const button = element("button", "", element("span", "number", String(turn.number)), words, path, said);
    button.type = "button";
    button.onclick = () => {
      this.#chosen = turn.number === Math.max(...this.#turns.keys()) ? null : turn.number;
      this.#draw();
    };
    const item = element("li", "", button);
    item.dataset.turn = turn.number;
    return item;
  }

  // All strips on one scale, so that a long turn looks long.
  #scale() {
    const longest = Math.max(1, ...[...this.#turns.values()].map((turn) => turn.response_latency_ms ?? 0));
    for (const item of this.#strips.children) {
      const share = (this.#turns.get(Number(item.dataset.turn)).response_latency_ms ?? 0) / longest;
      item.querySelector(".path").style.setProperty("--share", share.toFixed(4));
    }
  }
}

function detail(turn) {
  const latency = turn.response_latency_ms;
  const words = element("span", "", element("span", "quiet", `Turn ${turn.number} `), element("q", "", turn.caller || "…"));
  const head = element("figcaption", "", words, element("strong", "", latency === null ? "not measured" : milliseconds(latency)));
  const chart = element("div", "chart");
  chart.setAttribute("role", "img");
  chart.setAttribute("aria-label", inWords(turn));
  const axis = new Axis(turn);
  for (const row of ROWS.filter((name) => turn.bars.some((bar) => bar.row === name))) {
    const track = element("div", "track", ...turn.bars.filter((bar) => bar.row === row).flatMap((bar) => axis.strokes(bar)));
    chart.append(element("span", "row", row), track);
  }
  chart.append(element("span", "row"), axis.labels());
  for (const mark of axis.marks(turn)) chart.append(mark);
  const path = element("div", "path", ...turn.path.map((part) => grown(part)));
  path.setAttribute("aria-hidden", "true");
  return [head, chart, path, sum(turn), ...notes(turn)];
}

/** Milliseconds to shares of the width. */
class Axis {
  constructor(turn) {
    const bars = turn.bars.filter((bar) => bar.row !== "playout" && bar.end_ms >= -BEFORE_MS);
    const to = Math.max(200, turn.response_latency_ms ?? 0, ...bars.map((bar) => bar.first_ms ?? bar.start_ms));
    this.from = Math.max(-BEFORE_MS, Math.min(-40, ...bars.map((bar) => bar.start_ms - 20)));
    this.to = to + AFTER_MS;
  }

  at(ms) {
    return Math.min(1, Math.max(0, (ms - this.from) / (this.to - this.from)));
  }

  // What was waited for is in full colour; what streamed on, or was dropped, is pale.
  strokes(bar) {
    if (bar.start_ms >= this.to || bar.end_ms < this.from) return [];
    const what = `${bar.row}${bar.how === "ended" ? "" : ` (${bar.how})`}${bar.detail ? `: ${bar.detail}` : ""}`;
    const pale = bar.how === "cancelled" && bar.row !== "playout";
    const streams = (bar.row === "llm" || bar.row === "tts") && bar.first_ms !== null && bar.first_ms !== undefined;
    if (!streams || pale) return [this.stroke(bar.row, bar.start_ms, bar.end_ms, what, pale)];
    const first = this.stroke(bar.row, bar.start_ms, bar.first_ms, `${what} – first after`, false);
    if (bar.end_ms <= bar.first_ms) return [first];
    return [first, this.stroke(bar.row, bar.first_ms, bar.end_ms, `${what} – streamed`, true)];
  }

  stroke(row, start, end, what, pale) {
    const made = element("i", `bar ${row}${pale ? " pale" : ""}`);
    made.style.setProperty("--from", this.at(start).toFixed(4));
    made.style.setProperty("--to", this.at(end).toFixed(4));
    made.title = `${what} ${milliseconds(end - start)}`;
    return made;
  }

  labels() {
    const span = this.to - this.from;
    const step = LABEL_MS.find((ms) => span / ms <= 7) ?? 20000;
    const track = element("div", "track labels");
    for (let ms = 0; ms < this.to - step / 4; ms += step) {
      const label = element("span", "", ms === 0 ? "0 ms" : String(ms));
      label.style.setProperty("--from", this.at(ms).toFixed(4));
      track.append(label);
    }
    return track;
  }

  marks(turn) {
    const found = [[0, "you fell silent"]];
    if (turn.response_latency_ms !== null) found.push([turn.response_latency_ms, "you hear the answer"]);
    return found.map(([ms, what]) => {
      const mark = element("div", "mark");
      mark.style.setProperty("--from", this.at(ms).toFixed(4));
      mark.title = what;
      return mark;
    });
  }
}

function grown(part) {
  const made = element("i", `bar ${part.name}`);
  made.style.flexGrow = String(Math.max(part.ms, 0));
  made.title = `${part.name} ${milliseconds(part.ms)}: ${MEANING[part.name] ?? ""}`;
  return made;
}

function sum(turn) {
  const list = element("ul", "parts");
  for (const part of turn.path) {
    if (Math.round(part.ms) === 0) continue;
    const item = element("li", "", element("i", `bar ${part.name}`), `${part.name} `, element("b", "", milliseconds(part.ms)));
    item.title = MEANING[part.name] ?? "";
    list.append(item);
  }
  return list;
}

function notes(turn) {
  const found = [];
  if (turn.speculation === "hit") found.push(`The answer was begun before you had finished; that saved ${milliseconds(turn.saved_ms)}.`);
  if (turn.speculation === "miss") found.push("An answer was begun early and thrown away, because you went on.");
  if (turn.cause) found.push(`Longer than usual, most of all by ${turn.cause}.`);
  return found.length ? [element("p", "quiet", found.join(" "))] : [];
}

function inWords(turn) {
  const latency = turn.response_latency_ms;
  const parts = turn.path.map((part) => `${part.name} ${milliseconds(part.ms)}`).join(", ");
  return latency === null ? `Turn ${turn.number}: not measured.` : `Turn ${turn.number}: answered after ${milliseconds(latency)}. ${parts}.`;
}
