import { describe, expect, test } from "vitest";
import { maxBodyBytes, maxBodyDepth, parseJsonBody } from "./json-body.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;

describe("parseJsonBody", () => {
  test("reads JSON, brackets inside of strings included", () => {
    expect(parseJsonBody(bytes('{"a":[1,{"b":"ü"}]}'))).toEqual({ a: [1, { b: "ü" }] });
    const brackets = { text: `\\"${"[{".repeat(100)}` };
    expect(parseJsonBody(bytes(JSON.stringify(brackets)))).toEqual(brackets);
    expect(parseJsonBody(bytes(nested(maxBodyDepth)))).toBeDefined();
  });

  test("reads values, but not keys, that name prototypes", () => {
    expect(parseJsonBody(bytes('{"a":"__proto__","b":["constructor"]}'))).toEqual({
      a: "__proto__",
      b: ["constructor"],
    });
  });

  test.each([
    ["is empty", bytes("")],
    ["is not JSON", bytes("{")],
    ["is not valid UTF-8", new Uint8Array([0x22, 0xff, 0x22])],
    ["is nested deeper", bytes(nested(maxBodyDepth + 1))],
    ["is nested deeper", bytes("[".repeat(200_000))],
    ["limit is", new Uint8Array(maxBodyBytes + 1)],
    ['forbidden key "__proto__"', bytes('{"a":[{"__proto__":{"x":1}}]}')],
    ['forbidden key "constructor"', bytes('{"constructor":1}')],
    ['forbidden key "__proto__"', bytes('{"\\u005f_proto__":1}')],
  ])("refuses a body that %s", (problem, body) => {
    expect(() => parseJsonBody(body)).toThrowError(
      expect.objectContaining({ code: "CONTRACT_BODY_INVALID", message: expect.stringContaining(problem) }),
    );
  });
});
