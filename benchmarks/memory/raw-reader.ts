// Raw nats.js: the callback loop that parses and acks.

import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { reportRun } from "./sampled-run.ts";

const connection = await connect({ servers: process.env["NATS_URL"] ?? "" });
const manager = await jetstreamManager(connection);
await reportRun(async (name, count, arrived) => {
  const durable_name = `raw-${name}`;
  await manager.consumers.add("ORDERS", { durable_name, ack_policy: "explicit", max_ack_pending: 10_000 });
  const consumer = await jetstream(connection).consumers.get("ORDERS", durable_name);
  const { promise: done, resolve } = Promise.withResolvers<void>();
  let received = 0;
  const messages = await consumer.consume({
    max_messages: 500,
    callback: (message) => {
      message.json();
      message.ack();
      arrived();
      if (++received === count) {
        resolve();
      }
    },
  });
  await done;
  messages.stop();
});
await connection.close();
