// Public surface of @throughline/journeys.

export {
  buildJourney,
  type Handling,
  type Journey,
  type JourneyEvent,
  type JourneyNode,
} from "./journey.ts";
export { formatJourneyTree, type TreeOptions } from "./journey-tree.ts";
