// Real servers: found, started, killed, restarted, and gone afterwards whatever happens to their owner.

import { spawn } from "node:child_process";
import { access, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { eventually } from "@throughline/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { GuardedProcess } from "../src/guarded-process.ts";
import {
  findNatsServer,
  natsServerVersion,
  type ServersError,
  startNatsCluster,
  startNatsServer,
} from "../src/index.ts";
import { startMirror } from "./release-mirror.ts";

const sourceUrl = new URL("../src/index.ts", import.meta.url).href;

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function findParent(pid: number): Promise<number> {
  const ps = spawn("ps", ["-o", "ppid=", "-p", String(pid)], { stdio: ["ignore", "pipe", "inherit"] });
  return new Promise((resolve) => ps.stdout.once("data", (data) => resolve(Number(String(data)))));
}

/** The first line that a server sends to a client: INFO and its facts. */
function greet(url: string): Promise<{ version: string; jetstream: boolean; server_name: string }> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(Number(new URL(url).port), "127.0.0.1");
    socket.once("data", (data) => {
      socket.destroy();
      resolve(JSON.parse(data.toString().split("\r\n")[0]?.slice("INFO ".length) ?? ""));
    });
    socket.once("error", reject);
  });
}

describe("a started server", () => {
  test("answers with JetStream on loopback, and leaves nothing behind", async () => {
    const server = await startNatsServer();
    expect(server.url).toMatch(/^nats:\/\/127\.0\.0\.1:\d+$/);
    expect(await greet(server.url)).toMatchObject({ version: server.version, jetstream: true });
    const pid = server.pid ?? 0;
    await server[Symbol.asyncDispose]();
    expect(isRunning(pid)).toBe(false);
    expect(await exists(dirname(server.logFile))).toBe(false);
  });

  test("comes back on its port after it was killed, stopped or restarted", async () => {
    await using server = await startNatsServer();
    const first = server.pid;
    await server.kill();
    await expect(greet(server.url)).rejects.toThrow();
    await server.start();
    expect(server.pid).not.toBe(first);
    await server.restart();
    expect(await greet(server.url)).toMatchObject({ jetstream: true });
  });

  test("keeps the data of a folder that its owner names", async () => {
    const dataFolder = await mkdtemp(join(tmpdir(), "throughline-test-"));
    {
      await using _server = await startNatsServer({ dataFolder });
    }
    expect(await exists(join(dataFolder, "jetstream"))).toBe(true);
    await rm(dataFolder, { recursive: true });
  });

  test("tells the server's own words when the configuration is wrong", async () => {
    await expect(startNatsServer({ config: "nonsense: {" })).rejects.toMatchObject({
      code: "SERVERS_START_FAILED",
      message: expect.stringContaining("Parse error on line"),
    });
  });

  test("ends, with its folder, when its owner is killed", async () => {
    const script = `
      const { startNatsServer } = await import(${JSON.stringify(sourceUrl)});
      const server = await startNatsServer();
      console.log(JSON.stringify({ pid: server.pid, logFile: server.logFile }));
      setInterval(() => undefined, 1_000);`;
    const owner = spawn(process.execPath, ["--conditions=throughline-source", "--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const line = await new Promise<string>((resolve) => owner.stdout.once("data", (data) => resolve(String(data))));
    const { pid, logFile } = JSON.parse(line) as { pid: number; logFile: string };
    expect(isRunning(pid)).toBe(true);
    owner.kill("SIGKILL");
    await eventually(() => !isRunning(pid));
    await eventually(async () => !(await exists(dirname(logFile))));
  });

  test("cannot be started without its guardian, says so, and still leaves no folder", async () => {
    const folder = await mkdtemp(join(tmpdir(), "throughline-test-"));
    const orphan = new GuardedProcess(folder);
    const order = { command: "sleep", args: ["60"], logFile: join(folder, "log") };
    await orphan.start(order);
    const guardian = await findParent(orphan.pid ?? 0);
    process.kill(guardian, "SIGKILL");
    await eventually(() => orphan.hasExited);
    await expect(orphan.start(order)).rejects.toThrow("guardian");
    await orphan[Symbol.asyncDispose]();
    expect(await exists(folder)).toBe(false);
  });

  test("ends when its guardian is killed", async () => {
    await using server = await startNatsServer();
    const pid = server.pid ?? 0;
    const guardian = await findParent(pid);
    process.kill(guardian, "SIGKILL");
    await eventually(() => !isRunning(pid));
  });
});

test("a cluster of three elects a leader and goes on without one of its members", async () => {
  await using cluster = await startNatsCluster();
  const names = await Promise.all(cluster.servers.map(async ({ url }) => (await greet(url)).server_name));
  expect(new Set(names)).toEqual(new Set(["n1", "n2", "n3"]));
  await cluster.servers[0].kill();
  // Members wait for up to 9 s before they stand for election, and again where nobody wins.
  await eventually(
    async () => {
      const response = await fetch(`${cluster.servers[1].monitorUrl}/jsz`);
      const { meta_cluster } = (await response.json()) as { meta_cluster: { leader?: string } };
      return meta_cluster.leader !== undefined && meta_cluster.leader !== "n1";
    },
    { timeoutMs: 40_000 },
  );
  await cluster.servers[0].start();
});

describe("finding a server", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "throughline-find-"));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true });
  });

  async function writeFake(name: string, output: string): Promise<string> {
    const path = join(folder, name);
    await writeFile(path, `#!/bin/sh\necho "${output}"\n`, { mode: 0o755 });
    return path;
  }

  test("takes the binary that NATS_SERVER names, and says what it is", async () => {
    const { path } = await findNatsServer();
    expect(await findNatsServer({ env: { ...process.env, NATS_SERVER: path } })).toMatchObject({
      path,
      source: "environment",
    });
  });

  test.each([
    ["is not there", () => "/nonexistent/nats-server", "not installed"],
    ["is too old", () => writeFake("old", "nats-server: v2.9.9"), "2.9.10 is the oldest"],
    ["is something else", () => writeFake("other", "hello"), "names no version"],
  ])("is an error at once when NATS_SERVER %s", async (_name, path, reason) => {
    await expect(findNatsServer({ env: { NATS_SERVER: await path() } })).rejects.toMatchObject({
      code: "SERVERS_NOT_FOUND",
      attempts: [{ source: "NATS_SERVER", reason: expect.stringContaining(reason) }],
    });
  });

  test("downloads the release, checks its SHA-256 and caches the server; a changed archive is refused", async () => {
    await using mirror = await startMirror(folder, (await findNatsServer()).path);
    const env = { PATH: process.env["PATH"], NATS_RELEASES: mirror.url, THROUGHLINE_CACHE: join(folder, "cache") };
    mirror.tamper(true);
    const refused = await findNatsServer({ env: { ...env, PATH: "" } }).catch((error: ServersError) => error);
    expect(refused).toMatchObject({ code: "SERVERS_NOT_FOUND" });
    const release = (refused as ServersError).attempts.find(({ source }) => source.startsWith("release"));
    expect(release?.reason).toMatch(/^SHA-256 of .*: expected [0-9a-f]{64}, found [0-9a-f]{64}$/);
    mirror.tamper(false);
    expect(await findNatsServer({ env })).toMatchObject({ source: "release", version: natsServerVersion });
    expect(await findNatsServer({ env })).toMatchObject({ source: "cache" });
  });

  test("lists every try and the way out when there is none", async () => {
    const script = fileURLToPath(new URL("./find-in-empty-world.ts", import.meta.url));
    const child = spawn(process.execPath, ["--conditions=throughline-source", script], {
      env: { THROUGHLINE_CACHE: join(folder, "empty-cache"), PATH: join(folder, "nothing") },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const output = await new Promise<string>((resolve) => child.stdout.once("data", (data) => resolve(String(data))));
    const { code, sources, message } = JSON.parse(output) as { code: string; sources: string[]; message: string };
    expect(code).toBe("SERVERS_NOT_FOUND");
    expect(sources).toEqual([
      "cache",
      expect.stringMatching(/^release/),
      expect.stringMatching(/^go install/),
      "PATH",
      "Debian package",
    ]);
    expect(message).toContain("Fix: ");
  });
});
