// Real Postgres servers: the one that npm brings, and the system's.

import { existsSync } from "node:fs";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { findPostgresToTest, providePostgres, startPostgres } from "@throughline/servers";
import { eventually } from "@throughline/testing";
import pg from "pg";
import { describe, expect, test as vitestTest } from "vitest";

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => undefined);
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

describe.each(await findPostgresToTest())("$name", ({ found }) => {
  const test = vitestTest.skipIf(found === undefined);

  test("starts, keeps what was committed through a crash, and leaves nothing behind", async () => {
    const server = await startPostgres(found && { found });
    expect(server.version).toBe(found?.version);
    const url = await server.database("orders");
    expect(await server.database("orders")).toBe(url);
    await query(url, "create table notes (text text)");
    await query(url, "insert into notes values ('kept')");
    await server.kill();
    await server.start();
    expect(await query(url, "select text from notes")).toEqual([{ text: "kept" }]);
    await server.restart();
    expect(await query(url, "select text from notes")).toEqual([{ text: "kept" }]);
    const { pid, logFile } = server;
    await server[Symbol.asyncDispose]();
    expect(existsSync(dirname(logFile))).toBe(false);
    await eventually(() => !isAlive(pid));
  });

  test("keeps its data for the next run, below a folder that only root can enter too", async () => {
    const parent = await mkdtemp(join(tmpdir(), "throughline-secret-"));
    await chmod(parent, 0o700);
    const options = { ...(found && { found }), dataFolder: join(parent, "below", "postgres") };
    {
      await using first = await startPostgres(options);
      await query(await first.database("orders"), "create table notes as select 'kept' as text");
    }
    const second = await startPostgres(options);
    expect(await query(await second.database("orders"), "select text from notes")).toEqual([{ text: "kept" }]);
    await second[Symbol.asyncDispose]();
    await rm(parent, { recursive: true });
    await rm(second.dataFolder, { recursive: true, force: true });
    await rm(`${second.dataFolder}.password`, { force: true });
  });

  test("stops although clients are connected", async () => {
    await using server = await startPostgres(found && { found });
    const client = new pg.Client({ connectionString: server.url });
    client.on("error", () => undefined);
    await client.connect();
    const startedAt = Date.now();
    await server.stop();
    expect(Date.now() - startedAt).toBeLessThan(5_000);
    await client.end().catch(() => undefined);
  });

  test("lets nobody in without the password", async () => {
    await using server = await startPostgres(found && { found });
    const url = new URL(server.url);
    url.password = "guessed";
    await expect(query(url.href, "select 1")).rejects.toThrow(/password/);
  });
});

describe("a data folder of one's own", () => {
  vitestTest("keeps its data from one server to the next", async () => {
    const folder = await mkdtemp(join(tmpdir(), "throughline-kept-"));
    const dataFolder = join(folder, "data");
    // Temporary folders are their maker's alone; root lets somebody else run Postgres.
    await chmod(folder, 0o755);
    try {
      const first = await startPostgres({ dataFolder });
      await query(await first.database("shop"), "create table notes as select 'kept' as text");
      await first[Symbol.asyncDispose]();
      await using second = await startPostgres({ dataFolder });
      expect(await query(await second.database("shop"), "select text from notes")).toEqual([{ text: "kept" }]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  vitestTest("DATABASE_URL is used as it is, if a server answers there", async () => {
    await using server = await startPostgres();
    const env = { DATABASE_URL: server.url };
    await using provided = await providePostgres({ env });
    expect(provided).toMatchObject({ source: "DATABASE_URL", version: server.version });
    expect(await provided.database("any")).toBe(server.url);
    await server.stop();
    const failure = providePostgres({ env });
    await expect(failure).rejects.toMatchObject({ code: "SERVERS_START_FAILED" });
    await expect(failure).rejects.toThrow(/DATABASE_URL names does not answer/);
  });
});

function isAlive(pid: number | undefined): boolean {
  try {
    process.kill(pid ?? 0, 0);
    return pid !== undefined;
  } catch {
    return false;
  }
}
