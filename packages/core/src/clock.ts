// Time and randomness, injected so that tests can drive the engine of delivery with a virtual clock.

export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** A number in [0, 1), for jitter. */
  random(): number;
  /** Runs `callback` once after `delayMs`; returns the cancellation. */
  schedule(delayMs: number, callback: () => void): () => void;
  /** Runs `callback` in a task of its own, as soon as that can be. */
  defer(callback: () => void): void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  random: () => Math.random(),
  schedule(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
  defer: (callback) => {
    setImmediate(callback);
  },
};
