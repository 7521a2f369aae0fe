// The rivals beside ours, in one run: each publishes and consumes the same orders on a fresh server of its own. They are
// installed when this is asked for, and only then, into the project's ignored folder.

import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { defineService, run, silentLogger } from "@throughline/core";
import { nats } from "@throughline/nats";
import { startNatsServer } from "@throughline/servers";
import { measureRate, startTracing } from "./bench-system.ts";
import { createOrder, OrderPlaced } from "./order-contract.ts";
import { median, round } from "./statistics.ts";

interface Rates {
  readonly publish: number;
  readonly consume: number;
}

export interface PeerFigures {
  /** Messages a second, and ours divided by it; null where the peer cannot be installed. */
  readonly [peer: string]: { readonly publish: number; readonly consume: number } | null;
}

const count = 60_000;
const rounds = 3;
const source = fileURLToPath(new URL("./peers", import.meta.url));
const folder = fileURLToPath(new URL("../.throughline/peers", import.meta.url));
const watermill = join(folder, "watermill", "peer");

export async function measurePeers(): Promise<PeerFigures> {
  startTracing();
  const peers = { ...installNodePeers(), ...buildWatermill() };
  const samples = new Map<string, Rates[]>();
  for (let index = 0; index < rounds; index++) {
    add(samples, "throughline", await measureOurs());
    for (const [name, command] of Object.entries(peers)) {
      add(samples, name, command === undefined ? undefined : await measurePeer(command));
    }
  }
  const medians = new Map([...samples].map(([name, rates]) => [name, medianOf(rates)]));
  const ours = medians.get("throughline") as Rates;
  return Object.fromEntries(
    [...medians].flatMap(([name, rates]) =>
      name === "throughline"
        ? [[name, rates]]
        : [
            [name, rates],
            [
              `${name}Ratio`,
              rates && { publish: round(ours.publish / rates.publish), consume: round(ours.consume / rates.consume) },
            ],
          ],
    ),
  );
}

function add(samples: Map<string, Rates[]>, name: string, rates: Rates | undefined): void {
  samples.set(name, [...(samples.get(name) ?? []), ...(rates === undefined ? [] : [rates])]);
}

function medianOf(rates: readonly Rates[]): Rates | null {
  return rates.length === 0
    ? null
    : {
        publish: Math.round(median(rates.map(({ publish }) => publish))),
        consume: Math.round(median(rates.map(({ consume }) => consume))),
      };
}

async function measureOurs(): Promise<Rates> {
  await using server = await startNatsServer();
  const settings = { transport: nats({ servers: server.url }), logger: silentLogger, signals: false };
  let publish: number;
  {
    await using service = await run(defineService("bench", { publishes: [OrderPlaced] }), settings);
    publish = await measureRate(count, 1_024, (number) => service.publish(OrderPlaced, createOrder(number)));
  }
  const { promise: done, resolve } = Promise.withResolvers<void>();
  let arrived = 0;
  let startedAt = 0;
  const reader = defineService("bench").on(OrderPlaced, { concurrency: 256 }, () => {
    startedAt ||= performance.now();
    if (++arrived === count) {
      resolve();
    }
  });
  await using _running = await run(reader, settings);
  await done;
  return { publish, consume: (count / (performance.now() - startedAt)) * 1_000 };
}

/** Runs a peer on a server that it has for itself. */
async function measurePeer([program = "", ...args]: readonly string[]): Promise<Rates | undefined> {
  await using server = await startNatsServer();
  const { status, stdout, stderr } = spawnSync(program, [...args, server.url, String(count)], {
    cwd: folder,
    encoding: "utf8",
    timeout: 120_000,
  });
  if (status !== 0) {
    process.stderr.write(`  ${args[0] ?? program} failed: ${stderr.trim().split("\n").at(-1)}\n`);
    return undefined;
  }
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as Rates;
}

function installNodePeers(): Record<string, readonly string[] | undefined> {
  mkdirSync(folder, { recursive: true });
  cpSync(source, folder, { recursive: true });
  const isInstalled = existsSync(join(folder, "node_modules", "moleculer"));
  if (!isInstalled) {
    process.stderr.write("  installing the peers of npm …\n");
  }
  const { status, stderr } = isInstalled
    ? { status: 0, stderr: "" }
    : spawnSync("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts"], { cwd: folder, encoding: "utf8" });
  if (status !== 0) {
    process.stderr.write(`  they cannot be installed: ${stderr.trim().split("\n").at(-1)}\n`);
  }
  const command = (script: string) => (status === 0 ? [process.execPath, script] : undefined);
  return {
    nestjsJetstream: command("nestjs-jetstream.mjs"),
    moleculerChannels: command("moleculer-channels.mjs"),
  };
}

function buildWatermill(): Record<string, readonly string[] | undefined> {
  process.stderr.write("  building Watermill …\n");
  const { status, stderr, error } = spawnSync("go", ["build", "-o", watermill, "."], {
    cwd: join(folder, "watermill"),
    encoding: "utf8",
    timeout: 300_000,
  });
  if (status !== 0) {
    process.stderr.write(`  it cannot be built: ${(error?.message ?? stderr).trim().split("\n").at(-1)}\n`);
  }
  return { watermill: status === 0 ? [watermill] : undefined };
}
