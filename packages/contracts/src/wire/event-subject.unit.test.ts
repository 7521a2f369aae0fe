import { expect, test } from "vitest";
import { decodeKey, encodeKey, parseSubject } from "./event-subject.ts";

test.each(["plain", "a.b.c", "*", ">", " ", "%", "ü", "日本", "a/b?c#d", "(x)'!~", "\t\n\r"])(
  "the key %j becomes one subject token and comes back",
  (key) => {
    const token = encodeKey(key);
    expect(token).toMatch(/^[A-Za-z0-9_%-]+$/);
    expect(decodeKey(token)).toBe(key);
  },
);

test.each(["", "x".repeat(257), "\ud800", 7, undefined, null])("the key %j is refused", (key) => {
  expect(() => encodeKey(key)).toThrowError(expect.objectContaining({ code: "CONTRACT_KEY_INVALID" }));
});

test("a subject has a context, an event and a key", () => {
  expect(parseSubject("orders.placed.1")).toEqual({ type: "orders.placed", keyToken: "1" });
  for (const subject of ["orders", "orders.placed", "orders.placed.", "orders.placed.1.2", ".placed.1"]) {
    expect(parseSubject(subject)).toBeUndefined();
  }
});
