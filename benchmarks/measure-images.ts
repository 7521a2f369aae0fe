// What an image of a service weighs, how long it takes from its start until the service is at work, and what memory it keeps
// then; bare Node out of the same image beside it. Runs as images do, so it needs root.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { startNatsServer, startPostgres } from "@throughline/servers";
import { buildImage, prepareBase } from "../deploy/image/build-image.ts";
import { entryPath } from "../deploy/image/bundle.ts";
import { Container, canRunImages } from "../deploy/image/container.ts";
import { nodePath, userAndGroup } from "../deploy/image/runtime-files.ts";
import { median, round } from "./statistics.ts";

export interface ImageFigures {
  readonly compressedMiB: number;
  readonly unpackedMiB: number;
  /** From the start of the process to its log entry that it is ready: connected, streams and tables looked after, pulling. */
  readonly readyMs: number;
  readonly slowestReadyMs: number;
  /** Node that writes a line. */
  readonly bareMs: number;
  readonly residentMiB: number;
  readonly bareResidentMiB: number;
}

const rounds = 9;
const idleMs = 3_000;
const mebibyte = 1024 * 1024;
const service = "payments";

export async function measureImages(): Promise<ImageFigures | { readonly skipped: string }> {
  if (!(await canRunImages())) {
    return { skipped: "only root can run an image" };
  }
  const folder = await mkdtemp(join(tmpdir(), "throughline-bench-images-"));
  await using nats = await startNatsServer();
  await using postgres = await startPostgres();
  const env = { NATS_URL: nats.url, DATABASE_URL: await postgres.database(service), NODE_ENV: "production" };
  const image = await buildImage(service, await prepareBase(folder), folder);
  const measure = async (...args: readonly string[]): Promise<Sample> => {
    const command = [`/${nodePath}`, ...args];
    const container = new Container({ root: image.rootFolder, user: userAndGroup, command, env });
    const readyMs = await container.ready();
    await wait(idleMs);
    const residentBytes = await container.residentBytes();
    await container.stop();
    return { readyMs, residentBytes };
  };
  // Makes streams and tables, once for all that follow.
  await measure(`/${entryPath}`);
  const samples: { readonly ours: Sample; readonly bare: Sample }[] = [];
  for (let turn = 0; turn < rounds; turn++) {
    const ours = await measure(`/${entryPath}`);
    const bare = await measure("-e", `console.log('{"msg":"ready"}'); setInterval(() => {}, 1000)`);
    samples.push({ ours, bare });
  }
  await rm(folder, { recursive: true });
  const middle = (tell: (sample: (typeof samples)[number]) => number) => round(median(samples.map(tell)));
  return {
    compressedMiB: round(image.compressedBytes / mebibyte),
    unpackedMiB: round(image.uncompressedBytes / mebibyte),
    readyMs: middle(({ ours }) => ours.readyMs),
    slowestReadyMs: round(Math.max(...samples.map(({ ours }) => ours.readyMs))),
    bareMs: middle(({ bare }) => bare.readyMs),
    residentMiB: middle(({ ours }) => ours.residentBytes / mebibyte),
    bareResidentMiB: middle(({ bare }) => bare.residentBytes / mebibyte),
  };
}

interface Sample {
  readonly readyMs: number;
  readonly residentBytes: number;
}
