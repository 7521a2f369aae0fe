// Waits for something to become true, so that no test sleeps for a fixed time.

export interface EventuallyOptions {
  /** Default 30,000 ms: a machine that others share may stand still for seconds. */
  readonly timeoutMs?: number;
  /** Pause between two tries. Default 20 ms. */
  readonly intervalMs?: number;
}

/** A count of 0 is as much "not yet" as false is. */
type Falsy = undefined | null | false | 0 | "";

/** Repeats `check` until it neither throws nor returns anything falsy; rejects with its last failure. */
export async function eventually<Result>(
  check: () => Result | Promise<Result>,
  { timeoutMs = 30_000, intervalMs = 20 }: EventuallyOptions = {},
): Promise<Exclude<Result, Falsy>> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    let failure: unknown;
    try {
      const result = await check();
      if (result) {
        return result as Exclude<Result, Falsy>;
      }
      failure = new Error(`still ${String(result)}`);
    } catch (error) {
      failure = error;
    }
    if (Date.now() > deadline) {
      throw new Error(
        `Not true within ${timeoutMs} ms: ${failure instanceof Error ? failure.message : String(failure)}`,
        {
          cause: failure,
        },
      );
    }
    await new Promise((resolve) => setTimeout(resolve, intervalMs));
  }
}
