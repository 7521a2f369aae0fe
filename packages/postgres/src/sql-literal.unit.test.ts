import { expect, test } from "vitest";
import { quoteLiteral } from "./sql-literal.ts";

test.each([
  ["plain", "'plain'"],
  ["it's", "'it''s'"],
  ["'; drop table x; --", "'''; drop table x; --'"],
  [String.raw`a\b`, String.raw` E'a\\b'`],
  [String.raw`\'; drop table x; --`, String.raw` E'\\''; drop table x; --'`],
])("%s is quoted so that it stays text", (text, expected) => {
  expect(quoteLiteral(text)).toBe(expected);
});

test("a NUL is refused", () => {
  expect(() => quoteLiteral("a\u0000b")).toThrowError(expect.objectContaining({ code: "STORE_TRANSACTION_INVALID" }));
});
