// Where a Jaeger is: named by the environment, built before, or built now through the Go module proxy.

import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findFirst } from "../first-found.ts";
import { runCommand } from "../run-command.ts";
import { cacheFolder, installInto, isExecutable } from "../server-cache.ts";
import { type FailedAttempt, ServersError } from "../servers-error.ts";

export interface FoundJaeger {
  readonly path: string;
  readonly source: "JAEGER_BIN" | "cache" | "go";
}

export interface FindJaegerOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Told before anything that may take over a second. */
  readonly onProgress?: (step: string) => void;
}

/** The newest that the module proxy resolves; it is Jaeger 2's all-in-one, with a placeholder for its web page. */
export const jaegerVersion = "1.76.0";

const executable = "jaeger";
const buildTimeoutMs = 900_000;
/** Names the version, and the checksums of everything that is built. */
const moduleFolder = fileURLToPath(new URL("../../jaeger-module", import.meta.url));

/** @throws ServersError SERVERS_NOT_FOUND naming what was tried */
export async function findJaeger({
  env = process.env,
  onProgress = () => undefined,
}: FindJaegerOptions = {}): Promise<FoundJaeger> {
  const named = env["JAEGER_BIN"];
  const folder = join(cacheFolder(env), `jaeger-${jaegerVersion}`);
  return await findFirst<FoundJaeger["source"], FoundJaeger>(
    named
      ? [["JAEGER_BIN", async (source) => ({ path: await requireExecutable(named), source })]]
      : [
          ["cache", async (source) => ({ path: await requireExecutable(join(folder, executable)), source })],
          ["go", async (source) => ({ path: await buildInto(folder, env, onProgress), source })],
        ],
    notFound,
  );
}

function notFound(attempts: readonly FailedAttempt[]): ServersError {
  const tried = attempts.map(({ source, reason }) => `  - ${source}: ${reason}`).join("\n");
  return new ServersError(
    "SERVERS_NOT_FOUND",
    `No Jaeger could be had. Tried:\n${tried}\nFix: set JAEGER_BIN=/path/to/jaeger (https://www.jaegertracing.io/download), or install Go.`,
    attempts,
  );
}

async function requireExecutable(path: string): Promise<string> {
  if (!(await isExecutable(path))) {
    throw new Error(`${path} does not exist`);
  }
  return path;
}

async function buildInto(folder: string, env: NodeJS.ProcessEnv, onProgress: (step: string) => void): Promise<string> {
  await runCommand("go", ["version"], { timeoutMs: 10_000, env });
  onProgress(`building Jaeger ${jaegerVersion} with Go (some minutes, once)`);
  await installInto(folder, async (scratch) => {
    const module = join(scratch, "module");
    await cp(moduleFolder, module, { recursive: true });
    const target = join(scratch, executable);
    const args = ["build", "-trimpath", "-ldflags=-s -w", "-o", target, "github.com/jaegertracing/jaeger/cmd/jaeger"];
    await runCommand("go", args, { timeoutMs: buildTimeoutMs, cwd: module, env: { ...env, GOFLAGS: "-mod=readonly" } });
    await rm(module, { recursive: true });
  });
  return join(folder, executable);
}
