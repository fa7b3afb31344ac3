// What the connections of calls have in common, whatever carries them.

export const ANSWER_MS = 10000; // from dialling to `welcome`

/** One connection. Every kind has `open`, `send`, `clear`, `cut` and `close` too: see `WebSocketLine`. */
export class Line {
  /** `sound` is the caller's `Sound`. */
  constructor(sound) {
    this.sound = sound;
    /** Has the call been welcomed, and not ended? */
    this.isOpen = false;
    /** Called with every message but the first. */
    this.onmessage = () => {};
    /** Called once when the connection breaks off, and not after `close`; `true`: it was taken over by another. */
    this.onlost = () => {};
  }

  /** Treat the connection as lost, for example because the device went offline. */
  drop(elsewhere = false) {
    const open = this.isOpen;
    this.close();
    if (open) this.onlost(elsewhere);
  }
}
