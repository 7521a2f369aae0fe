// Public surface of @throughline/journeys.

export { type CriticalPath, findCriticalPath } from "./critical-path.ts";
export { type FoundJourney, findJourney } from "./find-journey.ts";
export {
  buildJourney,
  type Handling,
  type Journey,
  type JourneyEvent,
  type JourneyNode,
} from "./journey.ts";
export { formatJourneyMermaid } from "./journey-mermaid.ts";
export { formatJourneySequence } from "./journey-sequence.ts";
export type { AttemptFacts, ConsumerFacts, JourneySource } from "./journey-source.ts";
export { formatJourneyTree, type TreeOptions } from "./journey-tree.ts";
export type { DeliveryProgress, DeliveryState } from "./progress.ts";
export { addSpans, type InnerSpan, type JourneyAttempt, readOtlpSpans, type TraceSpan } from "./spans.ts";
