// All turns of the call so far: percentiles, what made the long ones long, what speculation saved and wasted.

import { element, milliseconds } from "./rows.js";

export class Summary {
  #container;

  constructor(container) {
    this.#container = container;
  }

  show(summary) {
    this.#container.replaceChildren(tiles(summary), ...lines(summary));
  }

  clear() {
    this.#container.replaceChildren();
  }
}

function tiles({ response_latency: spread, turns }) {
  const list = element("dl", "tiles");
  const shown = [["p50", "Typical"], ["p90", "90 % within"], ["p95", "95 % within"], ["p99", "99 % within"]];
  for (const [name, meaning] of shown) {
    const value = spread[name];
    const number = element("dd", value === null ? "none" : "", value === null ? "–" : milliseconds(value));
    const tile = element("div", "", element("dt", "", meaning), number);
    tile.dataset.percentile = name;
    list.append(tile);
  }
  list.title = `of ${turns} ${turns === 1 ? "turn" : "turns"}, from your last sound to the agent's first (p50, p90, p95, p99); a dash: too few turns to tell`;
  return list;
}

function lines(summary) {
  const { long_turns: long, tail, speculation_hits: hits, speculation_misses: misses } = summary;
  const found = [];
  if (long) {
    const causes = tail.map(({ cause, turns }) => `${cause} ${turns}×`).join(", ");
    found.push(["Long turns", `${long} over 500 ms${causes ? `: ${causes}` : ""}`]);
  }
  if (hits || misses) {
    const wasted = summary.wasted_tokens ? `, ${summary.wasted_tokens} tokens and ${summary.wasted_characters} spoken characters for nothing` : "";
    found.push(["Begun early", `${hits} used, ${misses} dropped: saved ${milliseconds(summary.saved_ms)}${wasted}`]);
  }
  const first = summary.endpoint_to_first_byte.p50;
  if (first !== null) found.push(["Turn's end to first audio", `${milliseconds(first)} (p50)`]);
  if (!found.length) return [];
  const list = element("dl", "facts");
  for (const [name, value] of found) list.append(element("div", "", element("dt", "", name), element("dd", "", value)));
  return [list];
}
