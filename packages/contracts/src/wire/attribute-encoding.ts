// How attributes travel as header values: percent-encoded where they are not plain, limited, refused when malformed.
// @see https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/nats-protocol-binding.md

import { Buffer } from "node:buffer";
import { ThroughlineError } from "../errors/throughline-error.ts";
import type { WireHeaders } from "./wire-message.ts";

/** Longer attribute values than any sender needs are refused. */
const maxAttributeLength = 1_024;

const plainAttribute = /^[!#$&-~]*$/;

/** Space, double quote, percent and all but printable ASCII are percent-encoded as UTF-8. */
export function encodeAttribute(value: string): string {
  return plainAttribute.test(value)
    ? value
    : value
        .toWellFormed()
        .replace(/[^!#$&-~]+/gu, (run) =>
          Array.from(Buffer.from(run), (byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join(""),
        );
}

/** Undefined when it is missing. @throws CONTRACT_ENVELOPE_INVALID */
export function decodeAttribute(headers: WireHeaders, name: string): string | undefined {
  const value = headers.get(name);
  if (value === undefined) {
    return undefined;
  }
  limited(name, value);
  const text = value.startsWith('"') ? unquote(name, value) : value;
  if (!text.includes("%")) {
    return text;
  }
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalidAttribute(name, "percent-encoded UTF-8", value);
  }
}

/** A quoted string of RFC 9110: what is escaped stands for itself. */
function unquote(name: string, value: string): string {
  const [, quoted] = /^"((?:[^"\\]|\\.)*)"$/.exec(value) ?? [];
  if (quoted === undefined) {
    throw invalidAttribute(name, "a closed quoted string", value);
  }
  return quoted.replaceAll(/\\(.)/g, "$1");
}

/** @throws CONTRACT_ENVELOPE_INVALID */
export function limited(name: string, value: string): string {
  if (value.length > maxAttributeLength) {
    throw invalidAttribute(name, `at most ${maxAttributeLength} characters`, `${value.length} characters`);
  }
  return value;
}

export function invalidAttribute(name: string, expected: string, found: string): ThroughlineError {
  return new ThroughlineError(
    "CONTRACT_ENVELOPE_INVALID",
    `${name}: expected ${expected}; found "${found.slice(0, 200)}".`,
    {
      details: { header: name, expected, found: found.slice(0, 200) },
    },
  );
}
