import { ThroughlineError } from "@throughline/contracts";
import { expect, test } from "vitest";
import { PermanentError } from "./failure-kind.ts";
import { decideFailureOutcome } from "./failure-outcome.ts";
import { definePolicy } from "./policy.ts";

const keep = definePolicy({ retry: { attempts: 3, initialDelayMs: 100 } });
const drop = definePolicy({ retry: { attempts: 3 }, onExhausted: "drop" });
const failed = { error: new Error("broken"), attempt: 1, unreadable: false, postponed: 0 };

test("an attempt that is not the last is tried again after the policy's wait", () => {
  expect(decideFailureOutcome(keep, failed, 1)).toEqual({
    kind: "retry",
    delayMs: 100,
    counted: true,
  });
  expect(decideFailureOutcome(keep, { ...failed, attempt: 2 }, 1)).toEqual({
    kind: "retry",
    delayMs: 200,
    counted: true,
  });
});

test("the last attempt ends as the policy says", () => {
  const last = { ...failed, attempt: 3 };
  expect(decideFailureOutcome(keep, last, 1)).toEqual({ kind: "dead-letter", reason: "attempts-exhausted" });
  expect(decideFailureOutcome(drop, last, 1)).toEqual({ kind: "drop" });
});

test("what no attempt can change is kept at once, also where the policy would drop in the end", () => {
  expect(decideFailureOutcome(drop, { ...failed, unreadable: true }, 1)).toEqual({
    kind: "dead-letter",
    reason: "unreadable",
  });
  expect(decideFailureOutcome(drop, { ...failed, error: new PermanentError("no") }, 1)).toEqual({
    kind: "dead-letter",
    reason: "permanent-failure",
  });
});

test("a version that nobody here knows yet is put off for about an hour, without spending attempts, and then kept", () => {
  const error = new ThroughlineError("CONTRACT_VERSION_UNKNOWN", "version 9");
  let waitedMs = 0;
  for (let postponed = 0; ; postponed++) {
    const outcome = decideFailureOutcome(drop, { ...failed, error, unreadable: true, postponed }, 0);
    if (outcome.kind !== "postpone") {
      expect(outcome).toEqual({ kind: "dead-letter", reason: "version-unknown" });
      break;
    }
    waitedMs += outcome.delayMs;
  }
  expect(waitedMs / 60_000).toBeGreaterThan(55);
  expect(waitedMs / 60_000).toBeLessThan(65);
});
