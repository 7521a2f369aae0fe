import { describe, expect, test, vi } from "vitest";
import { ExpectedError, PermanentError } from "./failure-kind.ts";
import { handlingScope } from "./handling-scope.ts";
import { definePolicy, policies } from "./policy.ts";

const quick = { attempts: 3, initialDelayMs: 1, maxDelayMs: 2 };
const failing = () => vi.fn(() => Promise.reject(new Error("down")));
const codeOf = (promise: Promise<unknown>) => promise.then(undefined, (error: { code?: string }) => error.code);

describe("an outgoing call", () => {
  test("is tried as often as the policy says, and rejects with the last error", async () => {
    const call = failing();
    await expect(definePolicy({ retry: quick }).execute(call)).rejects.toThrow("down");
    expect(call).toHaveBeenCalledTimes(3);
  });

  test("is tried once inside a handler, whose own attempts follow", async () => {
    const call = failing();
    const inside = handlingScope.run({ signal: new AbortController().signal }, () =>
      definePolicy({ retry: quick }).execute(call),
    );
    await expect(inside).rejects.toThrow("down");
    expect(call).toHaveBeenCalledTimes(1);
  });

  test("ends with the handler around it", async () => {
    const controller = new AbortController();
    const seen: boolean[] = [];
    const pending = handlingScope.run(controller, () =>
      policies.payment.execute(async ({ signal }) => {
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        seen.push(signal.aborted);
      }),
    );
    controller.abort(new Error("the attempt is over"));
    await expect(pending).rejects.toThrow("the attempt is over");
    expect(seen).toEqual([true]);
  });

  test("is not tried again where that cannot help", async () => {
    for (const error of [new PermanentError("no such card"), new ExpectedError("paid already")]) {
      const call = vi.fn(() => Promise.reject(error));
      await expect(definePolicy({ retry: quick }).execute(call)).rejects.toBe(error);
      expect(call).toHaveBeenCalledTimes(1);
    }
  });

  test("that takes too long rejects with BUS_CALL_TIMEOUT, also where it ignores its signal", async () => {
    const policy = definePolicy({ timeoutMs: 20, retry: { attempts: 1 } });
    expect(await codeOf(policy.execute(() => new Promise(() => undefined)))).toBe("BUS_CALL_TIMEOUT");
  });

  test("opens the circuit after more than five failures in a row, and tries one call later", async () => {
    const policy = definePolicy({ retry: { attempts: 1 }, breaker: { halfOpenAfterMs: 60 } });
    const call = failing();
    for (let n = 0; n < 6; n++) {
      await expect(policy.execute(call)).rejects.toThrow("down");
    }
    const refused = await policy.execute(call).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "BUS_CIRCUIT_OPEN", retryable: true });
    expect(refused).toHaveProperty("details.retryAfterMs", expect.any(Number));
    expect(call).toHaveBeenCalledTimes(6);
    await new Promise((resolve) => setTimeout(resolve, 80));
    await expect(policy.execute(() => "up")).resolves.toBe("up");
    await expect(policy.execute(() => "still up")).resolves.toBe("still up");
  });

  test("does not open the circuit with answers: permanent and expected errors", async () => {
    const policy = definePolicy({ retry: { attempts: 1 }, breaker: { failures: 0 } });
    await expect(policy.execute(() => Promise.reject(new PermanentError("no")))).rejects.toThrow("no");
    await expect(policy.execute(() => "answer")).resolves.toBe("answer");
  });

  test("is refused when as many run and wait as may", async () => {
    const policy = definePolicy({ retry: { attempts: 1 }, bulkhead: { limit: 1, queue: 1 } });
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const first = policy.execute(() => gate);
    const second = policy.execute(() => gate);
    expect(await codeOf(policy.execute(() => gate))).toBe("BUS_BULKHEAD_FULL");
    open();
    await Promise.all([first, second]);
  });
});

test("a policy that makes no sense is refused with its part named", () => {
  const details = (options: Parameters<typeof definePolicy>[0]) => {
    try {
      definePolicy(options);
    } catch (error) {
      return (error as { details: { part: string } }).details.part;
    }
    return undefined;
  };
  expect(details({ timeoutMs: 0 })).toBe("timeoutMs");
  expect(details({ retry: { attempts: 0 } })).toBe("retry.attempts");
  expect(details({ breaker: { halfOpenAfterMs: Number.NaN } })).toBe("breaker.halfOpenAfterMs");
  expect(details({ bulkhead: { limit: 1.5 } })).toBe("bulkhead.limit");
});
