// A thousand subscriptions in one process against two that get as many events, while those are published.

import { type ConsumerMessages, type JsMsg, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { defineEvent } from "@throughline/contracts";
import { defineService, run, type Service, silentLogger } from "@throughline/core";
import { nats } from "@throughline/nats";
import { type NatsServer, startNatsServer } from "@throughline/servers";
import { z } from "zod";
import { measureRate, startTracing } from "./bench-system.ts";
import { round } from "./statistics.ts";

export interface SubscriptionFigures {
  /** Messages a second, over all subscriptions of the process together. */
  readonly twoSubscriptions: number;
  readonly thousandSubscriptions: number;
  readonly thousandRatio: number;
  /** A thousand consumers of raw nats.js: what the server makes of as many durables, each with its state in a file. */
  readonly rawThousand: number;
  readonly thousandRatioRaw: number;
}

const subscriptions = 1_000;
const perSubscription = 100;
/** The server allows a stream a thousand consumers by default. */
const contexts = ["many", "more"];

const settingsFor = (server: NatsServer) => ({
  transport: nats({ servers: server.url }),
  logger: silentLogger,
  signals: false,
});

/**
 * Each subscription has an event of its own, as a large service has; every one gets the same number of events while they
 * are published. (From a backlog, the server searches the stream for each sparse subject: that measures the search.)
 */
export async function measureSubscriptions(): Promise<SubscriptionFigures> {
  startTracing();
  await using server = await startNatsServer();
  const contracts = Array.from({ length: subscriptions }, (_, index) =>
    defineEvent(`${contexts[index % contexts.length]}.event-${index}`, {
      key: (item: { id: string }) => item.id,
    }).version(1, z.object({ id: z.string() })),
  );
  const total = subscriptions * perSubscription;
  const publishAndHandle = async (name: string, declare: (handle: () => void) => Service): Promise<number> => {
    const { promise: done, resolve } = Promise.withResolvers<void>();
    let arrived = 0;
    const service = declare(() => {
      if (++arrived === total) {
        resolve();
      }
    });
    const running = await run(service, settingsFor(server));
    const publisher = await run(defineService(`${name}-publisher`, { publishes: contracts }), settingsFor(server));
    const startedAt = performance.now();
    await measureRate(total, 1_024, (number) =>
      publisher.publish(contracts[number % subscriptions] as (typeof contracts)[0], { id: `${name}-${number}` }),
    );
    await done;
    const rate = (total / (performance.now() - startedAt)) * 1_000;
    await Promise.all([running.stop(), publisher.stop()]);
    return rate;
  };
  const declareTwo = (name: string) => (handle: () => void) => {
    const service = defineService(name);
    for (const context of contexts) {
      const ofContext = contracts.filter((contract) => contract.context === context);
      service.on(ofContext, { name: context, concurrency: 128, startFrom: "new" }, handle);
    }
    return service;
  };
  const declareAll = (handle: () => void) => {
    const service = defineService("all");
    for (const contract of contracts) {
      service.on(contract, { startFrom: "new" }, handle);
    }
    return service;
  };
  await publishAndHandle("warm-up", declareTwo("warm-up"));
  const twoSubscriptions = await publishAndHandle("two", declareTwo("two"));
  const thousandSubscriptions = await publishAndHandle("all", declareAll);
  const rawThousand = await measureRawThousand();
  return {
    twoSubscriptions: Math.round(twoSubscriptions),
    thousandSubscriptions: Math.round(thousandSubscriptions),
    thousandRatio: round(thousandSubscriptions / twoSubscriptions),
    rawThousand: Math.round(rawThousand),
    thousandRatioRaw: round(thousandSubscriptions / rawThousand),
  };
}

/** The same with raw nats.js, on a server of its own; fewer events, since it takes as long. */
async function measureRawThousand(): Promise<number> {
  await using server = await startNatsServer();
  const connection = await connect({ servers: server.url });
  const manager = await jetstreamManager(connection);
  const stream = jetstream(connection);
  const total = subscriptions * 20;
  const { promise: done, resolve } = Promise.withResolvers<void>();
  let arrived = 0;
  const callback = (message: JsMsg) => {
    message.ack();
    if (++arrived === total) {
      resolve();
    }
  };
  for (const context of contexts) {
    await manager.streams.add({ name: context.toUpperCase(), subjects: [`${context}.>`] });
  }
  const subjectOf = (index: number) => `${contexts[index % contexts.length]}.event-${index}`;
  const consuming: ConsumerMessages[] = [];
  for (let index = 0; index < subscriptions; index++) {
    const name = (contexts[index % contexts.length] ?? "").toUpperCase();
    const filter_subject = `${subjectOf(index)}.*`;
    await manager.consumers.add(name, { durable_name: `d${index}`, ack_policy: "explicit", filter_subject });
    const consumer = await stream.consumers.get(name, `d${index}`);
    consuming.push(await consumer.consume({ max_messages: 64, callback }));
  }
  const startedAt = performance.now();
  await measureRate(total, 1_024, (number) => stream.publish(`${subjectOf(number % subscriptions)}.${number}`, "{}"));
  await done;
  const rate = (total / (performance.now() - startedAt)) * 1_000;
  for (const messages of consuming) {
    messages.stop();
  }
  await connection.close();
  return rate;
}
