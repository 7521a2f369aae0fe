// Judges the evidence, in the manner of Jepsen: knows nothing of how the system works, only what must never be found.

import type { Evidence } from "../evidence.ts";
import { checkHandlings, checkPlacements, checkStreams } from "./check-flow.ts";
import { checkEnds, checkMails, checkMoney, checkStock } from "./check-outcomes.ts";
import { indexEvidence } from "./evidence-index.ts";
import type { Found, Judgement, Violation } from "./violation.ts";

export function checkEvidence(evidence: Evidence): Judgement {
  const violations: Violation[] = [];
  const found: Found = (kind, finding) => violations.push({ kind, finding });
  const index = indexEvidence(evidence);
  checkPlacements(evidence, index, found);
  checkStreams(evidence, index, found);
  const dropped = checkHandlings(evidence, index, found);
  checkEnds(evidence, index, found);
  checkMoney(evidence, found);
  checkStock(evidence, found);
  checkMails(evidence, found);
  return { violations, dropped };
}
