// A CloudEvent as one JSON document: attributes and data together in the body.
// @see https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md

import { Buffer } from "node:buffer";
import { invalidAttribute, limited } from "./attribute-encoding.ts";
import { parseJsonBody } from "./json-body.ts";
import { readMediaType } from "./media-type.ts";

export interface StructuredEvent {
  /** Undefined for what is missing, null, or neither text nor number. @throws CONTRACT_ENVELOPE_INVALID when too long */
  readonly attribute: (name: string) => string | undefined;
  readonly data: unknown;
}

/** @throws CONTRACT_BODY_INVALID, CONTRACT_ENVELOPE_INVALID naming the attribute */
export function readStructuredEvent(body: Uint8Array): StructuredEvent {
  const event = parseJsonBody(body);
  if (typeof event !== "object" || event === null || Array.isArray(event)) {
    throw invalidAttribute("body", "a CloudEvents JSON object", kindOf(event));
  }
  const fields = new Map<string, unknown>(Object.entries(event));
  for (const required of ["specversion", "id", "source", "type"]) {
    if (typeof fields.get(required) !== "string") {
      throw invalidAttribute(required, "a string", kindOf(fields.get(required)));
    }
  }
  const attribute = (name: string): string | undefined => {
    const value = fields.get(name);
    return typeof value === "string" || typeof value === "number" ? limited(name, String(value)) : undefined;
  };
  return { attribute, data: readData(fields) };
}

function readData(fields: ReadonlyMap<string, unknown>): unknown {
  const mediaType = fields.get("datacontenttype") ?? "application/json";
  if (typeof mediaType !== "string" || readMediaType(mediaType) !== "json") {
    throw invalidAttribute("datacontenttype", "a JSON media type", String(mediaType));
  }
  const base64 = fields.get("data_base64");
  if (base64 === undefined || base64 === null) {
    return fields.get("data");
  }
  if (fields.has("data")) {
    throw invalidAttribute("data_base64", "nothing, as there is data", "both");
  }
  if (typeof base64 !== "string" || !isBase64(base64)) {
    throw invalidAttribute("data_base64", "Base64 text", String(base64));
  }
  return parseJsonBody(Buffer.from(base64, "base64"));
}

function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) {
    return String(value);
  }
  return Array.isArray(value) ? "a list" : `a value of type ${typeof value}`;
}
