// Waits for something that may never come, such as a flush over a connection that is down, and no longer than said.

/** True when it came; false when time ran out or it failed: a connection that breaks while it is left is left all the same. */
export async function waitAtMost(timeoutMs: number, awaited: Promise<unknown>): Promise<boolean> {
  const { promise: over, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), timeoutMs);
  try {
    return await Promise.race([
      awaited.then(
        () => true,
        () => false,
      ),
      over,
    ]);
  } finally {
    clearTimeout(timer);
  }
}
