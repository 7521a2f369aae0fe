// Reads a body from the wire as JSON, within limits: what comes from outside is not trusted.

import { Buffer, isUtf8 } from "node:buffer";
import { ThroughlineError } from "../errors/throughline-error.ts";

/** 1 MiB: the default max_payload of nats-server. */
export const maxBodyBytes = 1_048_576;
/** Deeper nesting than any event needs, far below what could exhaust a validator's stack. */
export const maxBodyDepth = 64;

/** Parts of the keys that are refused, and the escape by which one could be disguised. */
const suspicious = ["__proto__", "constructor", "prototype", "\\u"];

/** @throws CONTRACT_BODY_INVALID with what is wrong: size, encoding, syntax, depth or a forbidden key */
export function parseJsonBody(body: Uint8Array): unknown {
  if (body.length > maxBodyBytes) {
    throw invalidBody(`has ${body.length} bytes; the limit is ${maxBodyBytes}`);
  }
  if (!isUtf8(body)) {
    throw invalidBody("is not valid UTF-8");
  }
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8");
  if (mayExceedDepth(text) && exceedsDepth(body)) {
    throw invalidBody(`is nested deeper than ${maxBodyDepth} levels`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw invalidBody(body.length === 0 ? "is empty" : "is not JSON", cause);
  }
  if (suspicious.some((part) => text.includes(part))) {
    refuseDangerousKeys(value);
  }
  return value;
}

function invalidBody(problem: string, cause?: unknown): ThroughlineError {
  return new ThroughlineError("CONTRACT_BODY_INVALID", `The body ${problem}.`, { cause });
}

/** Whether there are brackets enough; hardly any body has as many, so the closer look is rare. */
function mayExceedDepth(text: string): boolean {
  let brackets = 0;
  for (const bracket of ["{", "["]) {
    for (let index = text.indexOf(bracket); index >= 0; index = text.indexOf(bracket, index + 1)) {
      if (++brackets > maxBodyDepth) {
        return true;
      }
    }
  }
  return false;
}

/** Counts brackets outside of strings, before anything recursive runs. */
function exceedsDepth(body: Uint8Array): boolean {
  let depth = 0;
  let inString = false;
  for (let index = 0; index < body.length; index++) {
    const byte = body[index];
    if (byte === 0x22) {
      inString = !inString;
    } else if (inString) {
      if (byte === 0x5c) {
        index++;
      }
    } else if (byte === 0x7b || byte === 0x5b) {
      if (++depth > maxBodyDepth) {
        return true;
      }
    } else if (byte === 0x7d || byte === 0x5d) {
      depth--;
    }
  }
  return false;
}

function refuseDangerousKeys(value: unknown): void {
  if (typeof value !== "object" || value === null) {
    return;
  }
  for (const [key, child] of Object.entries(value)) {
    if (key === "__proto__" || key === "constructor" || key === "prototype") {
      throw invalidBody(`holds the forbidden key "${key}"`);
    }
    refuseDangerousKeys(child);
  }
}
