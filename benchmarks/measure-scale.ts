// Whether size changes anything: a million messages through one subscription, and a thousand subscriptions in one process,
// against a small run of the same process; and whether resident memory stays flat meanwhile.

import { type ConsumerMessages, type JsMsg, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { defineEvent } from "@throughline/contracts";
import { defineService, run, type Service, silentLogger } from "@throughline/core";
import { nats } from "@throughline/nats";
import { type NatsServer, startNatsServer } from "@throughline/servers";
import { z } from "zod";
import { measureRate, startTracing } from "./bench-system.ts";
import { createOrder, OrderPlaced } from "./order-contract.ts";
import { round } from "./statistics.ts";

export interface ScaleFigures {
  /** Messages a second through one subscription. */
  readonly small: number;
  readonly million: number;
  readonly millionRatio: number;
  /** Over all subscriptions of the process together, beside two that get as many. */
  readonly twoSubscriptions: number;
  readonly thousandSubscriptions: number;
  readonly thousandRatio: number;
  /** A thousand consumers of raw nats.js: what the server makes of as many durables, each with its state in a file. */
  readonly rawThousand: number;
  readonly thousandRatioRaw: number;
  /** Resident memory in MB while the second half of the million was handled: at its begin and at its end. */
  readonly rssHalfwayMb: number;
  readonly rssEndMb: number;
  /** Growth over the second half, as a line through all samples, in percent. */
  readonly rssSlopePercent: number;
}

const smallCount = 100_000;
const largeCount = 1_000_000;
const subscriptions = 1_000;
const perSubscription = 100;
/** The server allows a stream a thousand consumers by default. */
const contexts = ["many", "more"];
const sampleEveryMs = 250;

export async function measureScale(): Promise<ScaleFigures> {
  startTracing();
  const thousand = await measureThousand();
  const { small, million, memory } = await measureMillion();
  return {
    small: Math.round(small),
    million: Math.round(million),
    millionRatio: round(million / small),
    ...thousand,
    ...memory,
  };
}

const settingsFor = (server: NatsServer) => ({
  transport: nats({ servers: server.url }),
  logger: silentLogger,
  signals: false,
});

async function measureMillion() {
  await using server = await startNatsServer();
  {
    await using publisher = await run(defineService("bench", { publishes: [OrderPlaced] }), settingsFor(server));
    await measureRate(largeCount, 1_024, (number) => publisher.publish(OrderPlaced, createOrder(number)));
  }
  // The same process and server warm up with a first small run.
  await consume(server, "warm-up", smallCount);
  const small = await consume(server, "small", smallCount);
  const samples: { readonly share: number; readonly mb: number }[] = [];
  const million = await consume(server, "million", largeCount, (share) => samples.push({ share, mb: rssMb() }));
  return { small, million, memory: describeMemory(samples.filter(({ share }) => share >= 0.5)) };
}

/** Messages a second of the first `count` of the stream through a durable of its own. */
async function consume(
  server: NatsServer,
  name: string,
  count: number,
  sample: (share: number) => void = () => undefined,
): Promise<number> {
  const { promise: done, resolve } = Promise.withResolvers<void>();
  let arrived = 0;
  let startedAt = 0;
  let rate = 0;
  const service = defineService("bench").on(OrderPlaced, { name, concurrency: 256 }, () => {
    startedAt ||= performance.now();
    if (++arrived === count) {
      rate = (count / (performance.now() - startedAt)) * 1_000;
      resolve();
    }
  });
  const sampling = setInterval(() => sample(arrived / count), sampleEveryMs);
  const running = await run(service, settingsFor(server));
  await done;
  clearInterval(sampling);
  await running.stop();
  return rate;
}

const rssMb = () => process.memoryUsage.rss() / 1_048_576;

/** A least-squares line through the samples. */
function describeMemory(samples: readonly { readonly share: number; readonly mb: number }[]) {
  const meanShare = samples.reduce((sum, { share }) => sum + share, 0) / samples.length;
  const meanMb = samples.reduce((sum, { mb }) => sum + mb, 0) / samples.length;
  const covariance = samples.reduce((sum, { share, mb }) => sum + (share - meanShare) * (mb - meanMb), 0);
  const variance = samples.reduce((sum, { share }) => sum + (share - meanShare) ** 2, 0);
  const growth = ((covariance / variance) * 0.5) / meanMb;
  return {
    rssHalfwayMb: round(samples[0]?.mb ?? Number.NaN, 1),
    rssEndMb: round(samples.at(-1)?.mb ?? Number.NaN, 1),
    rssSlopePercent: round(growth * 100),
  };
}

/**
 * Each subscription has an event of its own, as a large service has; every one gets the same number of events while they
 * are published. (From a backlog, the server searches the stream for each sparse subject: that measures the search.)
 */
async function measureThousand() {
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
