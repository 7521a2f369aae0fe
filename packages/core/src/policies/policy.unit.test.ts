import { expect, test } from "vitest";
import { definePolicy, policies } from "./policy.ts";
import { retryDelayMs } from "./retry-delay.ts";

test("the wait before a retry doubles up to its bound, with full jitter", () => {
  const retry = { attempts: 10, initialDelayMs: 100, maxDelayMs: 1_000 };
  expect([1, 2, 3, 4, 5, 60].map((attempt) => retryDelayMs(retry, attempt, 1))).toEqual([
    100, 200, 400, 800, 1000, 1000,
  ]);
  expect(retryDelayMs(retry, 4, 0.5)).toBe(400);
  expect(retryDelayMs(retry, 4, 0)).toBe(10);
});

test("a policy takes what it does not name from the standard one", () => {
  expect(definePolicy({ retry: { attempts: 2 } })).toMatchObject({
    ...policies.standard,
    retry: { ...policies.standard.retry, attempts: 2 },
    execute: expect.any(Function),
  });
});

test("a payment is not a notification", () => {
  expect(policies.payment.retry.attempts).toBeGreaterThan(policies.notification.retry.attempts);
  expect(policies.payment.onExhausted).toBe("dead-letter");
  expect(policies.notification.onExhausted).toBe("drop");
});
