// The stages of a turn, in the order and with the names of hocket's reports; `style.css` has their colours.

export const ROWS = [
  "vad", "silence", "turn", "confirm", "stt", "retrieval", "connect", "llm", "tts", "tool", "filler", "playout",
];

/** What each part is, for people who meet it for the first time. */
export const MEANING = {
  vad: "noticing that you fell silent",
  silence: "waiting whether you go on",
  turn: "hearing whether that was the end",
  confirm: "making sure that you have finished",
  transcript: "waiting for the transcript",
  stt: "transcribing the rest",
  retrieval: "looking things up",
  connect: "connecting to a provider",
  llm: "the model's first words",
  segment: "words enough to speak",
  tts: "the voice's first sound",
  tool: "a tool at work",
  filler: "a word to bridge the wait",
  gate: "holding the answer until the turn was over",
  playout: "on the way to your ear",
  unexplained: "not accounted for",
};

/** Milliseconds as `412 ms`, or as seconds from 10 s on; a dash when there are none. */
export function milliseconds(ms) {
  if (ms === null || ms === undefined) return "–";
  return ms < 10000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** An element with a class, and text or children. */
export function element(name, className, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}
