// What every image holds beside its service: Node without its symbols, the libraries that it needs, and the few files that a
// process expects of a system.

import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rootCertificates } from "node:tls";
import { promisify } from "node:util";
import { type ImageFile, type ImageFolder, textFile } from "./image-file.ts";
import { findSharedLibraries } from "./shared-libraries.ts";

export interface RuntimeFiles {
  readonly files: readonly ImageFile[];
  readonly folders: readonly ImageFolder[];
  readonly libraries: readonly string[];
}

/** Nobody on the machine that runs the image. */
export const user = { name: "service", id: 65_532 } as const;
/** As images and `chroot` name it. */
export const userAndGroup: string = `${user.id}:${user.id}`;
export const nodePath = "bin/node";
/** Where a volume goes, for a service that keeps files. */
export const dataPath = "data";

export async function readRuntimeFiles(node: string = process.execPath): Promise<RuntimeFiles> {
  const libraries = await findSharedLibraries(node);
  const executable = (path: string, content: Uint8Array): ImageFile => ({ path, content, isExecutable: true });
  const files = [
    executable(nodePath, await readStripped(node)),
    ...(await Promise.all(libraries.map(async (path) => executable(path.slice(1), await readFile(path))))),
    textFile("etc/passwd", [`${user.name}:x:${user.id}:${user.id}::/app:/nonexistent`]),
    textFile("etc/group", [`${user.name}:x:${user.id}:`]),
    textFile("etc/hosts", ["127.0.0.1 localhost", "::1 localhost"]),
    // Whatever runs the image puts its own name servers here.
    textFile("etc/resolv.conf", []),
    textFile("etc/nsswitch.conf", ["hosts: files dns"]),
    // Mozilla's, as this Node holds them: not what the building machine happens to trust.
    textFile("etc/ssl/certs/ca-certificates.crt", rootCertificates),
  ];
  return { files, folders: [{ path: dataPath, owner: user.id }], libraries };
}

/** A tenth of Node is symbols for debuggers. */
async function readStripped(program: string): Promise<Uint8Array> {
  const scratch = await mkdtemp(join(tmpdir(), "throughline-strip-"));
  try {
    const stripped = join(scratch, "program");
    await promisify(execFile)("strip", ["--strip-all", "-o", stripped, program]);
    return await readFile(stripped);
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    throw isMissing ? new Error("strip is not installed. Fix: install binutils (apt-get install binutils).") : error;
  } finally {
    await rm(scratch, { recursive: true });
  }
}
