// Whether today's contracts can read what the streams still hold: the proof that no comparison of schemas can give.

import { type AnyEventContract, type StoredWireMessage, ThroughlineError } from "@throughline/contracts";
import { readMessage, requireReadableHeaders } from "../delivery/event-handling.ts";
import { type Logger, silentLogger } from "../telemetry/logger.ts";
import type { Transport, TransportConnection } from "../transport.ts";

export interface StoredEventsOptions {
  readonly transport: Transport;
  readonly contracts: readonly AnyEventContract[];
  /** Told every few thousand events. */
  readonly onProgress?: (progress: {
    readonly stream: string;
    readonly sequence: number;
    readonly last: number;
  }) => void;
  readonly logger?: Logger;
}

/** A stored event that a service with these contracts would put among the dead letters. */
export interface UnreadableEvent {
  readonly stream: string;
  readonly sequence: number;
  readonly subject: string;
  readonly type: string;
  /** As its header says; null when that is missing or not valid. */
  readonly version: number | null;
  readonly code: string;
  readonly problem: string;
}

export interface StoredEventsCheck {
  /** How many events of each stream were read; a stream that does not exist holds none. */
  readonly streams: Readonly<Record<string, number>>;
  readonly unreadable: readonly UnreadableEvent[];
  /** Events of types that none of the contracts declares, by type. */
  readonly undeclared: Readonly<Record<string, number>>;
}

const progressEvery = 2_000;

/**
 * Reads every event in the streams of these contracts, up to the newest at the start. Changes nothing: no ack, no durable
 * consumer, no provisioning. @throws NATS_UNREACHABLE, NATS_UNAUTHORIZED, NATS_REQUEST_FAILED
 */
export async function checkStoredEvents(options: StoredEventsOptions): Promise<StoredEventsCheck> {
  const { transport, contracts, onProgress, logger = silentLogger } = options;
  const connection = await transport.connect({ service: "throughline-contracts", logger });
  const byType = new Map(contracts.map((contract) => [contract.type, contract]));
  const contexts = [...new Map(contracts.map(({ stream, context }) => [stream, context]))].toSorted();
  const streams: Record<string, number> = {};
  const undeclared: Record<string, number> = {};
  const unreadable: UnreadableEvent[] = [];
  try {
    for (const [stream, context] of contexts) {
      let read = 0;
      for await (const stored of readUpToNow(connection, stream, context, onProgress)) {
        read++;
        const event = targetOf(stored);
        const type = typeOf(event.message.subject);
        const contract = byType.get(type);
        if (contract === undefined) {
          undeclared[type] = (undeclared[type] ?? 0) + 1;
        } else {
          const problem = await problemOf(event, contract);
          if (problem !== undefined) {
            unreadable.push({ ...placeOf(stored, type), ...problem });
          }
        }
      }
      streams[stream] = read;
    }
  } finally {
    await connection.close();
  }
  return { streams, unreadable, undeclared };
}

async function* readUpToNow(
  connection: TransportConnection,
  stream: string,
  context: string,
  onProgress: StoredEventsOptions["onProgress"],
): AsyncGenerator<StoredWireMessage> {
  const last = await connection.stored.lastSequence(stream);
  let count = 0;
  for await (const stored of connection.stored.read(stream, `${context}.>`)) {
    const { sequence } = stored.storedAt;
    if (sequence > last) {
      return;
    }
    if (count++ % progressEvery === 0) {
      onProgress?.({ stream, sequence, last });
    }
    yield stored;
  }
}

/** What waits for its time is read as what it will be. */
function targetOf(stored: StoredWireMessage): StoredWireMessage {
  const { message } = stored;
  const target = message.headers.get("nats-schedule-target");
  const isScheduled = message.subject.split(".", 2)[1] === "_scheduled" && target !== undefined;
  return isScheduled ? { ...stored, message: { ...message, subject: target } } : stored;
}

function typeOf(subject: string): string {
  return subject.split(".", 2).join(".");
}

async function problemOf(
  { message, malformedHeaders, storedAt }: StoredWireMessage,
  contract: AnyEventContract,
): Promise<Pick<UnreadableEvent, "code" | "problem"> | undefined> {
  try {
    requireReadableHeaders(malformedHeaders);
    await readMessage(message, storedAt, contract);
    return undefined;
  } catch (error) {
    return error instanceof ThroughlineError
      ? { code: error.code, problem: error.message }
      : { code: "UNEXPECTED", problem: `an upcaster or a schema throws ${String(error)}` };
  }
}

function placeOf({ message, storedAt }: StoredWireMessage, type: string) {
  const version = message.headers.get("ce-dataversion") ?? "";
  return {
    stream: storedAt.stream,
    sequence: storedAt.sequence,
    subject: message.subject,
    type,
    version: /^[1-9]\d{0,5}$/.test(version) ? Number(version) : null,
  };
}
