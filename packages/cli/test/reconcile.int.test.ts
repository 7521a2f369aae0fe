// `throughline reconcile` after a broker forgot what it had confirmed.

import { connect } from "@nats-io/transport-node";
import { exitCodes, runCommandLine } from "@throughline/cli";
import { defineEvent } from "@throughline/contracts";
import { defineService, run, silentLogger } from "@throughline/core";
import { nats } from "@throughline/nats";
import { postgres } from "@throughline/postgres";
import { startNatsServer, startPostgres } from "@throughline/servers";
import { eventually } from "@throughline/testing";
import pg from "pg";
import { expect, test } from "vitest";
import { z } from "zod";

const Placed = defineEvent("orders.placed", { key: (order: { id: string }) => order.id }).version(
  1,
  z.object({ id: z.string() }),
);
const count = 40;

test("names what the stream has lost, publishes it again when asked, and finds nothing afterwards", async () => {
  await using broker = await startNatsServer();
  await using database = await startPostgres();
  const url = await database.database("shop");
  const shop = await run(defineService("shop", { publishes: [Placed] }), {
    transport: nats({ servers: broker.url }),
    store: postgres({ url }),
    logger: silentLogger,
    signals: false,
  });
  await shop.transaction(async (tx) => {
    for (let n = 0; n < count; n++) {
      await shop.publish(Placed, { id: `order-${n}` }, { transaction: tx });
    }
  });
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const sent = async () =>
    Number((await client.query("select count(*) as n from throughline.outbox where sent_at is not null")).rows[0].n);
  await eventually(async () => (await sent()) === count);
  await shop.stop();

  const connection = await connect({ servers: broker.url });
  const api = async (subject: string, body: object = {}) =>
    (await connection.request(`$JS.API.${subject}`, JSON.stringify(body))).json<{ state?: { messages: number } }>();
  const reconcile = async (...options: string[]) => {
    let out = "";
    const collect = (text: string) => {
      out += text;
    };
    const terminal = { out: collect, err: collect, cwd: process.cwd(), color: false, isInteractive: false };
    const args = ["reconcile", "--database", url, "--nats", broker.url, ...options];
    return { exitCode: await runCommandLine(args, terminal), out };
  };
  expect(await reconcile()).toEqual({
    exitCode: exitCodes.done,
    out: "40 events compared: the streams have them all.\n",
  });

  // What a restored backup looks like: the newest ten never happened.
  for (let sequence = count - 9; sequence <= count; sequence++) {
    await api("STREAM.MSG.DELETE.ORDERS", { seq: sequence });
  }
  const found = await reconcile();
  expect(found.exitCode).toBe(exitCodes.findings);
  expect(found.out).toContain("40 events compared: 10 lost, 0 published again.");
  expect((await api("STREAM.INFO.ORDERS")).state?.messages).toBe(30);
  const json = JSON.parse((await reconcile("--format", "json")).out) as { lost: { subject: string }[] };
  expect(json.lost.map(({ subject }) => subject)).toContain("orders.placed.order-39");

  await api("STREAM.DELETE.ORDERS");
  await api("STREAM.CREATE.ORDERS", { name: "ORDERS", subjects: ["orders.>"] });
  const mended = await reconcile("--republish");
  expect(mended.exitCode).toBe(exitCodes.done);
  expect(mended.out).toContain("40 lost, 40 published again.");
  expect((await api("STREAM.INFO.ORDERS")).state?.messages).toBe(40);
  expect(await reconcile()).toMatchObject({ exitCode: exitCodes.done });
  await Promise.all([connection.close(), client.end()]);
  expect(await reconcile("--schema", "nowhere")).toMatchObject({ exitCode: exitCodes.failed });
});
