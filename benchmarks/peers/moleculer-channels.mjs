// Moleculer with its channels over JetStream, 1,000 messages in flight (its default is one).

import { createRequire } from "node:module";
import { countArrivals, createOrder, rateOf, report } from "./load.mjs";

const require = createRequire(import.meta.url);
const { ServiceBroker } = require("moleculer");
const { Middleware } = require("@moleculer/channels");

const createBroker = (url) =>
  new ServiceBroker({
    logger: false,
    metrics: false,
    middlewares: [
      Middleware({ adapter: { type: "NATS", options: { nats: { url, connectionOptions: { servers: url } } } } }),
    ],
  });

await report(async (url, count) => {
  const arrivals = countArrivals(count);
  const channels = (handler) => ({
    name: "orders",
    channels: {
      "orders.placed": {
        group: "bench",
        maxInFlight: 1_000,
        nats: { consumerOptions: { config: { deliver_policy: "all", max_ack_pending: 1_000 } } },
        handler,
      },
    },
  });
  // The stream is made by whoever subscribes first.
  const first = createBroker(url);
  first.createService({
    ...channels(() => undefined),
    channels: { "orders.placed": { group: "setup", handler: () => undefined } },
  });
  await first.start();
  await first.stop();
  const publisher = createBroker(url);
  await publisher.start();
  const publish = await rateOf(count, (number) => publisher.sendToChannel("orders.placed", createOrder(number)));
  const consumer = createBroker(url);
  consumer.createService(channels(() => arrivals.arrive()));
  await consumer.start();
  return { publish, consume: await arrivals.rate };
});
