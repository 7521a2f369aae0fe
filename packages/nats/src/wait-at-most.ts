// Waits for something that may never come, such as a flush over a connection that is down, and no longer than said.

export async function waitAtMost(timeoutMs: number, awaited: Promise<unknown>): Promise<void> {
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, timeoutMs);
  try {
    await Promise.race([awaited, over]);
  } finally {
    clearTimeout(timer);
  }
}
