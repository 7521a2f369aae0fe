// What others see of a service that answers questions: any NATS client, and the tools that list services.

import { connect } from "@nats-io/transport-node";
import { defineProcedure } from "@throughline/contracts";
import { defineService, run, silentLogger } from "@throughline/core";
import { startNatsServer } from "@throughline/servers";
import { expect, test } from "vitest";
import { z } from "zod";
import { nats } from "../src/index.ts";

const Double = defineProcedure("numbers.double", {
  request: z.object({ n: z.number() }),
  reply: z.object({ n: z.number() }),
});

test("a service is found, described and asked by a plain client", async () => {
  await using server = await startNatsServer();
  await using _service = await run(
    defineService("calculator").serve(Double, ({ n }) => ({ n: 2 * n })),
    { transport: nats({ servers: server.url }), logger: silentLogger, signals: false },
  );
  const client = await connect({ servers: server.url });
  const ask = async (subject: string, body = "") => await client.request(subject, body, { timeout: 2_000 });

  expect((await ask("$SRV.PING")).json()).toMatchObject({ type: "io.nats.micro.v1.ping_response", name: "calculator" });
  expect((await ask("$SRV.INFO.calculator")).json()).toMatchObject({
    type: "io.nats.micro.v1.info_response",
    endpoints: [{ name: "numbers-double", subject: "rpc.numbers.double", queue_group: "q" }],
  });
  expect((await ask("rpc.numbers.double", '{"n":21}')).json()).toEqual({ n: 42 });
  const refused = await ask("rpc.numbers.double", '{"n":"x"}');
  expect(refused.headers?.get("nats-service-error-code")).toBe("400");
  expect(refused.json()).toMatchObject({ status: 400, code: "CONTRACT_DATA_INVALID" });
  expect((await ask("$SRV.STATS.calculator")).json()).toMatchObject({
    type: "io.nats.micro.v1.stats_response",
    endpoints: [{ num_requests: 2, num_errors: 1 }],
  });
  await client.close();
});
