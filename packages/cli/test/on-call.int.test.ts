// What somebody on call does, against a real broker: find the journey, see what is stuck, mend it, watch it end.

import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "@nats-io/transport-node";
import { exitCodes } from "@throughline/cli";
import { defineEvent } from "@throughline/contracts";
import { defineService, openDeadLetters, type RunningService, run, silentLogger } from "@throughline/core";
import { nats } from "@throughline/nats";
import { type NatsServer, startNatsServer } from "@throughline/servers";
import { eventually } from "@throughline/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import manifest from "../package.json" with { type: "json" };
import { openTerminal, runCommand } from "./run-command.ts";

const Placed = defineEvent("orders.placed", { key: (order: { orderId: string }) => order.orderId }).version(
  1,
  z.object({ orderId: z.string(), customerId: z.string() }),
);
const Billed = defineEvent("bills.sent", { key: (bill: { customerId: string }) => bill.customerId }).version(
  1,
  z.object({ customerId: z.string() }),
);
const Reminded = defineEvent("bills.reminded", { key: (bill: { customerId: string }) => bill.customerId }).version(
  1,
  z.object({ customerId: z.string() }),
);

let server: NatsServer;
let shop: RunningService<typeof Placed>;
let billing: RunningService<typeof Billed | typeof Reminded>;
let shipping: RunningService;
const running: { stop(): Promise<void> }[] = [];
let isBroken = true;

beforeAll(async () => {
  server = await startNatsServer();
  const settings = { transport: nats({ servers: server.url }), logger: silentLogger, signals: false };
  shop = await run(defineService("shop", { publishes: [Placed] }), settings);
  const bills = defineService("billing", { publishes: [Billed, Reminded] });
  bills.on(Placed, { name: "bill" }, async ({ customerId }, context) => {
    await context.publish(Billed, { customerId });
  });
  billing = await run(bills, settings);
  const stopped = await run(
    defineService("archive").on(Billed, { name: "keep" }, () => undefined),
    settings,
  );
  await stopped.stop();
  shipping = await startShipping();
  running.push(shop, billing);
});
afterAll(async () => {
  await Promise.all([...running, shipping].map((service) => service.stop()));
  await server[Symbol.asyncDispose]();
});

function startShipping(): Promise<RunningService> {
  const shipping = defineService("shipping");
  shipping.on(Placed, { name: "ship", policy: { retry: { attempts: 2, initialDelayMs: 1 } } }, () => {
    if (isBroken) {
      throw new RangeError("the ship is full");
    }
  });
  return run(shipping, { transport: nats({ servers: server.url }), logger: silentLogger, signals: false });
}

const call = (...args: string[]) => runCommand(...args, "--nats", server.url);

async function placeOrder(orderId: string) {
  const placed = await shop.publish(Placed, { orderId, customerId: `customer of ${orderId}` });
  await eventually(async () => (await call("dead-letters", "list", "--key", orderId, "--json")).out !== "");
  return placed;
}

