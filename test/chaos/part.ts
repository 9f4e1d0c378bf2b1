/**
 * Owns the words that the actors of random kills share with the main thread: one buffer for each actor, and one for all actors of a round. Imports nothing.
 */

/** One actor's own words. */
export const enum Part {
  STATE = 0, // written by the actor
  STARTING = 0,
  READY = 1, // waits for its round
  ACTING = 2,
  PAUSED = 3,
  FAILED = 4, // has seen something that must not be; the text says what
  GO = 1, // raised by the main thread, once the round was posted
  /** How it is to die by itself, FATE_NONE = not, and after how many places where it may: written by the main thread. */
  FATE = 2,
  FATE_NONE = 0,
  FATE_EXIT = 1,
  FATE_THROW = 2,
  FATE_MEMORY = 3,
  COUNTDOWN = 3,
  ACTIONS = 4, // actions begun
  ENTRIES = 5, // in its record, see deeds.ts
  TEXT_BYTES = 6,
  SLOT = 7, // thread slot + 1
  PAUSE_SEEN = 8, // the number of the pause that it rests in, or rested in last
  TEXT = 16,
  TEXT_WORDS = 512,
  RECORD = TEXT + TEXT_WORDS,
  RECORD_WORDS = 6 * 6000,
  WORDS = RECORD + RECORD_WORDS,
}

/** What all actors of a round share. */
export const enum Scene {
  PAUSE = 0, // 1 while all actors are to rest
  CLOCK = 1, // stamps of the records
  SERIAL = 2, // the next life
  BALLAST = 3, // the next number to put ballast on
  PAUSES = 4, // pauses so far, raised before PAUSE is set
  /** Behind the words: how often the destructor of each serial number ran, one byte each. */
  WORDS = 16,
  LIVES = 2 ** 21,
  BYTES = WORDS * 4 + LIVES,
}
