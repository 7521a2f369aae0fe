// What the compatibility check finds: a stable rule, the place, what was expected and found, who breaks, and the fix.

import type { Rejection, RejectionRule } from "./rejections.ts";

/** Which side breaks. */
export type Direction =
  /** Today's code does not read what was written before. */
  | "backward"
  /** Services that are deployed do not read what today's code writes. */
  | "forward";

export type Rule =
  | RejectionRule
  | "event-removed"
  | "procedure-removed"
  | "version-removed"
  | "version-not-known"
  | "downcast-missing"
  | "key-changed"
  | "schema-not-described"
  | "upcast-fails"
  | "downcast-fails"
  | "example-invalid";

export interface Finding {
  readonly rule: Rule;
  /** The event, or the procedure. */
  readonly event: string;
  /** Of a procedure. */
  readonly part?: "request" | "reply";
  readonly version: number | null;
  readonly direction: Direction | null;
  /** JSON Pointer into the data; `*` stands for every element. Empty: the data as a whole. */
  readonly pointer: string;
  readonly expected: string;
  readonly found: string;
  /** Services and subscriptions that break. */
  readonly breaks: readonly string[];
  readonly fix: string;
}

/** What each rule says, for docs and for tools that show a list of rules. */
export const rules: Readonly<Record<Rule, string>> = {
  "type-not-accepted": "The reader does not accept data of this type.",
  "null-not-accepted": "The writer may write null, which the reader does not accept.",
  "value-not-accepted": "The writer may write a value that the reader does not list.",
  "property-missing": "The reader requires a property that the writer may leave out.",
  "property-not-accepted": "The writer writes a property that the reader, which is strict, refuses.",
  "length-not-accepted": "The writer may write text that is too short or too long for the reader.",
  "range-not-accepted": "The writer may write a number outside of the reader's bounds.",
  "multiple-not-accepted": "The writer may write a number that is no multiple of what the reader asks for.",
  "pattern-not-accepted": "The reader asks for a pattern that the writer does not promise.",
  "format-not-accepted": "The reader asks for a format that the writer does not promise.",
  "size-not-accepted": "The writer may write a list or an object with too few or too many entries for the reader.",
  "duplicates-not-accepted": "The reader asks for a list without duplicates; the writer does not promise it.",
  "not-comparable": "The reader has a constraint that cannot be compared, and it is not the writer's.",
  "event-removed": "An event that was deployed is declared no more.",
  "procedure-removed": "A procedure that was deployed is declared no more.",
  "version-removed": "A version that was deployed is declared no more; stored events of it cannot be read.",
  "version-not-known": "A service publishes a version that a subscriber's declaration does not have.",
  "downcast-missing": "A new version cannot be written as the one before it while others are not deployed yet.",
  "key-changed": "The key comes from another place, so order and deduplication change for what is under way.",
  "schema-not-described": "The schema has no JSON Schema, so nothing can be compared.",
  "upcast-fails": "Data that fits its version does not survive the upcasters.",
  "downcast-fails": "Data that fits the newest version does not survive the downcasters.",
  "example-invalid": "A declared example does not fit its own version.",
};

/** What a rejection amounts to between the sides of a procedure. */
export function findingOfProcedure(
  { rule, pointer, expected, found }: Rejection,
  where: {
    readonly name: string;
    readonly part: "request" | "reply";
    readonly direction: Direction;
    readonly breaks: readonly string[];
  },
): Finding {
  const { name, part, direction, breaks } = where;
  const small = smallFixes[direction][rule]?.replaceAll("%", pointer === "" ? "the data" : pointer);
  const beside = `declare another procedure beside ${name}, until nobody asks this one any more.`;
  const fix = small === undefined ? `${beside[0]?.toUpperCase()}${beside.slice(1)}` : `${small}; or ${beside}`;
  return { rule, event: name, part, version: null, direction, pointer, expected, found, breaks, fix };
}

/** The finding that a rejection amounts to. */
export function findingOf(
  { rule, pointer, expected, found }: Rejection,
  where: {
    readonly event: string;
    readonly version: number;
    readonly latest: number;
    readonly direction: Direction;
    readonly breaks: readonly string[];
  },
): Finding {
  const { event, version, latest, direction, breaks } = where;
  const fix = fixOf(rule, pointer, where.direction, version, latest);
  return { rule, event, version, direction, pointer, expected, found, breaks, fix };
}

function fixOf(rule: RejectionRule, pointer: string, direction: Direction, version: number, latest: number): string {
  const small = smallFixes[direction][rule]?.replaceAll("%", pointer === "" ? "the data" : pointer);
  const evolve = evolution(direction, version, latest);
  return small === undefined ? `${evolve[0]?.toUpperCase()}${evolve.slice(1)}` : `${small}; or ${evolve}`;
}

function evolution(direction: Direction, version: number, latest: number): string {
  if (version < latest) {
    return `leave version ${version} as the lock file has it: it describes what is stored.`;
  }
  const change = `leave version ${version} as it was and declare the change as version ${latest + 1}`;
  return direction === "backward"
    ? `${change}, with an upcast from ${version}.`
    : `${change}, with a downcast to ${version} for the time until everybody is deployed.`;
}

const smallFixes: Readonly<Record<Direction, Partial<Record<RejectionRule, string>>>> = {
  backward: {
    "property-missing": "Make % optional, or give it a default",
    "property-not-accepted": "Let the schema ignore properties that it does not know",
    "null-not-accepted": "Go on accepting null at %",
    "value-not-accepted": "Go on accepting that value at %",
  },
  forward: {
    "property-missing": "Go on writing % in every event",
    "property-not-accepted": "Deploy readers that ignore unknown properties first, and lock that",
    "null-not-accepted": "Leave % out instead of writing null, if readers take it as optional",
    "value-not-accepted": "Deploy readers that accept the value first, and lock that",
  },
};
