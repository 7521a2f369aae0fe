// Asks the brokers about themselves, past all proxies.

import { connect, type NatsConnection } from "@nats-io/transport-node";
import type { NatsServer } from "@throughline/servers";
import type { Stage } from "./stage.ts";

const requestTimeoutMs = 3_000;
const patienceMs = 20_000;

export async function openBroker({ brokerUrl }: Pick<Stage, "brokerUrl">): Promise<NatsConnection> {
  return await connect({ servers: brokerUrl.split(","), maxReconnectAttempts: -1, reconnectTimeWait: 250 });
}

/** The member that leads the stream at the moment; any that runs where nobody does. */
export async function findLeader(stage: Stage, stream: string): Promise<NatsServer> {
  const connection = await openBroker(stage);
  try {
    const info = await connection
      .request(`$JS.API.STREAM.INFO.${stream}`, "", { timeout: requestTimeoutMs })
      .then((answer) => answer.json<{ cluster?: { leader?: string } }>())
      .catch(() => undefined);
    const position = Number(info?.cluster?.leader?.replace(/^n/, "") ?? 1);
    return stage.brokers[position - 1] ?? (stage.brokers[0] as NatsServer);
  } finally {
    await connection.close();
  }
}

export interface ConsumerState {
  readonly durable: string;
  readonly waiting: number;
  readonly underWay: number;
  /** Deliveries so far, repeated ones included. */
  readonly deliveries: number;
}

interface ConsumerList {
  readonly consumers?: readonly {
    readonly name: string;
    readonly config: { readonly durable_name?: string };
    readonly num_pending: number;
    readonly num_ack_pending: number;
    readonly delivered: { readonly consumer_seq: number };
  }[];
  readonly error?: { readonly err_code: number };
}

/** What each durable consumer of a stream has left to do. Tried again while nobody leads. */
export async function readConsumers(connection: NatsConnection, stream: string): Promise<readonly ConsumerState[]> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    try {
      const answer = await connection.request(`$JS.API.CONSUMER.LIST.${stream}`, "", { timeout: requestTimeoutMs });
      const { consumers, error } = answer.json<ConsumerList>();
      if (error !== undefined) {
        throw new Error(`the consumers of ${stream} are not told: ${error.err_code}`);
      }
      return (consumers ?? [])
        .filter(({ config }) => config.durable_name !== undefined)
        .map(({ name, num_pending, num_ack_pending, delivered }) => ({
          durable: name,
          waiting: num_pending,
          underWay: num_ack_pending,
          deliveries: delivered.consumer_seq,
        }));
    } catch (error) {
      if (performance.now() > deadline) {
        throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }
}
