// Why there is no call, as a sentence for whoever wants to talk.

export class CallError extends Error {
  /**
   * `kind` is one of: "insecure", "unsupported", "microphone-denied", "microphone-missing", "microphone-busy",
   * "unreachable" (no answer), "refused" (an answer, and it is no), "lost" (the connection broke off for too long).
   * `retryAfterS`: when trying again may help, in seconds; null when it does not.
   */
  constructor(kind, sentence, retryAfterS = null) {
    super(sentence);
    this.name = "CallError";
    this.kind = kind;
    this.retryAfterS = retryAfterS;
  }
}
