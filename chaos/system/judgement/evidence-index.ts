// The evidence, so that it can be asked by id.

import type { Evidence, StoredEvent } from "../evidence.ts";

export interface EvidenceIndex {
  readonly eventById: ReadonlyMap<string, StoredEvent>;
  /** `<key> <type>` of everything that happened. */
  readonly happened: ReadonlyMap<string, number>;
  readonly handledAt: ReadonlyMap<string, number>;
}

export function indexEvidence({ events, handled }: Evidence): EvidenceIndex {
  const happened = new Map<string, number>();
  for (const { key, type } of events) {
    happened.set(`${key} ${type}`, (happened.get(`${key} ${type}`) ?? 0) + 1);
  }
  return {
    eventById: new Map(events.map((event) => [event.id, event])),
    happened,
    handledAt: new Map(handled.map(({ durable, id, handledAtMs }) => [`${durable} ${id}`, handledAtMs])),
  };
}
