// From an id to the journey: by key through the subjects of the streams, by event or correlation id through the time that is
// in the id. Neither looks at more than what belongs to the journey, or was stored around its beginning.

import { encodeKey, type StoredWireMessage, timeOfEventId } from "@throughline/contracts";
import { buildJourney, type Journey } from "./journey.ts";
import type { JourneySource } from "./journey-source.ts";
import { readProgress } from "./progress.ts";

/** Publishers' clocks may be ahead of the server's: looked for are first the nearest, then those further off. */
const clockSkewsMs = [10, 2_000] as const;
/** An event may wait in an outbox for so long before it is stored, and still be found by its id. */
const outboxWaitMs = 120_000;
/** And no further than so many events of each context. */
const maxSearched = 20_000;

export interface FoundJourney {
  readonly journey: Journey;
  /** Further journeys under the same key, by their correlation ids, oldest first. */
  readonly others: readonly string[];
}

/**
 * Finds a journey by the key of one of its events, by its correlation id, or by the id of one of its events. Of several under
 * one key the newest. Undefined where nothing is stored.
 */
export async function findJourney(source: JourneySource, id: string): Promise<FoundJourney | undefined> {
  const contexts = await source.contexts();
  const ofKey = await source.eventsOfKey(contexts, id);
  const correlations = distinctCorrelations(ofKey);
  const newest = correlations.at(-1);
  if (newest !== undefined) {
    const journey = await gather(source, contexts, newest, ofKey);
    return { journey, others: correlations.slice(0, -1) };
  }
  const root = await findById(source, contexts, id);
  return root && { journey: await gather(source, contexts, correlationOf(root) ?? id, [root]), others: [] };
}

/** The journey of a correlation id, of which some events are known. */
async function gather(
  source: JourneySource,
  contexts: readonly string[],
  correlationId: string,
  known: readonly StoredWireMessage[],
): Promise<Journey> {
  const links = await source.messages("JOURNEYS", `journeys.${encodeKey(correlationId)}.>`);
  const [redriven = [], further = []] = [true, false].map((wanted) => links.filter((one) => isRedrive(one) === wanted));
  const keys = new Set([...known.flatMap(keyOf), ...further.flatMap(keyOf)]);
  // A further key may be known and the one where it began not: it is in the id of the correlation's root.
  const isRooted = known.some(({ message }) => message.headers.get("ce-id") === correlationId);
  const root = isRooted ? undefined : await findById(source, contexts, correlationId);
  for (const key of root === undefined ? [] : keyOf(root)) {
    keys.add(key);
  }
  const perKey = await Promise.all([...keys].map((key) => source.eventsOfKey(contexts, key)));
  const ofEachKey = async (stream: string, prefix: string) => {
    const found = [...keys].map((key) => source.messages(stream, `${prefix}.*.*.*.*.${encodeKey(key)}`));
    return (await Promise.all(found)).flat();
  };
  const [letters, queued] = await Promise.all([ofEachKey("DEAD_LETTERS", "dead"), ofEachKey("REDRIVES", "redrive")]);
  return await readProgress(source, buildJourney(correlationId, perKey.flat()), { letters, queued, redriven });
}

/** `journeys.<correlation id>.redriven.<durable>.<event id>`, beside the notes of further keys. */
function isRedrive({ message }: StoredWireMessage): boolean {
  return message.subject.split(".").length > 4;
}

/**
 * By the time in the id: that of the moment at which the journey began, whichever of its events it names. Looks at what was
 * stored around then for the event itself, or for a root whose journey holds it.
 */
async function findById(
  source: JourneySource,
  contexts: readonly string[],
  id: string,
): Promise<StoredWireMessage | undefined> {
  const beganMs = timeOfEventId(id);
  if (beganMs === undefined) {
    return undefined;
  }
  for (const skewMs of clockSkewsMs) {
    const search: Search = { id, beganMs, members: [] };
    await Promise.all(contexts.map((context) => searchAround(source, contexts, context, search, beganMs - skewMs)));
    if (search.found !== undefined || search.members.length > 0) {
      return search.found ?? search.members[0];
    }
  }
  return undefined;
}

/** What all contexts look for at the same time; whoever finds the event itself ends it for all. */
interface Search {
  readonly id: string;
  readonly beganMs: number;
  found?: StoredWireMessage | undefined;
  /** Events of the journey of this id. */
  readonly members: StoredWireMessage[];
}

async function searchAround(
  source: JourneySource,
  contexts: readonly string[],
  context: string,
  search: Search,
  fromMs: number,
): Promise<void> {
  const { id, beganMs, members } = search;
  let searched = 0;
  for await (const stored of source.eventsSince(context, fromMs)) {
    const eventId = stored.message.headers.get("ce-id") ?? "";
    if (eventId === id) {
      search.found = stored;
    } else if (correlationOf(stored) === id) {
      members.push(stored);
    } else if (correlationOf(stored) === eventId && timeOfEventId(eventId) === beganMs) {
      // It began a journey in that very millisecond: perhaps the one of this event.
      const events = await Promise.all(keyOf(stored).map((key) => source.eventsOfKey(contexts, key)));
      search.found ??= events.flat().find(({ message }) => message.headers.get("ce-id") === id);
    }
    const isRemote = stored.storedAt.timeMs > beganMs + outboxWaitMs;
    if (search.found !== undefined || ++searched >= maxSearched || isRemote) {
      return;
    }
  }
}

function distinctCorrelations(messages: readonly StoredWireMessage[]): string[] {
  const sorted = messages.toSorted((a, b) => a.storedAt.timeMs - b.storedAt.timeMs);
  return [...new Set(sorted.flatMap((stored) => correlationOf(stored) ?? []))];
}

function correlationOf({ message }: StoredWireMessage): string | undefined {
  return message.headers.get("ce-correlationid");
}

/** As it stands in the subject, decoded; none for what has no key. */
function keyOf({ message }: StoredWireMessage): string[] {
  return decodeLast(message.subject);
}

function decodeLast(subject: string): string[] {
  const token = subject.slice(subject.lastIndexOf(".") + 1);
  try {
    return [decodeURIComponent(token)];
  } catch {
    return [];
  }
}
