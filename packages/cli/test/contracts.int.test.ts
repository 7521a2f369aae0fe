// The commands on contracts, as they are run: modules loaded from disk, files written, a real server read.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { connect } from "@nats-io/transport-node";
import { exitCodes, runCommandLine } from "@throughline/cli";
import { type NatsServer, startNatsServer } from "@throughline/servers";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const fixtures = fileURLToPath(new URL("fixtures", import.meta.url));
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "throughline-cli-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

async function runIn(cwd: string, ...args: string[]) {
  const output = { out: "", err: "" };
  const exitCode = await runCommandLine(args, {
    out: (text) => {
      output.out += text;
    },
    err: (text) => {
      output.err += text;
    },
    cwd,
    color: false,
    isInteractive: false,
  });
  return { exitCode, ...output };
}

const lockFile = () => join(folder, "contracts.lock.json");
const onFixture = (command: string, fixture: string, ...args: string[]) =>
  runIn(fixtures, "contracts", command, `${fixture}.ts`, "--lock", lockFile(), ...args);

describe("throughline contracts", () => {
  test("locks what is declared, and finds nothing to say about it", async () => {
    expect(await onFixture("check", "shop")).toMatchObject({ exitCode: exitCodes.outdated });
    expect(await onFixture("lock", "shop")).toMatchObject({ exitCode: exitCodes.done });
    const written = readFileSync(lockFile(), "utf8");
    expect(await onFixture("check", "shop")).toMatchObject({ exitCode: exitCodes.done, err: "" });
    expect(await onFixture("lock", "shop")).toMatchObject({ exitCode: exitCodes.done });
    expect(readFileSync(lockFile(), "utf8")).toBe(written);
  });

  test("tells a compatible change from one that breaks somebody", async () => {
    await onFixture("lock", "shop");
    expect(await onFixture("check", "shop-compatible")).toMatchObject({ exitCode: exitCodes.outdated });
    const broken = await onFixture("check", "shop-breaking");
    expect(broken.exitCode).toBe(exitCodes.findings);
    expect(broken.out).toContain("property-missing  shop.placed version 1  /currency");
    expect(broken.out).toContain("stock/reserve");
    const json = await onFixture("check", "shop-breaking", "--format", "json");
    expect(JSON.parse(json.out)).toMatchObject({
      ok: false,
      findings: [{ rule: "property-missing" }, { rule: "type-not-accepted" }, { rule: "type-not-accepted" }],
    });
    const { out } = await onFixture("check", "shop-breaking", "--format", "github");
    const [first = ""] = out.split("\n");
    expect(first).toMatch(
      /^::error file=.*contracts\.lock\.json,line=4,title=shop\.placed version 1%3A property-missing::/,
    );
  });

  test("locks a break only when it is accepted", async () => {
    await onFixture("lock", "shop");
    const before = readFileSync(lockFile(), "utf8");
    expect(await onFixture("lock", "shop-breaking")).toMatchObject({ exitCode: exitCodes.findings });
    expect(readFileSync(lockFile(), "utf8")).toBe(before);
    expect(await onFixture("lock", "shop-breaking", "--accept-breaking")).toMatchObject({ exitCode: exitCodes.done });
    expect(await onFixture("check", "shop-breaking")).toMatchObject({ exitCode: exitCodes.done });
  });

  test("says what is wrong with modules, lock files and options", async () => {
    const failed = { exitCode: exitCodes.failed };
    expect(await onFixture("check", "not-declarations")).toMatchObject({
      ...failed,
      err: expect.stringContaining("CONTRACT_MODULE_INVALID"),
    });
    expect(await onFixture("check", "does-not-load")).toMatchObject({
      ...failed,
      err: expect.stringContaining("needs a database"),
    });
    expect(await onFixture("check", "no-such-file")).toMatchObject({
      ...failed,
      err: expect.stringContaining("does not exist"),
    });
    expect(await runIn(folder, "contracts", "check")).toMatchObject({
      ...failed,
      err: expect.stringContaining("throughline.config.ts"),
    });
    writeFileSync(lockFile(), "<<<<<<< HEAD");
    expect(await onFixture("check", "shop")).toMatchObject({
      ...failed,
      err: expect.stringContaining("CONTRACT_LOCK_INVALID"),
    });
    rmSync(lockFile());
    const unreachable = await onFixture("check", "shop", "--against", "nats://127.0.0.1:1");
    expect(unreachable).toMatchObject({ ...failed, err: expect.stringContaining("NATS_UNREACHABLE") });
    for (const args of [["--nonsense"], ["--format", "xml"]]) {
      expect(await onFixture("check", "shop", ...args)).toMatchObject({ exitCode: exitCodes.usage });
    }
  });

  test("writes documents, knows when they are out of date, and removes what is no more", async () => {
    const run = (...args: string[]) => runIn(fixtures, "contracts", "docs", "shop.ts", "--out", folder, ...args);
    expect(await run("--check")).toMatchObject({ exitCode: exitCodes.outdated });
    expect(await run()).toMatchObject({ exitCode: exitCodes.done });
    expect(readdirSync(folder, { recursive: true }).toSorted()).toEqual([
      "asyncapi",
      "asyncapi.json",
      "asyncapi/shop.json",
      "asyncapi/stock.json",
      "catalogue.md",
      "schemas",
      "schemas/shop.placed.v1.json",
    ]);
    expect(await run("--check")).toMatchObject({ exitCode: exitCodes.done });
    writeFileSync(join(folder, "asyncapi", "gone.json"), "{}");
    writeFileSync(join(folder, "notes.md"), "not ours");
    writeFileSync(join(folder, "catalogue.md"), "edited");
    expect((await run("--check")).err).toContain("gone.json");
    await run();
    expect(await run("--check")).toMatchObject({ exitCode: exitCodes.done });
    expect(readdirSync(folder)).toContain("notes.md");
  });

  test("checks 200 events with five versions each with about a second of work", () => {
    const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));
    // What else the machine does takes time and no work of this process.
    const tellWork = "process.on('exit', () => console.error(process.cpuUsage().user / 1_000))";
    const run = (command: string) => {
      const args = [
        "--conditions=throughline-source",
        `--import=data:text/javascript,${encodeURIComponent(tellWork)}`,
        main,
        "contracts",
        command,
        "many-events.ts",
        "--lock",
        lockFile(),
      ];
      const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: fixtures, encoding: "utf8" });
      expect(status).toBe(0);
      return { stdout, workMs: Number(stderr.trim().split("\n").at(-1)) };
    };
    run("lock");
    const { stdout, workMs } = run("check");
    expect(stdout).toContain("200 events, 1,000 versions");
    // Two seconds are promised; a slow machine gets twice that.
    expect(workMs).toBeGreaterThan(100);
    expect(workMs).toBeLessThan(4_000);
  });
});

