import { expect, test } from "vitest";
import { parseAckReply } from "./ack-reply.ts";

const facts = {
  stream: "ORDERS",
  deliveries: 2,
  streamSequence: 10,
  consumerSequence: 5,
  storedAtMs: 1_700_000_000_123,
};

test("reads the metadata of old and new ack subjects", () => {
  expect(parseAckReply("$JS.ACK.ORDERS.pay.2.10.5.1700000000123456789.0")).toEqual(facts);
  expect(parseAckReply("$JS.ACK._.acc.ORDERS.pay.2.10.5.1700000000123456789.0")).toEqual(facts);
  expect(parseAckReply("$JS.ACK.hub.acc.ORDERS.pay.2.10.5.1700000000123456789.0.token")).toEqual(facts);
});

test("any other subject is no ack subject", () => {
  expect(parseAckReply("_INBOX.abc.1")).toBeUndefined();
  expect(parseAckReply("")).toBeUndefined();
});
