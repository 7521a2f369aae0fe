// Public surface of @throughline/contracts/compatibility: the gate for changes of contracts. Services do not load it.

export { type CompatibilityReport, checkCompatibility } from "./compatibility-check.ts";
export {
  type ContractLock,
  createLock,
  emptyLock,
  formatLock,
  type LockedEvent,
  type LockedProcedure,
  parseLock,
} from "./contract-lock.ts";
export {
  collectEvents,
  collectProcedures,
  type DeclaredEvent,
  type DeclaredProcedure,
  type DeclaredService,
  type DeclaredSystem,
  type Participant,
} from "./declared-system.ts";
export { type Direction, type Finding, type Rule, rules } from "./finding.ts";
export {
  describeSchema,
  type JsonSchema,
  normalizeSchema,
  type SchemaDescription,
  type SchemaDialect,
} from "./json-schema.ts";
export { findRejections, type Rejection, type RejectionRule } from "./rejections.ts";
export { sampleOf, samplesOf } from "./schema-samples.ts";
