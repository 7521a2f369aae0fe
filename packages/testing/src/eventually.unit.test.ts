import { expect, test } from "vitest";
import { eventually } from "./eventually.ts";

const quick = { timeoutMs: 30, intervalMs: 1 };

test("gives the first value that is there, after whatever failed before", async () => {
  const answers = [() => undefined, () => false, () => 0, () => Promise.reject(new Error("not yet")), () => "done"];
  expect(await eventually(() => (answers.shift() as () => unknown)(), quick)).toBe("done");
  expect(answers).toEqual([]);
});

test.each([undefined, null, false, 0, ""])("waits in vain for %j, and says so", async (value) => {
  await expect(eventually(() => value, quick)).rejects.toThrow(`still ${String(value)}`);
});

test("keeps the last failure as the cause", async () => {
  const cause = new Error("the reason");
  await expect(eventually(() => Promise.reject(cause), quick)).rejects.toMatchObject({ cause });
});
