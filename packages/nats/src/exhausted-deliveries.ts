// The server's word that it gave up on a message, caught in a stream: as an advisory it would be lost on nobody there.
// @see https://docs.nats.io/running-a-nats-service/nats_admin/monitoring/monitoring_jetstream

import type { StoredWireMessage } from "@throughline/contracts";
import type { Logger, StreamTopology, SubscriptionTopology, TransportConnection } from "@throughline/core";

const dayMs = 86_400_000;
const subject = "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>";

export const advisoryStream: StreamTopology = {
  name: "EXHAUSTED_DELIVERIES",
  subjects: [subject],
  keep: { forMs: 7 * dayMs },
};

interface Advisory {
  readonly stream: string;
  readonly consumer: string;
  readonly stream_seq: number;
  readonly deliveries: number;
}

const concurrency = 8;
const ackWaitMs = 30_000;
const retryMs = 5_000;

/** One durable for each service, which skips what is about others; there is never much. */
export async function watchExhausted(
  connection: TransportConnection,
  service: string,
  durables: ReadonlySet<string>,
  listener: (durable: string, message: StoredWireMessage, deliveries: number) => Promise<void>,
  logger: Logger,
): Promise<{ stop(): Promise<void> }> {
  const topology: SubscriptionTopology = {
    stream: advisoryStream.name,
    durable: `${service}-exhausted`,
    filterSubjects: [subject],
    startFrom: "first",
    ackWaitMs,
    keepOrder: false,
  };
  await connection.provision({ streams: [], subscriptions: [topology] });
  const handle = async (body: Uint8Array): Promise<void> => {
    const advisory = JSON.parse(Buffer.from(body).toString()) as Advisory;
    if (durables.has(advisory.consumer)) {
      const message = await connection.stored.get(advisory.stream, advisory.stream_seq);
      if (message !== undefined) {
        await listener(advisory.consumer, message, advisory.deliveries);
      }
    }
  };
  const consumption = await connection.consume(topology, {
    onReplay: () => undefined,
    onDelivery: (delivery) => {
      handle(delivery.message.body)
        .then(
          () => delivery.acknowledge(),
          (error: unknown) => {
            logger.warn({ err: error }, "an exhausted event could not be kept yet");
            delivery.retry(retryMs);
          },
        )
        .finally(() => consumption.grant(1));
    },
  });
  consumption.grant(concurrency);
  return consumption;
}
