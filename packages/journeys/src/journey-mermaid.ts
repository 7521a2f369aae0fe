// A journey as a sequence diagram in Mermaid. @see https://mermaid.js.org/syntax/sequenceDiagram.html

import { formatMs } from "./durations.ts";
import type { Journey, JourneyEvent } from "./journey.ts";

/** Services as participants, events as messages from cause to effect, what is not done as notes. */
export function formatJourneyMermaid({ events }: Journey): string {
  const byId = new Map(events.map((event) => [event.id, event]));
  const services = [...new Set(events.map(({ service }) => service))];
  const lines = events.flatMap((event) => {
    const cause = byId.get(event.causationId ?? "");
    const from = cause?.service ?? event.service;
    const notes = event.deliveries
      .filter(({ state }) => state !== "handled")
      .map(({ durable, state, error }) => {
        const why = error === undefined ? "" : `: ${clean(error.message)}`;
        return `  Note over ${idOf(event.service)}: ${clean(durable)} is ${state}${why}`;
      });
    return [`  ${idOf(from)}->>${idOf(event.service)}: ${describe(event)}`, ...notes];
  });
  return ["sequenceDiagram", ...services.map((name) => `  participant ${idOf(name)} as ${clean(name)}`), ...lines].join(
    "\n",
  );
}

function describe({ type, handling }: JourneyEvent): string {
  return handling === undefined ? clean(type) : `${clean(type)} (${formatMs(handling.workMs)})`;
}

function idOf(service: string): string {
  return service.replaceAll(/[^A-Za-z0-9]/g, "_") || "_";
}

/** What would end a line or a statement does not reach the diagram. */
function clean(text: string): string {
  return text.replaceAll(/[;#\p{Cc}]/gu, " ");
}
