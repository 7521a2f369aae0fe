// Says in a few words what a schema accepts, for findings.

import type { Alternative } from "./schema-alternatives.ts";

const maxListed = 8;

/** `string or "a"`; "nothing" for a schema that nothing fits. */
export function describeAlternatives(alternatives: readonly Alternative[]): string {
  const parts = alternatives.map((alternative) => describeAlternative(alternative));
  const words = [...new Set(parts)].toSorted();
  const isBoolean = words.includes("true") && words.includes("false");
  const listed = isBoolean ? ["boolean", ...words.filter((word) => word !== "true" && word !== "false")] : words;
  const shown = listed.slice(0, maxListed);
  const rest = listed.length - shown.length;
  return shown.length === 0 ? "nothing" : `${shown.join(" or ")}${rest > 0 ? ` or ${rest} more` : ""}`;
}

export function describeValue(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function describeAlternative(alternative: Alternative): string {
  switch (alternative.kind) {
    case "literal":
      return describeValue(alternative.value);
    case "null":
      return "null";
    default:
      return alternative.kind;
  }
}