/** A publisher that checks nothing: bytes as they are. */
async function publishRaw(server: NatsServer, subject: string, headers: string, body: string): Promise<void> {
  const { hostname, port } = new URL(server.url);
  const block = `NATS/1.0\r\n${headers}\r\n\r\n`;
  const sizes = `${Buffer.byteLength(block)} ${Buffer.byteLength(block) + Buffer.byteLength(body)}`;
  const socket = createConnection({ host: hostname, port: Number(port) });
  const { promise: answered, resolve } = Promise.withResolvers<void>();
  socket.on("data", (data) => data.includes("PONG") && resolve());
  socket.write(`CONNECT {"verbose":false,"headers":true}\r\nHPUB ${subject} ${sizes}\r\n${block}${body}\r\nPING\r\n`);
  await answered;
  socket.destroy();
}

describe("throughline contracts check --against", () => {
  test("reports every stored event that today's code cannot read, and changes nothing", async () => {
    await using server = await startNatsServer();
    const connection = await connect({ servers: server.url });
    const request = async (subject: string, body: object = {}) =>
      (await connection.request(`$JS.API.${subject}`, JSON.stringify(body))).json<Record<string, unknown>>();
    await request("STREAM.CREATE.SHOP", { name: "SHOP", subjects: ["shop.>"] });
    const good = '{"id":"1","total":2}';
    await publishRaw(server, "shop.placed.1", "ce-dataversion: 1", good);
    await publishRaw(server, "shop.placed.2", "ce-dataversion: 1", '{"id":"2"}');
    await publishRaw(server, "shop.placed.3", "ce-dataversion: 1", '{"id":"3"}');
    await publishRaw(server, "shop.placed.4", "ce-dataversion: 7", good);
    await publishRaw(server, "shop.placed.5", "ce-dataversion 1", good);
    await publishRaw(server, "shop.placed.6", "ce-id: 6", "not json");
    await publishRaw(server, "shop.moved.7", "ce-id: 7", good);
    await publishRaw(server, "shop.placed.8", "ce-id: 8", good);
    const state = async () => {
      const { state: found } = (await request("STREAM.INFO.SHOP")) as { state: object };
      const { consumers } = await request("CONSUMER.NAMES.SHOP");
      const { streams } = await request("STREAM.NAMES");
      return { found, consumers, streams };
    };
    const before = await state();

    const { exitCode, out } = await onFixture("check", "shop", "--against", server.url, "--format", "json");
    expect(exitCode).toBe(exitCodes.findings);
    const { stored } = JSON.parse(out) as { stored: { unreadable: { sequence: number; code: string }[] } };
    expect(stored).toMatchObject({ streams: { SHOP: 8 }, undeclared: { "shop.moved": 1 } });
    expect(stored.unreadable.map(({ sequence, code }) => [sequence, code])).toEqual([
      [2, "CONTRACT_DATA_INVALID"],
      [3, "CONTRACT_DATA_INVALID"],
      [4, "CONTRACT_VERSION_UNKNOWN"],
      [5, "CONTRACT_ENVELOPE_INVALID"],
      [6, "CONTRACT_BODY_INVALID"],
    ]);
    expect(await state()).toEqual(before);

    const text = await onFixture("check", "shop", "--against", server.url);
    expect(text.out).toContain("8 stored events read in SHOP: 5 cannot be read.");
    expect(text.out).toContain("shop.placed version 1: 2 events");
    expect(text.out).toContain("SHOP 2-3");
    await request("STREAM.PURGE.SHOP");
    await onFixture("lock", "shop");
    expect(await onFixture("check", "shop", "--against", server.url)).toMatchObject({ exitCode: exitCodes.done });
    await connection.close();
  });
});
