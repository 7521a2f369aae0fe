// The bare minimum: nats.js alone, one durable consumer, the first message printed.

import { jetstream } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";

const connection = await connect({ servers: process.env["NATS_URL"] ?? "" });
const consumer = await jetstream(connection).consumers.get("ORDERS", "raw-boot");
const messages = await consumer.consume({ max_messages: 64 });
for await (const message of messages) {
  const order = message.json<{ orderId: string }>();
  message.ack();
  process.stdout.write(`handled ${order.orderId}\n`);
  break;
}
await connection.close();
