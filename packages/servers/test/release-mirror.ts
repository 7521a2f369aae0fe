// A mirror of the release page on loopback, with an archive made from a real server, laid out like the publisher's.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFile, mkdir, readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { natsServerVersion } from "../src/index.ts";

export interface ReleaseMirror extends AsyncDisposable {
  readonly url: string;
  /** Whether archives are changed on their way. */
  tamper(on: boolean): void;
}

export async function startMirror(folder: string, serverPath: string): Promise<ReleaseMirror> {
  const name = `nats-server-v${natsServerVersion}-${process.platform}-${process.arch === "x64" ? "amd64" : process.arch}`;
  await mkdir(join(folder, name));
  await copyFile(serverPath, join(folder, name, "nats-server"));
  execFileSync("tar", ["-czf", join(folder, "archive.tar.gz"), "-C", folder, name]);
  const archive = await readFile(join(folder, "archive.tar.gz"));
  const hash = createHash("sha256").update(archive).digest("hex");
  let tampered = false;
  const files = new Map<string, () => Uint8Array>([
    [`/v${natsServerVersion}/${name}.tar.gz`, () => (tampered ? Buffer.concat([archive, Buffer.of(0)]) : archive)],
    [`/v${natsServerVersion}/SHA256SUMS`, () => Buffer.from(`${hash}  ${name}.tar.gz\n`)],
  ]);
  const server = createServer((request, response) => {
    const file = files.get(request.url ?? "");
    response.writeHead(file === undefined ? 404 : 200).end(file?.());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    tamper: (on) => {
      tampered = on;
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
