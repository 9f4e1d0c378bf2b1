/**
 * Owns the words by which one puppet (puppet.ts) is led and tells how far it is: a buffer shared by the puppet and its master. Imports nothing.
 */
export const enum Berth {
  /** What the puppet is at; written by the puppet. */
  STATE = 0,
  STARTING = 0,
  READY = 1, // waits for an order
  RUNNING = 2,
  PARKED = 3, // stands at the step it was to stop at
  DONE = 4, // has done the last order and waits for the next
  FAILED = 5, // the last order threw; it waits for the next
  /** Number of the newest order; raised by the master after the order was posted. */
  ORDER = 1,
  /** Raised by the master to let a parked puppet go on. */
  RESUME = 2,
  /** Step to stop at, 0 = none, and at which of its hits; written by the master before an order. */
  STEP = 3,
  HIT = 4,
  /** What to do there. */
  FATE = 5,
  FATE_PARK = 0, // wait, to be resumed or killed
  FATE_EXIT = 1, // process.exit()
  FATE_THROW = 2, // an error that ends the thread
  /** 1 while hits are counted from HITS on. */
  RECORDING = 6,
  /** Length in bytes of the answer to the last order: text from ANSWER on. */
  ANSWER_BYTES = 7,
  /** Thread slot of the store that it is attached to + 1, 0 = none. */
  SLOT = 8,
  ANSWER = 16,
  ANSWER_WORDS = 16384,
  HITS = ANSWER + ANSWER_WORDS,
  HITS_WORDS = 1024,
  WORDS = HITS + HITS_WORDS,
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Puts a text where the other side reads it. */
export function writeAnswer(words: Int32Array, text: string): void {
  const bytes = encoder.encode(text).subarray(0, Berth.ANSWER_WORDS * 4);
  new Uint8Array(words.buffer, Berth.ANSWER * 4, bytes.length).set(bytes);
  words[Berth.ANSWER_BYTES] = bytes.length;
}

export function readAnswer(words: Int32Array): string {
  return decoder.decode(new Uint8Array(words.buffer, Berth.ANSWER * 4, words[Berth.ANSWER_BYTES]).slice());
}
