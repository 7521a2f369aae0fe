// The life of a contract, on the running system and through the steps of the guide (docs/guides/evolving-contracts.md).

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { exitCodes, runCommandLine } from "@throughline/cli";
import type { ContractLock } from "@throughline/contracts/compatibility";
import { type NatsServer, startNatsServer } from "@throughline/servers";
import { eventually } from "@throughline/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { followJourney, isComplete, type OrderSystem, placeOrder, startOrderSystem } from "../start/order-system.ts";

const order = {
  customerId: "customer-1",
  items: [{ sku: "coffee-beans", quantity: 2 }],
  paymentMethod: "card-visa",
};

describe("while services are deployed one after the other", () => {
  let server: NatsServer;
  let system: OrderSystem;
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "throughline-evolving-"));
    server = await startNatsServer();
    system = await startOrderSystem({
      folder,
      env: { NATS_URL: server.url },
      serviceEnv: { gateway: { PUBLISH_VERSIONS: "orders.placed=1" } },
    });
  });
  afterAll(async () => {
    await system[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  test("a version 1 that was stored before goes through today's handlers, in euro", async () => {
    await system.services.get("inventory")?.kill();
    const placed = await placeOrder(system.gatewayUrl, order);
    const [stored] = await eventually(async () => {
      const found = await system.events.messages("ORDERS", `orders.placed.${placed.orderId}`);
      return found.length > 0 && found;
    });
    expect(stored?.message.headers.get("ce-dataversion")).toBe("1");
    expect(JSON.parse(Buffer.from(stored?.message.body ?? []).toString())).not.toHaveProperty("currency");

    await system.relaunch("inventory");
    const journey = await followJourney(system, placed, 20_000);
    expect(isComplete(journey)).toBe(true);
    const [captured] = await system.events.messages("PAYMENTS", `payments.captured.${placed.orderId}`);
    expect(JSON.parse(Buffer.from(captured?.message.body ?? []).toString())).toMatchObject({ currency: "EUR" });
  });

  test("today's contracts read everything that the running system has stored", async () => {
    const { exitCode, out } = await runContracts("check", "throughline.config.ts", "--against", server.url);
    expect(out).toContain("0 cannot be read");
    expect(exitCode).toBe(exitCodes.done);
  });
});

describe("the guide's way to version 3", () => {
  const lockFile = join(tmpdir(), `throughline-placed-${process.pid}.json`);
  const run = (command: string, attempt: string, ...options: string[]) =>
    runContracts(command, `test/version-three/${attempt}.ts`, "--lock", lockFile, ...options);

  beforeAll(() => {
    const committed = JSON.parse(
      readFileSync(new URL("../contracts.lock.json", import.meta.url), "utf8"),
    ) as ContractLock;
    const events = { "orders.placed": committed.events["orders.placed"] };
    writeFileSync(lockFile, JSON.stringify({ ...committed, events, procedures: {} }));
  });
  afterAll(() => rmSync(lockFile));

  test("a change in place is found to break those who read what is stored", async () => {
    const { exitCode, out } = await run("check", "in-place");
    expect(exitCode).toBe(exitCodes.findings);
    expect(out).toContain("property-missing  orders.placed version 2  /shipTo");
  });

  test("a version without a way back is found to break those who are not deployed yet", async () => {
    const { exitCode, out } = await run("check", "one-way");
    expect(exitCode).toBe(exitCodes.findings);
    expect(out).toContain("downcast-missing  orders.placed version 3");
  });

  test("a version with both ways breaks nobody, and is locked", async () => {
    expect((await run("check", "both-ways")).exitCode).toBe(exitCodes.outdated);
    expect((await run("lock", "both-ways")).exitCode).toBe(exitCodes.done);
    expect((await run("check", "both-ways")).exitCode).toBe(exitCodes.done);
  });
});

async function runContracts(...args: string[]) {
  let out = "";
  const collect = (text: string) => {
    out += text;
  };
  const cwd = fileURLToPath(new URL("..", import.meta.url));
  const terminal = { out: collect, err: collect, cwd, color: false, isInteractive: false };
  return { exitCode: await runCommandLine(["contracts", ...args], terminal), out };
}
