import { expect, test } from "vitest";
import { createEventId, deriveEventId, timeOfEventId } from "./event-id.ts";

const uuidV7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

test("event ids are UUIDv7 that sort by time", () => {
  const ids = Array.from({ length: 100 }, createEventId);
  expect(ids.every((id) => uuidV7.test(id))).toBe(true);
  expect([...ids].sort()).toEqual(ids);
  expect(Math.abs((timeOfEventId(ids[0] ?? "") ?? 0) - Date.now())).toBeLessThan(1_000);
});

test("a derived id depends on its cause and parts alone", () => {
  const cause = createEventId();
  const id = deriveEventId(cause, "payments-capture", "payments.captured.1", "0");
  expect(id).toMatch(uuidV7);
  expect(deriveEventId(cause, "payments-capture", "payments.captured.1", "0")).toBe(id);
  expect(deriveEventId(cause, "payments-capture", "payments.captured.1", "1")).not.toBe(id);
  expect(deriveEventId(createEventId(), "payments-capture", "payments.captured.1", "0")).not.toBe(id);
  expect(timeOfEventId(id)).toBe(timeOfEventId(cause));
});

test("a cause from outside needs no UUID", () => {
  expect(deriveEventId("ORDERS:7", "x")).toMatch(uuidV7);
  expect(timeOfEventId("ORDERS:7")).toBeUndefined();
});
