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
}

/** Adds what is known of the handling of each event. A journey is at rest when nothing is left to do but by a person. */
export async function readProgress(
  source: JourneySource,
  journey: Journey,
  letters: readonly StoredWireMessage[],
): Promise<Journey> {
  const contexts = [...new Set(journey.events.map(({ stream }) => contextOfStream(stream)))];
  const consumers = new Map(
    await Promise.all(contexts.map(async (context) => [context, await source.consumers(context)] as const)),
  );
  const deadById = Map.groupBy(letters, ({ message }) => message.headers.get("ce-id") ?? "");
  const progressed = new Map<string, JourneyEvent>();
  await Promise.all(
    journey.events.map(async (event) => {
      const wanting = (consumers.get(contextOfStream(event.stream)) ?? []).filter((one) => wants(one, event));
      const effects = journey.events.filter(({ causationId }) => causationId === event.id);
      const deliveries = await Promise.all(
        wanting.map((consumer) => progressOf(source, event, consumer, effects, deadById.get(event.id) ?? [])),
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
  effects: readonly JourneyEvent[],
  letters: readonly StoredWireMessage[],
): Promise<DeliveryProgress> {
  const letter = letters.find(({ message }) => message.subject.split(".").slice(1, 3).join("-") === durable);
  if (letter !== undefined) {
    return { durable, state: "dead", ...describeLetter(letter) };
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
