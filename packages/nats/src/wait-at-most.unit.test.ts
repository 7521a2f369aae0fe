import { expect, test } from "vitest";
import { waitAtMost } from "./wait-at-most.ts";

test("tells whether it came; a failure counts as not coming, and never throws", async () => {
  expect(await waitAtMost(1_000, Promise.resolve("here"))).toBe(true);
  expect(await waitAtMost(1_000, Promise.reject(new Error("connection disconnected")))).toBe(false);
  expect(await waitAtMost(5, new Promise(() => undefined))).toBe(false);
});
