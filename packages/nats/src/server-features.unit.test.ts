import { expect, test } from "vitest";
import { ServerFeatures } from "./server-features.ts";

test("each server has what its version brought", () => {
  const floor = new ServerFeatures("2.9.10");
  expect([floor.has("filterSubjects"), floor.has("terminateReason")]).toEqual([false, false]);
  expect(floor.outdated).toContain("2.9.10");
  const current = new ServerFeatures("2.15.2");
  expect([current.has("filterSubjects"), current.has("terminateReason")]).toEqual([true, true]);
  expect(current.outdated).toBeUndefined();
  expect(new ServerFeatures("2.10.0-beta.1").has("filterSubjects")).toBe(true);
});

test("a server below the floor is refused", () => {
  for (const version of ["2.9.9", "1.4.0", "0.0.0"]) {
    expect(() => new ServerFeatures(version)).toThrowError(
      expect.objectContaining({ code: "NATS_SERVER_UNSUPPORTED" }),
    );
  }
});
