// The talk page: one call at a time, and what can be seen of it.

import { Call, CallError } from "./hocket.js";
import { Captions } from "./captions.js";
import { Indicator } from "./indicator.js";
import { Keypad } from "./keypad.js";
import { Meters } from "./meters.js";
import { Notice } from "./notice.js";
import { Summary } from "./summary.js";
import { Waterfall } from "./waterfall.js";

const NEWS_S = 6; // long enough to read a sentence

const find = (id) => document.getElementById(id);
const talk = find("talk");
const mute = find("mute");
const transport = find("transport");
const captions = new Captions(find("captions"));
const indicator = new Indicator(find("orb"), find("state"), find("clock"));
const keypad = new Keypad(find("keypad"), find("keys"), (digit) => call?.press(digit));
const meters = new Meters({ caller: find("caller-level"), agent: find("agent-level"), orb: find("orb") });
const notice = new Notice(find("notice"));
const summary = new Summary(find("summary"));
const waterfall = new Waterfall(find("waterfall"));

let call = null; // while it is not over
let state = "listening";

function start() {
  captions.clear();
  summary.clear();
  waterfall.clear();
  notice.hide();
  state = "listening";
  call = new Call({ transport: transport.querySelector("input:checked").value });
  const on = (type, then) => call.addEventListener(type, ({ detail }) => then(detail));
  on("status", ({ status }) => showStatus(status));
  on("fallback", ({ reason }) => notice.news(`${reason} This call uses a WebSocket instead.`, NEWS_S));
  on("over", over);
  on("welcome", welcomed);
  on("state", (message) => indicator.show((state = message.state)));
  on("caption", (message) => showCaption(message));
  on("turn", (turn) => (mark("turns"), waterfall.show(turn)));
  on("summary", (message) => summary.show(message));
  call.start().catch((error) => {
    if (!(error instanceof CallError)) throw error; // CallErrors have been told by "over"
  });
}

function showStatus(status) {
  const before = document.body.dataset.status;
  document.body.dataset.status = status;
  const live = status !== "over";
  const open = status === "open" || status === "reconnecting";
  talk.querySelector("span").textContent = live ? "Hang up" : "Call again";
  mute.disabled = !open;
  keypad.enable(open);
  transport.disabled = live;
  if (status === "over" && !["open", "reconnecting"].includes(before)) indicator.show("none");
  else indicator.show(status === "open" ? state : status);
  if (status === "reconnecting") notice.news("The connection broke off. Reconnecting … the call waits for you.");
  if (status === "open" && before === "reconnecting") notice.news("The connection is back. The call goes on.", NEWS_S);
}

function welcomed(welcome) {
  const name = welcome.agent;
  if (name) find("who").textContent = name;
  if (name) document.title = `${name} · hocket`;
  find("connection").textContent = call.transport === "webrtc" ? "WebRTC" : "WebSocket";
  transport.querySelector(`[value=${call.transport}]`).checked = true; // what worked is tried first the next time
  indicator.startClock();
  meters.start(() => call?.levels() ?? { caller: 0, agent: 0 });
}

function showCaption(message) {
  mark("words");
  captions.show(message);
}

// The style hides the empty states once there is something.
function mark(what) {
  document.body.classList.add(`has-${what}`);
}

function over({ reason, error }) {
  call = null;
  showMuted(false);
  meters.stop();
  indicator.stopClock();
  find("connection").textContent = "";
  if (error) notice.error(reason, error.retryAfterS ?? 0);
  else notice.news(reason);
}

function showMuted(muted) {
  mute.setAttribute("aria-pressed", String(muted));
  mute.querySelector("span").textContent = muted ? "Muted" : "Mute";
}

function toggleMute() {
  if (!call || mute.disabled) return;
  call.muted = !call.muted;
  showMuted(call.muted);
}

talk.onclick = () => (call ? call.hangUp() : start());
mute.onclick = toggleMute;

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.key === "m" || event.key === "M") toggleMute();
  else if (call && /^[0-9*#]$/.test(event.key)) call.press(event.key);
});

addEventListener("pagehide", () => call?.hangUp());

if (typeof RTCPeerConnection !== "function") {
  const [webrtc, websocket] = transport.querySelectorAll("input");
  webrtc.disabled = true;
  websocket.checked = true;
}
