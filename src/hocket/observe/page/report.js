"use strict";
// Draws the two charts of the report from the JSON in #data. The page itself is readable without it.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const POINTS = 2000; // drawn for each waveform, whatever the zoom
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const element = (id) => document.getElementById(id);
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const narrow = () => innerWidth < 600;
  const config = { responsive: true, displayModeBar: false, displaylogo: false };
  const label = (turn) => `turn ${turn.turn}`;
  const plain = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const said = (turn) => (turn.latency === null ? turn.unmeasured : `${Math.round(turn.latency)} ms`);

  const unpack = (packed) => Int8Array.from(atob(packed), (c) => c.charCodeAt(0));
  const wave = data.wave && { bucket: data.wave.bucket, caller: unpack(data.wave.caller), agent: unpack(data.wave.agent) };
  const ends = data.turns.flatMap((turn) => turn.spans.map((span) => span[3]));
  const seconds = Math.max(1, wave ? (wave.caller.length / 2) * wave.bucket : 0, ...ends);
  let chosen = -1;
  let range = [0, seconds];

  // The lowest and highest value of each group of buckets that can be seen.
  function outline(side, from, to) {
    const count = side.length / 2;
    const first = Math.max(0, Math.floor(from / wave.bucket));
    const last = Math.min(count, Math.ceil(to / wave.bucket));
    const step = Math.max(1, Math.ceil((last - first) / (POINTS / 2)));
    const x = [], highs = [], lows = [];
    for (let at = first; at < last; at += step) {
      let low = 127, high = -128;
      for (let i = at; i < Math.min(at + step, last); i++) {
        low = Math.min(low, side[2 * i]);
        high = Math.max(high, side[2 * i + 1]);
      }
      x.push((at + step / 2) * wave.bucket);
      lows.push(low / 128);
      highs.push(high / 128);
    }
    return { x: [...x, ...x.reverse()], y: [...highs, ...lows.reverse()] };
  }

  function waveTrace(name, axis) {
    const tint = name === "agent" ? data.colours.playout : colour("--wave");
    return {
      ...outline(wave[name], ...range), name, yaxis: axis, type: "scatter", mode: "lines", hoverinfo: "skip",
      fill: "toself", fillcolor: tint, line: { width: 1, color: tint },
    };
  }

  const used = data.rows.filter((row) =>
    (row === "speech" && data.speech.length) || (row === "barge-in" && data.bargeIns.length) ||
    data.turns.some((turn) => turn.spans.some((span) => span[0] === row)));

  // One bar is [row, start, end, colour, opacity, words].
  function bars() {
    const found = data.speech.map(([start, end]) => ["speech", start, end, colour("--wave"), 1, "caller speaks"]);
    for (const [start, end, outcome] of data.bargeIns) {
      found.push(["barge-in", start, Math.max(end, start + 0.005), data.colours.unexplained, 1, `barge-in: ${outcome}`]);
    }
    for (const turn of data.turns) {
      for (const [row, start, first, end, how, detail] of turn.spans) {
        const tint = data.colours[row];
        const words = `${label(turn)}: ${row}${how === "ended" ? "" : ` (${how})`}${detail ? `<br>${plain(detail)}` : ""}`;
        const pale = how === "cancelled" && row !== "playout";
        const streams = (row === "llm" || row === "tts") && first !== null && !pale;
        if (streams) {
          found.push([row, start, first, tint, 1, `${words}<br>first after`]);
          found.push([row, first, Math.max(end, first), tint, 0.35, `${words}<br>streamed`]);
        } else {
          found.push([row, start, Math.max(end, start + 0.002), tint, pale ? 0.35 : 1, words]);
        }
      }
    }
    return found;
  }

  function barTrace() {
    const all = bars();
    return {
      type: "bar", orientation: "h", yaxis: "y", showlegend: false,
      y: all.map((b) => b[0]), base: all.map((b) => b[1]), x: all.map((b) => b[2] - b[1]),
      marker: { color: all.map((b) => b[3]), opacity: all.map((b) => b[4]), line: { width: 0 } },
      customdata: all.map((b) => `${b[5]} ${Math.round((b[2] - b[1]) * 1000)} ms`),
      hovertemplate: "%{customdata}<extra></extra>",
    };
  }

  function marks() {
    const turn = data.turns[chosen];
    if (!turn) return [];
    return [[turn.lastSpeech, "last speech"], [turn.commit, "commit"], [turn.audible, "audible"]]
      .filter(([at]) => at !== null)
      .map(([at, name], place) => ({
        type: "line", xref: "x", yref: "paper", x0: at, x1: at, y0: 0, y1: 1,
        line: { color: colour("--ink"), width: 1, dash: "dot" },
        label: { text: name, textangle: 0, textposition: "end", xanchor: place === 2 ? "left" : "right", yanchor: "top",
          font: { size: 11, color: colour("--ink") } },
      }));
  }

  const base = () => ({
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false,
    font: { color: colour("--ink"), family: "system-ui, sans-serif", size: 12 },
    hoverlabel: { align: "left" }, dragmode: "pan",
  });
  const axis = () => ({ gridcolor: colour("--line"), zerolinecolor: colour("--line"), linecolor: colour("--line") });
  const waveAxis = (domain, title) => ({
    ...axis(), domain, range: [-1, 1], fixedrange: true, showticklabels: false, showgrid: false,
    title: { text: title, font: { size: 12 }, standoff: 4 },
  });

  function drawTimeline() {
    const barsTop = wave ? 0.62 : 1;
    const traces = [barTrace()];
    const layout = {
      ...base(), height: (wave ? 230 : 60) + 26 * used.length, margin: { l: narrow() ? 62 : 80, r: 10, t: 6, b: 34 },
      barmode: "overlay", bargap: 0.25, shapes: marks(),
      xaxis: { ...axis(), range: [...range], ticksuffix: " s", anchor: "y", minallowed: -2, maxallowed: seconds + 2 },
      yaxis: { ...axis(), domain: [0, barsTop - 0.02], categoryorder: "array", categoryarray: [...used].reverse(), fixedrange: true,
        range: [-0.5, used.length - 0.5] },
    };
    if (wave) {
      traces.push(waveTrace("caller", "y3"), waveTrace("agent", "y2"));
      layout.yaxis2 = waveAxis([0.63, 0.8], "agent");
      layout.yaxis3 = waveAxis([0.81, 0.98], "caller");
    }
    Plotly.react("timeline", traces, layout, config);
  }

  function moved(event) {
    const from = event["xaxis.range[0]"] ?? event["xaxis.range"]?.[0];
    const to = event["xaxis.range[1]"] ?? event["xaxis.range"]?.[1];
    if (from === undefined) return;
    range = [Number(from), Number(to)];
    if (!wave) return;
    const caller = outline(wave.caller, ...range), agent = outline(wave.agent, ...range);
    Plotly.restyle("timeline", { x: [caller.x, agent.x], y: [caller.y, agent.y] }, [1, 2]);
  }

  function zoom(factor) {
    const middle = (range[0] + range[1]) / 2, half = ((range[1] - range[0]) / 2) * factor;
    Plotly.relayout("timeline", { "xaxis.range": [Math.max(-2, middle - half), Math.min(seconds + 2, middle + half)] });
  }

  function drawParts() {
    const shown = data.turns.filter((turn) => turn.parts.length);
    const byName = new Map();
    for (const turn of shown) {
      let at = 0;
      for (const [name, ms] of turn.parts) {
        if (!byName.has(name)) byName.set(name, { y: [], x: [], base: [] });
        const trace = byName.get(name);
        trace.y.push(label(turn)); trace.x.push(ms); trace.base.push(at);
        at += ms;
      }
    }
    const traces = [...byName].map(([name, trace]) => ({
      ...trace, name, type: "bar", orientation: "h", marker: { color: data.colours[name] },
      hovertemplate: `%{y}: ${name} %{x:.0f} ms<extra></extra>`,
    }));
    const lines = Object.entries(data.percentiles).filter(([, ms]) => ms !== null).map(([name, ms]) => ({
      type: "line", xref: "x", yref: "paper", x0: ms, x1: ms, y0: 0, y1: 1, line: { color: colour("--ink"), width: 1, dash: "dot" },
      label: { text: name, textangle: 0, textposition: "end", yanchor: "bottom", font: { size: 11, color: colour("--ink") } },
    }));
    Plotly.react("parts", traces, {
      ...base(), barmode: "overlay", bargap: 0.2, shapes: lines, dragmode: false,
      height: 70 + shown.length * (shown.length > 30 ? 16 : 22), margin: { l: narrow() ? 62 : 80, r: 16, t: 22, b: 34 },
      xaxis: { ...axis(), ticksuffix: " ms", rangemode: "tozero", fixedrange: true },
      yaxis: { ...axis(), autorange: "reversed", type: "category", fixedrange: true, tickfont: { size: shown.length > 30 ? 10 : 12 },
        categoryorder: "array", categoryarray: shown.map(label) },
    }, config);
    return shown;
  }

  function choose(place) {
    chosen = place;
    const turn = data.turns[place];
    element("turn").value = String(place);
    element("previous").disabled = place <= 0;
    element("next").disabled = place >= data.turns.length - 1;
    const path = element("path"), line = element("chosen");
    path.replaceChildren();
    line.textContent = "";
    if (turn) {
      const from = turn.lastSpeech ?? turn.commit;
      const to = turn.audible ?? turn.commit;
      range = [Math.max(-1, from - 0.35), Math.max(to + 0.35, from + 1.1)];
      const words = turn.parts.map(([name, ms]) => `${name} ${Math.round(ms)}`).join(" + ");
      line.textContent = `“${turn.text}” ${words ? `${words} = ` : ""}${said(turn)}`;
      for (const [name, ms] of turn.parts) {
        const part = document.createElement("span");
        part.style.flexGrow = ms;
        part.style.background = data.colours[name];
        part.title = `${name} ${Math.round(ms)} ms`;
        path.append(part);
      }
    } else {
      range = [0, seconds];
      line.textContent = `The whole call: ${data.turns.length} turns in ${Math.round(seconds)} s.`;
    }
    drawTimeline();
  }

  function fillControls() {
    const select = element("turn");
    select.add(new Option("the whole call", "-1"));
    data.turns.forEach((turn, place) => {
      const words = turn.text.length > 50 ? `${turn.text.slice(0, 49)}…` : turn.text;
      select.add(new Option(`${turn.turn}: ${words} (${turn.latency === null ? "not measured" : said(turn)})`, String(place)));
    });
    select.onchange = () => choose(Number(select.value));
    element("previous").onclick = () => choose(chosen - 1);
    element("next").onclick = () => choose(chosen + 1);
    element("closer").onclick = () => zoom(0.5);
    element("wider").onclick = () => zoom(2);
    for (const line of document.querySelectorAll("li[data-turn]")) {
      line.onclick = () => {
        choose(data.turns.findIndex((turn) => String(turn.turn) === line.dataset.turn));
        element("timeline-head").scrollIntoView({ behavior: "smooth" });
      };
    }
    const names = new Set(data.turns.flatMap((turn) => turn.parts.map(([name]) => name)));
    for (const name of Object.keys(data.colours).filter((known) => names.has(known))) {
      const item = document.createElement("li"), dot = document.createElement("i");
      dot.style.background = data.colours[name];
      item.append(dot, name);
      element("legend").append(item);
    }
  }

  fillControls();
  const shown = drawParts();
  choose(data.turns.length ? Math.max(0, data.turns.findIndex((turn) => turn.latency !== null)) : -1);
  element("timeline").on("plotly_relayout", moved);
  element("parts").on("plotly_click", (event) => {
    choose(data.turns.indexOf(shown.find((turn) => label(turn) === event.points[0].y)));
    element("timeline-head").scrollIntoView({ behavior: "smooth" });
  });
  dark.addEventListener("change", () => { drawParts(); drawTimeline(); });
})();
