// What became of each event at each subscription that wants it: done, waiting, under way, failing, dead.

import { contextOfStream, encodeKey, type StoredWireMessage } from "@throughline/contracts";
import { type Journey, type JourneyEvent, replaceEvents } from "./journey.ts";
import type { ConsumerFacts, JourneySource } from "./journey-source.ts";

export type DeliveryState = "handled" | "waiting" | "under-way" | "failing" | "dead";

/** One event at one subscription. */
export interface DeliveryProgress {
  /** `<service>-<subscription>` */
  readonly durable: string;
  readonly state: DeliveryState;
  /** Attempts that failed. */
  readonly failures: number;
  /** The last failure. */
  readonly error?: { readonly name: string; readonly message: string };
  /** Of a dead letter: its place in the stream of dead letters, why it is there, and how often it was redriven before. */
  readonly deadLetter?: { readonly sequence: number; readonly reason: string; readonly replays: number };
  /** That somebody brought it back after it was a dead letter: how often, and when last, RFC 3339. */
  readonly redriven?: { readonly times: number; readonly time: string };
}

/** What is stored of a journey beside its events and the notes on their attempts. */
export interface Aftermath {
  readonly letters: readonly StoredWireMessage[];
  /** What was redriven and is not handled yet. */
  readonly queued: readonly StoredWireMessage[];
  /** Notes on what was redriven. */
  readonly redriven: readonly StoredWireMessage[];
}

/** Adds what is known of the handling of each event. A journey is at rest when nothing is left to do but by a person. */
export async function readProgress(
  source: JourneySource,
  journey: Journey,
  { letters, queued, redriven }: Aftermath,
): Promise<Journey> {
  const contexts = [...new Set(journey.events.map(({ stream }) => contextOfStream(stream)))];
  const consumers = new Map(
    await Promise.all(contexts.map(async (context) => [context, await source.consumers(context)] as const)),
  );
  const idOf = ({ message }: StoredWireMessage) => message.headers.get("ce-id") ?? "";
  const [deadById, queuedById] = [Map.groupBy(letters, idOf), Map.groupBy(queued, idOf)];
  const progressed = new Map<string, JourneyEvent>();
  await Promise.all(
    journey.events.map(async (event) => {
      const wanting = (consumers.get(contextOfStream(event.stream)) ?? []).filter((one) => wants(one, event));
      const effects = journey.events.filter(({ causationId }) => causationId === event.id);
      const deliveries = await Promise.all(
        wanting.map(async (consumer) => ({
          ...(await progressOf(source, event, consumer, {
            effects,
            letters: deadById.get(event.id) ?? [],
            queued: queuedById.get(event.id) ?? [],
          })),
          ...describeRedrive(consumer, event, redriven),
        })),
      );
      progressed.set(event.id, { ...event, deliveries });
    }),
  );
  const known = replaceEvents(journey, (event) => progressed.get(event.id) ?? event);
  const states = known.events.flatMap(({ deliveries }) => deliveries.map(({ state }) => state));
  return { ...known, isAtRest: states.every((state) => state === "handled" || state === "dead") };
}

async function progressOf(
  source: JourneySource,
  event: JourneyEvent,
  { durable, settledSequence, deliveredSequence }: ConsumerFacts,
  { effects, letters, queued }: Pick<Aftermath, "letters" | "queued"> & { readonly effects: readonly JourneyEvent[] },
): Promise<DeliveryProgress> {
  // `dead.<service>.<subscription>.…`, `redrive.<service>.<subscription>.…`
  const isOfDurable = ({ message }: StoredWireMessage) => message.subject.split(".").slice(1, 3).join("-") === durable;
  const letter = letters.find(isOfDurable);
  if (letter !== undefined) {
    return { durable, state: "dead", ...describeLetter(letter) };
  }
  if (queued.some(isOfDurable)) {
    return { durable, state: "waiting", failures: 0 };
  }
  const effect = effects.find(({ handling }) => handling?.durable === durable);
  if (effect?.handling !== undefined) {
    return { durable, state: "handled", failures: effect.handling.attempt - 1 };
  }
  if (event.streamSequence <= settledSequence) {
    return { durable, state: "handled", failures: 0 };
  }
  if (event.streamSequence > deliveredSequence) {
    return { durable, state: "waiting", failures: 0 };
  }
  const attempts = await source.attempts(durable, {
    stream: event.stream,
    sequence: event.streamSequence,
    timeMs: event.storedAtMs,
  });
  const failures = attempts?.failures ?? 0;
  return {
    durable,
    state: failures > 0 ? "failing" : "under-way",
    failures,
    ...(attempts?.error && { error: attempts.error }),
  };
}

function describeLetter({ message, storedAt }: StoredWireMessage): Omit<DeliveryProgress, "durable" | "state"> {
  const note = (name: string) => message.headers.get(`throughline-dead-${name}`);
  return {
    failures: Number(note("attempts") ?? 0),
    error: { name: note("error-name") ?? "unknown", message: note("error-message") ?? "" },
    deadLetter: {
      sequence: storedAt.sequence,
      reason: note("reason") ?? "unknown",
      replays: Number(note("replays") ?? 0),
    },
  };
}

function describeRedrive(
  { durable }: ConsumerFacts,
  event: JourneyEvent,
  notes: readonly StoredWireMessage[],
): Pick<DeliveryProgress, "redriven"> {
  const note = notes.find(({ message }) => message.subject.endsWith(`.redriven.${durable}.${encodeKey(event.id)}`));
  const times = Number(note?.message.headers.get("throughline-redrive-replays") ?? 1);
  return note === undefined ? {} : { redriven: { times, time: new Date(note.storedAt.timeMs).toISOString() } };
}

/** Filters end in the key: `orders.placed.*`. */
function wants({ filterSubjects }: ConsumerFacts, { type, key }: JourneyEvent): boolean {
  const subject = `${type}.${encodeKey(key)}`;
  return filterSubjects.some((filter) => matches(filter, subject));
}

function matches(filter: string, subject: string): boolean {
  const tokens = subject.split(".");
  const wanted = filter.split(".");
  return (
    wanted.every((token, index) => token === ">" || token === "*" || token === tokens[index]) &&
    (wanted.at(-1) === ">" || wanted.length === tokens.length)
  );
}
