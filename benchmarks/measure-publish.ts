// Confirmed publications a second with 1,024 in flight: raw `js.publish` of the bare JSON, ours with contract, headers and
// a sampled span each, and nats.go's asynchronous publish with the same headers. In turns, on one server.

import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { defineService, run, silentLogger } from "@throughline/core";
import { nats } from "@throughline/nats";
import { type NatsServer, startNatsServer } from "@throughline/servers";
import { measureRate, startTracing } from "./bench-system.ts";
import { runGo } from "./go-peer.ts";
import { createOrder, OrderPlaced } from "./order-contract.ts";
import { median, round } from "./statistics.ts";

export interface PublishFigures {
  /** Messages a second. */
  readonly raw: number;
  readonly throughline: number;
  readonly ratio: number;
  /** Null where Go is not installed. */
  readonly go: number | null;
  readonly ratioGo: number | null;
}

const window = 1_024;
const count = 40_000;
const rounds = 5;

export async function measurePublish(): Promise<PublishFigures> {
  startTracing();
  await using server = await startNatsServer();
  await using service = await run(defineService("bench", { publishes: [OrderPlaced] }), {
    transport: nats({ servers: server.url, maxInFlight: window }),
    logger: silentLogger,
    signals: false,
  });
  const connection = await connect({ servers: server.url });
  const manager = await jetstreamManager(connection);
  const stream = jetstream(connection);
  const orders = Array.from({ length: count }, (_, number) => createOrder(number));

  const publishRaw = (number: number) =>
    stream.publish(`orders.placed.order-${number}`, JSON.stringify(orders[number]));
  const publishOurs = (number: number) => service.publish(OrderPlaced, orders[number] as (typeof orders)[0]);
  const samples = { raw: [] as number[], throughline: [] as number[], go: [] as number[] };
  for (let index = 0; index <= rounds; index++) {
    const raw = await measureRate(count, window, publishRaw);
    await manager.streams.purge("ORDERS");
    const ours = await measureRate(count, window, publishOurs);
    await manager.streams.purge("ORDERS");
    const go = await publishWithGo(server);
    await manager.streams.purge("ORDERS");
    // The first round warms up.
    if (index > 0) {
      samples.raw.push(raw);
      samples.throughline.push(ours);
      samples.go.push(...(go === undefined ? [] : [go]));
    }
  }
  await connection.close();
  const [raw, throughline] = [median(samples.raw), median(samples.throughline)];
  const go = samples.go.length === 0 ? null : median(samples.go);
  return {
    raw: Math.round(raw),
    throughline: Math.round(throughline),
    ratio: round(throughline / raw),
    go: go === null ? null : Math.round(go),
    ratioGo: go === null ? null : round(throughline / go),
  };
}

async function publishWithGo(server: NatsServer): Promise<number | undefined> {
  const output = await runGo(["publish", server.url, String(count), String(window)]);
  return output === undefined ? undefined : Number(output);
}
