// What must never be found.

export const violationKinds = ["lost", "duplicateEffects", "phantomEffects", "orderViolations", "stuck"] as const;
export type ViolationKind = (typeof violationKinds)[number];

export interface Violation {
  readonly kind: ViolationKind;
  readonly finding: string;
}

export interface Judgement {
  readonly violations: readonly Violation[];
  /** Handlings that were given up as their policy says: notifications, after three attempts. */
  readonly dropped: number;
}

/** Told of each thing that was found. */
export type Found = (kind: ViolationKind, finding: string) => void;
