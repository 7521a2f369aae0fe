import { describe, expect, test } from "vitest";
import { decodeHeaderBlock, formatHeaderBlock } from "./header-block.ts";

const block = (text: string) => Buffer.from(text, "latin1");

describe("a header block", () => {
  test("comes back as it was written, with names in lower case", () => {
    const written = formatHeaderBlock(
      new Map([
        ["ce-id", "7"],
        ["X-Note", "größe"],
      ]),
      "m-1",
    );
    expect(decodeHeaderBlock(Buffer.from(written))).toEqual({
      block: {
        status: 0,
        description: "",
        headers: new Map([
          ["nats-msg-id", "m-1"],
          ["ce-id", "7"],
          ["x-note", "größe"],
        ]),
      },
    });
  });

  test("carries the server's status", () => {
    expect(decodeHeaderBlock(block("NATS/1.0 408 Request Timeout\r\nNats-Pending-Messages: 3\r\n\r\n"))).toEqual({
      block: { status: 408, description: "Request Timeout", headers: new Map([["nats-pending-messages", "3"]]) },
    });
    expect(decodeHeaderBlock(block("NATS/1.0 503\r\n\r\n"))).toMatchObject({ block: { status: 503 } });
  });

  test("refuses to be written with a line break in a value", () => {
    expect(() => formatHeaderBlock(new Map([["a", "1\r\nNats-Rollup: all"]]), "m")).toThrow(RangeError);
    expect(() => formatHeaderBlock(new Map(), "m\n")).toThrow(RangeError);
  });

  test.each([
    ["does not begin with", "HTTP/1.1 200\r\n\r\n"],
    ["has no colon", "NATS/1.0\r\nnonsense\r\n\r\n"],
    ["is no header name", "NATS/1.0\r\nbad name: 1\r\n\r\n"],
    ["is no header name", "NATS/1.0\r\n: 1\r\n\r\n"],
    ["control character", "NATS/1.0\r\na: 1\u0000\r\n\r\n"],
    ["control character", "NATS/1.0\r\na: 1\nb: 2\r\n\r\n"],
    ["is given twice", "NATS/1.0\r\nce-id: 1\r\nCe-Id: 2\r\n\r\n"],
    ["more than", `NATS/1.0\r\n${Array.from({ length: 200 }, (_, index) => `h${index}: 1\r\n`).join("")}\r\n`],
    ["the limit is", `NATS/1.0\r\na: ${"x".repeat(70_000)}\r\n\r\n`],
  ])("is found malformed: %s", (problem, text) => {
    expect(decodeHeaderBlock(block(text))).toEqual({ problem: expect.stringContaining(problem) });
  });

  test("keeps prototype names as plain data", () => {
    const reading = decodeHeaderBlock(block("NATS/1.0\r\n__proto__: x\r\nconstructor: y\r\n\r\n"));
    expect(reading).toMatchObject({
      block: {
        headers: new Map([
          ["__proto__", "x"],
          ["constructor", "y"],
        ]),
      },
    });
    expect(({} as Record<string, unknown>)["x"]).toBeUndefined();
  });
});
