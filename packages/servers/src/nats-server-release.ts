// The pinned release of nats-server, and how to get it from its publisher: an archive with a known hash, or its source.

import { createHash } from "node:crypto";
import { chmod, copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runCommand } from "./run-command.ts";

export const natsServerVersion = "2.15.2";

/**
 * SHA-256 of the release archives by platform, such as `linux-amd64`. A platform without an entry is checked against
 * the list that the release publishes beside its archives.
 */
const pinnedHashes: Readonly<Record<string, string>> = {};

const publisherUrl = "https://github.com/nats-io/nats-server/releases/download";

const connectTimeoutMs = 4_000;
const downloadTimeoutMs = 120_000;
const buildTimeoutMs = 300_000;

export const executableName: string = process.platform === "win32" ? "nats-server.exe" : "nats-server";

/** Where releases come from: `NATS_RELEASES` names a mirror that is laid out like the publisher's. */
export function releaseUrl(env: NodeJS.ProcessEnv): string {
  return `${env["NATS_RELEASES"] ?? publisherUrl}/v${natsServerVersion}`;
}

/** Downloads this platform's archive from `source`, checks its SHA-256 and unpacks the server into `folder`. */
export async function downloadRelease(source: string, folder: string): Promise<void> {
  const platform = `${process.platform === "win32" ? "windows" : process.platform}-${process.arch === "x64" ? "amd64" : process.arch}`;
  const name = `nats-server-v${natsServerVersion}-${platform}`;
  const extension = process.platform === "win32" ? "zip" : "tar.gz";
  const file = `${name}.${extension}`;
  const url = `${source}/${file}`;
  const archive = join(folder, `archive.${extension}`);
  const bytes = await download(url);
  const expected = pinnedHashes[platform] ?? (await publishedHash(source, file));
  const found = createHash("sha256").update(bytes).digest("hex");
  if (found !== expected) {
    throw new Error(`SHA-256 of ${url}: expected ${expected}, found ${found}`);
  }
  await writeFile(archive, bytes);
  // bsdtar, which Windows has as `tar`, reads zip files too.
  await runCommand("tar", ["-xf", archive, "-C", folder, "--strip-components=1", `${name}/${executableName}`], {
    timeoutMs: downloadTimeoutMs,
  });
  await rm(archive);
}

async function publishedHash(source: string, file: string): Promise<string> {
  const list = new TextDecoder().decode(await download(`${source}/SHA256SUMS`));
  const line = list.split("\n").find((entry) => entry.trim().endsWith(file));
  const hash = line?.trim().split(/\s+/, 1)[0];
  if (hash === undefined || !/^[0-9a-f]{64}$/.test(hash)) {
    throw new Error(`the release lists no SHA-256 for ${file}`);
  }
  return hash;
}

async function download(url: string): Promise<Uint8Array> {
  const connecting = new AbortController();
  const connectTimer = setTimeout(() => {
    connecting.abort(new Error(`no connection within ${connectTimeoutMs} ms`));
  }, connectTimeoutMs);
  try {
    const response = await fetch(url, {
      signal: AbortSignal.any([connecting.signal, AbortSignal.timeout(downloadTimeoutMs)]),
    });
    clearTimeout(connectTimer);
    if (!response.ok) {
      throw new Error(`${url} answered ${response.status}`);
    }
    return new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    const reason = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    throw new Error(`${url}: ${reason}`, { cause: error });
  } finally {
    clearTimeout(connectTimer);
  }
}

/** Builds the pinned version with Go, which checks the source against its public checksum database. */
export async function buildWithGo(env: NodeJS.ProcessEnv, folder: string): Promise<void> {
  const gobin = join(folder, "gobin");
  await mkdir(gobin, { recursive: true });
  await runCommand(
    "go",
    ["install", "-trimpath", "-ldflags=-s -w", `github.com/nats-io/nats-server/v2@v${natsServerVersion}`],
    {
      timeoutMs: buildTimeoutMs,
      env: { ...env, GOBIN: gobin, GOFLAGS: "" },
    },
  );
  await copyFile(join(gobin, executableName), join(folder, executableName));
  await chmod(join(folder, executableName), 0o755);
  await rm(gobin, { recursive: true });
}

/** Unpacks Debian's package, which needs neither root nor an installation. */
export async function unpackDebianPackage(env: NodeJS.ProcessEnv, folder: string): Promise<void> {
  await runCommand("apt-get", ["download", "nats-server"], { timeoutMs: downloadTimeoutMs, cwd: folder, env });
  const file = (await readdir(folder)).find((name) => name.endsWith(".deb"));
  if (file === undefined) {
    throw new Error("apt-get downloaded no package");
  }
  const contents = join(folder, "contents");
  await runCommand("dpkg", ["-x", join(folder, file), contents], { timeoutMs: downloadTimeoutMs });
  await writeFile(join(folder, executableName), await readFile(join(contents, "usr/sbin/nats-server")), {
    mode: 0o755,
  });
  await rm(contents, { recursive: true });
  await rm(join(folder, file));
}
