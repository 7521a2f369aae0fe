// Every image of the reference system, run as compose.yaml says, without Docker: unpacked by tar, read-only, as its own user.

import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Spec, Validation } from "@cyclonedx/cyclonedx-library";
import {
  findFreePorts,
  type NatsServer,
  type PostgresServer,
  startNatsServer,
  startPostgres,
} from "@throughline/servers";
import { eventually, type OtlpSink, startOtlpSink } from "@throughline/testing";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test as vitestTest } from "vitest";
import { type BuiltImage, buildImage, type ImageBase, prepareBase } from "../image/build-image.ts";
import { Container, canRunImages } from "../image/container.ts";
import { packLayer } from "../image/layer.ts";
import { nodePath, readRuntimeFiles } from "../image/runtime-files.ts";
import { builtServices, readComposeFile } from "./compose-file.ts";

const compose = readComposeFile();
const names = builtServices(compose).map(([name]) => name);
const mebibyte = 1024 * 1024;
const isPossible = await canRunImages();
const test = vitestTest.skipIf(!isPossible);
const run = promisify(execFile);

let folder: string;
let base: ImageBase;
const images = new Map<string, BuiltImage>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "throughline-images-"));
  base = await prepareBase(folder);
  for (const name of names) {
    images.set(name, await buildImage(name, base, folder));
  }
}, 180_000);
afterAll(() => rm(folder, { recursive: true }));

const imageOf = (name: string) => images.get(name) as BuiltImage;

describe("an image", () => {
  vitestTest.each(names)("of %s is small, and holds one program and no other", (name) => {
    const { compressedBytes, files, libraries } = imageOf(name);
    expect(compressedBytes).toBeLessThan(45 * mebibyte);
    const elsewhere = files.filter((path) => !path.startsWith("/app/") && !path.startsWith("/etc/"));
    expect(elsewhere.sort()).toEqual([`/${nodePath}`, ...libraries].sort());
    expect(files.filter((path) => path.startsWith("/app/") && !path.endsWith(".mjs"))).toEqual([]);
  });

  vitestTest(
    "is the same, byte for byte, when it is built again",
    async () => {
      const again = await mkdtemp(join(tmpdir(), "throughline-again-"));
      const content = await readRuntimeFiles();
      const layer = await packLayer(content, async (diffId) => {
        expect(diffId).toBe(base.layer.diffId);
        return base.layer.compressed;
      });
      const image = await buildImage("payments", { content, layer }, again);
      const first = imageOf("payments");
      expect(image.digest).toBe(first.digest);
      for (const file of ["archive", "billOfMaterials"] as const) {
        expect((await readFile(image[file])).equals(await readFile(first[file])), file).toBe(true);
      }
      await rm(again, { recursive: true });
    },
    60_000,
  );

  vitestTest("tells what is in it, by names that vulnerabilities are told by", async () => {
    const bill = await readFile(imageOf("payments").billOfMaterials, "utf8");
    const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);
    expect(await validator.validate(bill)).toBeNull();
    const { components } = JSON.parse(bill) as { components: { name: string; purl?: string; hashes?: unknown[] }[] };
    const purls = components.map(({ purl }) => purl);
    expect(purls).toContain(`pkg:generic/node@${process.versions.node}`);
    expect(purls).toContainEqual(expect.stringMatching(/^pkg:npm\/pg@8\./));
    expect(purls).toContainEqual(expect.stringMatching(/^pkg:npm\/%40nats-io\/nats-core@/));
    expect(components.find(({ name }) => name === "libc.so.6")?.hashes).toHaveLength(1);
  });

  vitestTest("keeps what explains its stack traces outside", async () => {
    expect(await readdir(imageOf("orders").sourceMaps)).toContain("service.mjs.map");
    expect(imageOf("orders").files.filter((path) => path.endsWith(".map"))).toEqual([]);
  });
});

