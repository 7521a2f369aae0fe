// The promises hold on a cluster of three whose leaders are killed all the while.

import { setTimeout as sleep } from "node:timers/promises";
import { type NatsCluster, type NatsServer, startNatsCluster } from "@throughline/servers";
import { type Capability, eventually, testConformance } from "@throughline/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { nats } from "../src/index.ts";
import { vitestRunner } from "./single-server-conformance.ts";

/** At least; a machine on which a server takes long to come back gets as much more time. */
const betweenKillsMs = 1_500;
const recoveryShare = 3;
const downMs = 1_000;

/** How many streams a member leads; none where it does not answer. */
async function countLed(server: NatsServer): Promise<number> {
  const response = await fetch(`${server.monitorUrl}/jsz?accounts=true&streams=true&leader_only=true`, {
    signal: AbortSignal.timeout(1_000),
  }).catch(() => undefined);
  const body = (await response?.json()) as { account_details?: { stream_detail?: unknown[] }[] } | undefined;
  return (body?.account_details ?? []).reduce((sum, { stream_detail: details = [] }) => sum + details.length, 0);
}

/** Whether a member has a route to each of the others. */
async function isJoined(server: NatsServer): Promise<boolean> {
  const response = await fetch(`${server.monitorUrl}/routez`, { signal: AbortSignal.timeout(1_000) });
  const { routes = [] } = (await response.json()) as { routes?: { remote_id: string }[] };
  return new Set(routes.map(({ remote_id: id }) => id)).size === 2;
}

/** Kills whoever leads most, brings it back, and begins again until it is stopped. */
class LeaderKiller {
  readonly #cluster: NatsCluster;
  readonly #done: Promise<void>;
  #losing: Promise<void> = Promise.resolve();
  #recoveryMs = 0;
  #holds = 0;
  #stopped = false;
  kills = 0;

  constructor(cluster: NatsCluster) {
    this.#cluster = cluster;
    this.#done = this.#run();
  }

  /** Kills nobody, with all members up and joined, until it is disposed. */
  async hold(): Promise<AsyncDisposable> {
    this.#holds++;
    await this.#losing;
    await eventually(async () => (await Promise.all(this.#cluster.servers.map(isJoined))).every(Boolean));
    return {
      [Symbol.asyncDispose]: async () => {
        this.#holds--;
      },
    };
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      await sleep(Math.max(betweenKillsMs, this.#recoveryMs * recoveryShare));
      if (this.#holds === 0) {
        this.#losing = this.#loseLeader();
        await this.#losing;
      }
    }
  }

  async #loseLeader(): Promise<void> {
    const led = await Promise.all(this.#cluster.servers.map(countLed));
    const leader = this.#cluster.servers[led.indexOf(Math.max(...led))] as NatsServer;
    await leader.kill();
    this.kills++;
    await sleep(downMs);
    const startedAt = performance.now();
    await leader.start();
    this.#recoveryMs = performance.now() - startedAt;
  }
}

describe("JetStream on a cluster whose leaders are killed", () => {
  const capabilities: readonly Capability[] = ["atomic-batch", "schedule", "cron", "fleet-pause", "partitions"];
  let cluster: NatsCluster;
  let killer: LeaderKiller;
  beforeAll(async () => {
    cluster = await startNatsCluster();
    killer = new LeaderKiller(cluster);
  });
  afterAll(async () => {
    await killer.stop();
    await cluster[Symbol.asyncDispose]();
  });

  testConformance(vitestRunner, capabilities, () => ({
    name: "a cluster",
    capabilities,
    createTransport: (options) => nats({ servers: cluster.url, streams: { replicas: 3 }, ...options }),
    disturbed: true,
    calm: () => killer.hold(),
  }));

  test("lost leaders while the suite ran", () => {
    expect(killer.kills).toBeGreaterThan(0);
  });
});
