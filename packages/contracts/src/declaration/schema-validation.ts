// Runs any Standard Schema validator and turns its issues into one error that names each field.

import type { StandardSchemaV1 } from "@standard-schema/spec";
import { ThroughlineError } from "../errors/throughline-error.ts";

/** One field that does not fit, with its place as a JSON Pointer (RFC 6901). */
export interface FieldIssue {
  readonly pointer: string;
  readonly message: string;
}

/** At most this many issues are kept: a hostile body must not become a giant error. */
const maxIssues = 20;

/** The validated output; a promise only where the schema validates asynchronously. @throws CONTRACT_DATA_INVALID */
export function validateData(
  type: string,
  { version, schema }: { readonly version: number; readonly schema: StandardSchemaV1 },
  data: unknown,
): unknown {
  return validateValue(`${type} version ${version}`, schema, data, { type, version });
}

/** As `validateData`, for anything that has a schema; `what` and `where` go into the error. @throws CONTRACT_DATA_INVALID */
export function validateValue(
  what: string,
  schema: StandardSchemaV1,
  value: unknown,
  where: Readonly<Record<string, unknown>>,
): unknown {
  const result = schema["~standard"].validate(value);
  return result instanceof Promise
    ? result.then((settled) => outputOf(what, settled, where))
    : outputOf(what, result, where);
}

function outputOf(
  what: string,
  result: StandardSchemaV1.Result<unknown>,
  where: Readonly<Record<string, unknown>>,
): unknown {
  if (result.issues === undefined) {
    return result.value;
  }
  const issues = listIssues(result.issues);
  const summary = issues.map(({ pointer, message }) => `${pointer || "the body"}: ${message}`).join("; ");
  throw new ThroughlineError("CONTRACT_DATA_INVALID", `${what} does not fit its schema: ${summary}`, {
    details: { ...where, issues },
  });
}

/** The issues of a Standard Schema validator with JSON Pointers for places. */
export function listIssues(issues: readonly StandardSchemaV1.Issue[]): FieldIssue[] {
  return issues.slice(0, maxIssues).map(({ path, message }) => ({
    pointer: (path ?? []).map((segment) => `/${escapePointer(segment)}`).join(""),
    message,
  }));
}

function escapePointer(segment: PropertyKey | StandardSchemaV1.PathSegment): string {
  const key = typeof segment === "object" ? segment.key : segment;
  return String(key).replaceAll("~", "~0").replaceAll("/", "~1");
}