describe.skipIf(!isPossible)("the system of compose.yaml (for root only: it mounts)", () => {
  let nats: NatsServer;
  let postgres: PostgresServer;
  let sink: OtlpSink;
  const containers = new Map<string, Container>();
  const ports = new Map<string, number>();

  /** Compose's names of hosts and ports, as they are on this machine. */
  let translate: (text: string) => string;

  beforeAll(async () => {
    [nats, postgres, sink] = await Promise.all([startNatsServer(), startPostgres(), startOtlpSink()]);
    const free = await findFreePorts(names.length * 2);
    for (const [index, name] of names.entries()) {
      ports.set(`${name}:8081`, free[2 * index] ?? 0);
      ports.set(name, free[2 * index + 1] ?? 0);
    }
    const natsPort = new URL(nats.url).port;
    const postgresPort = new URL(await postgres.database("postgres")).port;
    translate = (text) =>
      text
        .replace("nats://nats:4222", `nats://localhost:${natsPort}`)
        .replace("@postgres:5432", `@localhost:${postgresPort}`)
        .replace("http://jaeger:4318", sink.endpoint)
        .replace("http://card-processor:8090", `http://localhost:${ports.get("card-processor")}`);
    await prepareDatabases();
    for (const name of names) {
      containers.set(name, await startContainer(name));
    }
    await Promise.all([...containers.values()].map((container) => container.ready()));
  }, 180_000);
  afterAll(async () => {
    await Promise.all([...containers.values()].map((container) => container.stop()));
    await sink?.[Symbol.asyncDispose]();
    await postgres?.[Symbol.asyncDispose]();
    await nats?.[Symbol.asyncDispose]();
  });

  async function prepareDatabases(): Promise<void> {
    const client = new pg.Client({ connectionString: await postgres.database("postgres") });
    await client.connect();
    for (const statement of compose.configs["databases"]?.content.split(";\n") ?? []) {
      await client.query(statement);
    }
    await client.end();
  }

  function settingsOf(name: string): Record<string, string> {
    const { environment = {} } = compose.services[name] ?? {};
    const onThisMachine: Record<string, string> = {
      HOST: "127.0.0.1",
      HEALTH_PORT: String(ports.get(`${name}:8081`)),
      PORT: String(ports.get(name)),
      CARD_PROCESSOR_PORT: String(ports.get(name)),
      CARD_PROCESSOR_LATENCY_MS: "300",
    };
    const settings = Object.entries(environment).map(([key, value]) => [key, onThisMachine[key] ?? translate(value)]);
    return {
      ...Object.fromEntries(settings),
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_BSP_SCHEDULE_DELAY: "100",
    };
  }

  /** From the one file that somebody would load, by tools that know nothing of how it was made. */
  async function unpack(name: string): Promise<{ root: string; config: Record<string, unknown> }> {
    const layout = join(folder, name, "layout");
    const root = join(folder, name, "unpacked");
    await Promise.all([mkdir(layout), mkdir(root)]);
    await run("tar", ["-xf", imageOf(name).archive, "-C", layout]);
    const blob = (digest: string) => join(layout, "blobs", digest.replace(":", "/"));
    const read = async (file: string) => JSON.parse(await readFile(file, "utf8"));
    const { manifests } = await read(join(layout, "index.json"));
    expect(manifests[0].digest).toBe(imageOf(name).digest);
    const { config, layers } = await read(blob(manifests[0].digest));
    for (const { digest } of layers) {
      const { stdout } = await run("sha256sum", [blob(digest)]);
      expect(`sha256:${stdout.split(" ")[0]}`).toBe(digest);
      await run("tar", ["-xpzf", blob(digest), "-C", root]);
    }
    return { root, config: (await read(blob(config.digest))).config };
  }

  const unpacked = new Map<string, Awaited<ReturnType<typeof unpack>>>();

  async function startContainer(name: string, command?: readonly string[]): Promise<Container> {
    const { root, config } = unpacked.get(name) ?? (await unpack(name));
    unpacked.set(name, { root, config });
    const { Entrypoint, User } = config as { Entrypoint: string[]; User: string };
    return new Container({ root, user: User, command: command ?? Entrypoint, env: settingsOf(name) });
  }

  /** What compose.yaml asks a service, in its own container. */
  async function isHealthy(name: string): Promise<boolean> {
    const [, ...command] = compose.services[name]?.healthcheck?.test ?? [];
    const port = name === "card-processor" ? ports.get(name) : ports.get(`${name}:8081`);
    const probe = await startContainer(
      name,
      command.map((word) => word.replace(/127\.0\.0\.1:\d+/, `127.0.0.1:${port}`)),
    );
    return (await probe.whenEnded()) === 0;
  }

  async function placeOrder(): Promise<string> {
    const response = await fetch(`http://127.0.0.1:${ports.get("gateway")}/orders`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        customerId: "customer-1",
        items: [{ sku: "coffee-beans", quantity: 1 }],
        paymentMethod: "card-visa",
      }),
    });
    expect(response.status).toBe(202);
    return ((await response.json()) as { orderId: string }).orderId;
  }

  async function statusOf(orderId: string): Promise<string | undefined> {
    const response = await fetch(`http://127.0.0.1:${ports.get("gateway")}/orders/${orderId}`);
    return response.ok ? ((await response.json()) as { status: string }).status : undefined;
  }

  test("every process runs as nobody, and can write nothing", async () => {
    for (const [name, container] of containers) {
      const status = await readFile(`/proc/${container.pid}/status`, "utf8");
      expect(/Uid:\t(\d+)/.exec(status)?.[1], name).toBe("65532");
      expect(await container.residentBytes()).toBeLessThan(120 * mebibyte);
    }
    const writing = `try { require("fs").writeFileSync("/app/x", ""); } catch (error) { console.log(error.code); }`;
    const writer = await startContainer("payments", [`/${nodePath}`, "-e", writing]);
    await writer.whenEnded();
    expect(writer.output).toBe("EROFS");
    const shell = await startContainer("payments", ["/bin/sh", "-c", "true"]);
    expect(await shell.whenEnded()).toBe(127);
    expect((await stat(join(unpacked.get("payments")?.root ?? "", "etc/passwd"))).uid).toBe(0);
  });

  test("an order is confirmed, in one trace over all services", async () => {
    const orderId = await placeOrder();
    await eventually(async () => (await statusOf(orderId)) === "confirmed");
    await eventually(() => new Set(sink.spans.map(({ service }) => service)).size === 5);
    expect(
      new Set(sink.spans.filter(({ name }) => name.startsWith("process ")).map(({ traceId }) => traceId)).size,
    ).toBe(1);
    expect([sink.metrics, sink.logs]).toEqual([[], []]);
  });

  test("a service that is told to stop finishes what it does, and says that it is not ready", async () => {
    expect(await Promise.all(names.map(isHealthy))).toEqual(names.map(() => true));
    const orderId = await placeOrder();
    const ledger = () =>
      fetch(`http://127.0.0.1:${ports.get("card-processor")}/ledger`).then((answer) => answer.json());
    const charges = async () => ((await ledger()) as { kind: string }[]).length;
    const before = await charges();
    const payments = containers.get("payments") as Container;
    await eventually(() => sink.spans.some(({ name }) => name === "send inventory.reserved"));
    expect(await payments.stop()).toBe(0);
    expect(payments.output).toContain('"msg":"stopped"');
    expect(await isHealthy("payments")).toBe(false);
    const again = await startContainer("payments");
    containers.set("payments", again);
    await again.ready();
    await eventually(async () => (await statusOf(orderId)) === "confirmed");
    expect(await charges()).toBe(before + 1);
  });
});