describe("throughline journey", () => {
  test("finds one journey by each of its keys, its correlation id and the id of each of its events", async () => {
    const placed = await placeOrder("order-1");
    const late = await billing.publish(Reminded, { customerId: "customer-late" }, { causedBy: placed });
    const ids = ["order-1", "customer of order-1", "customer-late", placed.id, late.id];
    const found = await Promise.all(ids.map((id) => call("journey", id, "--json")));
    for (const { exitCode, out, err } of found) {
      expect([exitCode, err]).toEqual([exitCodes.done, ""]);
      const { correlationId, events } = JSON.parse(out) as { correlationId: string; events: { type: string }[] };
      expect(correlationId).toBe(placed.id);
      expect(events.map(({ type }) => type)).toEqual(["orders.placed", "bills.sent", "bills.reminded"]);
    }
    const { events } = JSON.parse(found[0]?.out ?? "") as { events: { id: string; type: string }[] };
    const billed = events.find(({ type }) => type === "bills.sent")?.id ?? "";
    expect(JSON.parse((await call("journey", billed, "--json")).out)).toMatchObject({ correlationId: placed.id });
  });

  test("tells who is not done, and why; draws it as a tree, in time, as a diagram", async () => {
    await placeOrder("order-2");
    const { out } = await call("journey", "order-2");
    expect(out).toMatch(
      /is a dead letter of shipping-ship \(#\d+, attempts-exhausted\), 2 failed attempts: RangeError/,
    );
    expect(out).toContain("· waits for archive-keep");
    expect((await call("journey", "order-2", "--sequence")).out).toContain("shipping-ship (dead)");
    expect((await call("journey", "order-2", "--mermaid")).out).toMatch(/^sequenceDiagram\n/);
    const linked = await call("journey", "order-2", "--jaeger", "http://127.0.0.1:16686");
    expect(linked.out).toMatch(/trace http:\/\/127\.0\.0\.1:16686\/trace\/[0-9a-f]{32}/);
  });

  test("of several under one key, shows the newest and names the others", async () => {
    const first = await placeOrder("order-again");
    const second = await shop.publish(Placed, { orderId: "order-again", customerId: "customer-9" });
    await eventually(async () => {
      const { correlationId, others } = JSON.parse((await call("journey", "order-again", "--json")).out);
      expect({ correlationId, others }).toEqual({ correlationId: second.id, others: [first.id] });
      return true;
    });
  });

  test("says so when nothing is there, and when nobody answers", async () => {
    const nothing = await call("journey", "order-unknown");
    expect([nothing.exitCode, nothing.out]).toEqual([exitCodes.findings, ""]);
    expect(nothing.err).toContain('Nothing is stored under "order-unknown"');
    const unreachable = await runCommand("journey", "order-1", "--nats", "nats://127.0.0.1:1");
    expect(unreachable.exitCode).toBe(exitCodes.failed);
    expect(unreachable.err).toContain("NATS_UNREACHABLE");
  });
});

describe("throughline dead-letters", () => {
  test("lists, groups and shows; redrives with --yes alone; the journey says that it is done", async () => {
    await placeOrder("order-3");
    const list = await call("dead-letters", "list", "--key", "order-3");
    expect(list.out).toMatch(
      /shipping ship\s+orders\.placed order-3\s+attempts-exhausted\s+2\s+RangeError: the ship is full/,
    );
    const groups = JSON.parse((await call("dead-letters", "groups", "--service", "shipping", "--json")).out) as {
      count: number;
      fingerprint: string;
    }[];
    expect(groups).toHaveLength(1);
    const [letter] = (await call("dead-letters", "list", "--key", "order-3", "--json")).out.trim().split("\n");
    const { sequence, fingerprint } = JSON.parse(letter ?? "") as { sequence: number; fingerprint: string };
    expect(fingerprint).toBe(groups[0]?.fingerprint);
    const shown = await call("dead-letters", "show", String(sequence));
    expect(shown.out).toContain('"customerId": "customer of order-3"');
    expect(shown.out).toContain(`throughline dead-letters redrive --sequence ${sequence}`);

    const dry = await call("dead-letters", "redrive", "--sequence", String(sequence));
    expect([dry.exitCode, dry.out]).toEqual([exitCodes.done, expect.stringContaining("Nothing was changed")]);
    const failing = await call("dead-letters", "redrive", "--sequence", String(sequence), "--yes");
    expect([failing.exitCode, failing.out]).toEqual([exitCodes.findings, expect.stringContaining("failed again")]);
    isBroken = false;
    const mended = await call("dead-letters", "redrive", "--key", "order-3", "--yes");
    expect([mended.exitCode, mended.out]).toEqual([
      exitCodes.done,
      expect.stringContaining("1 of 1 redriven, 1 handled"),
    ]);
    const journey = await call("journey", "order-3");
    expect(journey.out).not.toContain("dead letter");
    expect(journey.out).toMatch(/· was handled by shipping-ship, redriven 2 times \(20\d\d-/);
    isBroken = true;
  });

  test("what is redriven and not handled yet waits in line, and the journey says so", async () => {
    await placeOrder("order-queued");
    await shipping.stop();
    const transport = nats({ servers: server.url });
    await using letters = await openDeadLetters({ transport, operator: "a test", contracts: [Placed] });
    const report = await letters.redrive({ key: "order-queued" }, { batchTimeoutMs: 200 });
    expect(report).toMatchObject({ state: "waiting", redriven: 1 });
    const journey = async () => (await call("journey", "order-queued")).out;
    expect(await journey()).toMatch(/· waits for shipping-ship, redriven once \(20\d\d-/);
    isBroken = false;
    shipping = await startShipping();
    await eventually(async () => (await journey()).includes("· was handled by shipping-ship, redriven once"));
    isBroken = true;
  });

  test("deletes with --yes and a reason alone, and never everything", async () => {
    await placeOrder("order-4");
    const discard = (...more: string[]) => call("dead-letters", "discard", "--key", "order-4", ...more);
    expect((await discard("--yes")).exitCode).toBe(exitCodes.usage);
    expect((await discard("--because", "a test")).out).toContain("1 dead letter would be deleted");
    expect((await discard("--because", "a test", "--yes")).out).toContain("1 dead letter deleted");
    expect((await call("dead-letters", "list", "--key", "order-4")).out).toContain("0 dead letters.");
    const all = await call("dead-letters", "discard", "--because", "all", "--yes");
    expect([all.exitCode, all.err]).toEqual([exitCodes.usage, expect.stringContaining("BUS_FILTER_INVALID")]);
    expect((await call("dead-letters", "show", "999999")).exitCode).toBe(exitCodes.findings);
    expect((await call("dead-letters", "list", "--before", "yesterday")).exitCode).toBe(exitCodes.usage);
  });
});

test("throughline tail: events as they come, filtered, and what is none of ours as it is", async () => {
  const tail = call("tail", "orders", "--count", "2", "--json");
  const outside = await connect({ servers: server.url });
  const publishing = setInterval(() => {
    outside.publish("orders.placed.odd", "no json");
    void shop.publish(Placed, { orderId: "order-5", customerId: "customer-5" });
  }, 100);
  const { exitCode, out } = await tail;
  clearInterval(publishing);
  await outside.close();
  expect(exitCode).toBe(exitCodes.done);
  const lines = out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { type: string });
  expect(lines).toHaveLength(2);
  expect(lines.map(({ type }) => type)).toContain("orders.placed");
});

test("throughline topology: who tells whom what, and what waits where", async () => {
  const config = "examples/orders/throughline.config.ts";
  const { out } = await runCommand("topology", config);
  expect(out).toMatch(/orders\.confirmed\s+orders\s+gateway follow\n\s+notifications tell-customer/);
  expect((await runCommand("topology", config, "--mermaid")).out).toContain("  gateway -->|orders.placed| inventory");
  const flows = JSON.parse((await runCommand("topology", config, "--json")).out) as { type: string }[];
  expect(flows).toHaveLength(10);
});

test("throughline explain: what a code means, and which one was meant", async () => {
  const known = await runCommand("explain", "nats_stream_drift");
  expect([known.exitCode, known.out]).toEqual([exitCodes.done, expect.stringContaining("NATS_STREAM_DRIFT")]);
  const unknown = await runCommand("explain", "STREAM_DRIFT");
  expect([unknown.exitCode, unknown.err]).toEqual([exitCodes.usage, expect.stringContaining("NATS_STREAM_DRIFT")]);
});

describe("in a real terminal", () => {
  test("paints for people, and not with NO_COLOR", async () => {
    await placeOrder("order-6");
    const args = ["journey", "order-6", "--nats", server.url];
    const [painted, plain] = [openTerminal(args), openTerminal(args, { NO_COLOR: "1" })];
    expect([await painted.ended, await plain.ended]).toEqual([0, 0]);
    expect(painted.screen()).toContain("\u001b[1morders.placed\u001b[0m");
    expect(plain.screen()).not.toContain("\u001b[");
    expect(plain.screen()).toContain("orders.placed");
  });

  test("watches until Ctrl-C, and ends with 130", async () => {
    await placeOrder("order-7");
    const watching = openTerminal(["journey", "order-7", "--watch", "--nats", server.url]);
    await eventually(() => watching.screen().includes("archive-keep"));
    watching.type("\u0003");
    expect(await watching.ended).toBe(exitCodes.interrupted);
    const tail = openTerminal(["tail", "--nats", server.url]);
    await eventually(() => tail.screen().includes("Following"));
    await eventually(async () => {
      await shop.publish(Placed, { orderId: "order-8", customerId: "customer-8" });
      return tail.screen().includes("order-8");
    });
    tail.type("\u0003");
    expect(await tail.ended).toBe(exitCodes.interrupted);
  });

  test("every other command shows its result, and ends with its exit code", async () => {
    await placeOrder("order-9");
    const letter = JSON.parse((await call("dead-letters", "list", "--key", "order-9", "--json")).out);
    const broker = ["--nats", server.url];
    const config = "examples/orders/throughline.config.ts";
    const lock = join(await mkdtemp(join(tmpdir(), "throughline-lock-")), "contracts.lock.json");
    const nobody = "postgres://127.0.0.1:1/nobody";
    const { done, findings, outdated, failed } = exitCodes;
    const expected: [args: string[], exitCode: number, screen: string][] = [
      [["dead-letters", "list", "--key", "order-9", ...broker], done, "shipping ship"],
      [["dead-letters", "groups", ...broker], done, "RangeError"],
      [["dead-letters", "show", String(letter.sequence), ...broker], done, "the ship is full"],
      [["dead-letters", "redrive", "--key", "order-9", ...broker], done, "--yes"],
      [["dead-letters", "discard", "--key", "order-9", "--because", "a test", ...broker], done, "--yes"],
      [["topology", config, ...broker], done, "orders.confirmed"],
      [["contracts", "check", config, "--lock", lock], outdated, "contracts.lock.json"],
      [["contracts", "lock", config, "--lock", lock], done, "contracts.lock.json"],
      [["contracts", "docs", config, "--check"], outdated, "throughline contracts docs"],
      [["reconcile", "--database", nobody, ...broker], failed, "ECONNREFUSED"],
      [["explain", "NATS_STREAM_DRIFT"], done, "NATS_STREAM_DRIFT"],
      [["completion", "zsh"], done, "#compdef throughline"],
      [["journey", "order-nobody-knows", ...broker], findings, "order-nobody-knows"],
      [["--help"], done, "dead-letters"],
      [["--version"], done, manifest.version],
    ];
    for (const [args, exitCode, screen] of expected) {
      const terminal = openTerminal(args);
      const shown = [args.join(" "), await terminal.ended, terminal.screen()];
      expect.soft(shown).toEqual([args.join(" "), exitCode, expect.stringContaining(screen)]);
    }
  });

  test("completes in bash what may follow", async () => {
    expect((await runCommand("complete", "--", "dead-letters", "re")).out).toBe("redrive\n");
    expect((await runCommand("complete", "--", "explain", "NATS_STREAM")).out).toBe("NATS_STREAM_DRIFT\n");
    for (const shell of ["bash", "zsh", "fish"]) {
      expect((await runCommand("completion", shell)).out).toContain("throughline complete --");
    }
    expect((await runCommand("completion", "tcsh")).exitCode).toBe(exitCodes.usage);
  });
});
