// `npm run image -- <service>`: its image, without Docker.

import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type BuiltImage, buildImage, listServices, prepareBase } from "./build-image.ts";

const defaultFolder = fileURLToPath(new URL("../../.throughline/images/", import.meta.url));
const exitCodes = { done: 0, failed: 1, usage: 2 } as const;
const services = await listServices();

const usage = `usage: npm run image -- <service> … [--json] [--folder <folder>]

  <service>  ${services.join(", ")}, or all
  --json     print one JSON object per image, and everything else on standard error
  --folder   where the images are put (default .throughline/images)
  --help     show this`;

function readArguments() {
  try {
    const options = {
      json: { type: "boolean", default: false },
      folder: { type: "string", default: defaultFolder },
      help: { type: "boolean", short: "h", default: false },
    } as const;
    const { values, positionals } = parseArgs({ options, allowPositionals: true });
    const wanted = positionals.includes("all") ? services : positionals;
    const unknown = wanted.find((name) => !services.includes(name));
    const problem = unknown === undefined ? "No service is named." : `There is no service ${unknown}.`;
    return values.help || (wanted.length > 0 && unknown === undefined) ? { ...values, wanted } : { problem };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

function describe(image: BuiltImage): string {
  const mebibytes = (bytes: number) => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
  return [
    image.service,
    `  ${mebibytes(image.compressedBytes)} compressed, ${mebibytes(image.uncompressedBytes)} unpacked`,
    `  ${image.files.length} files, ${image.libraries.length} of them shared libraries`,
    `  ${image.digest}`,
    `  root file system  ${image.rootFolder}`,
    `  docker load -i    ${image.archive}`,
    `  materials         ${image.billOfMaterials}`,
    "",
  ].join("\n");
}

async function main(): Promise<number> {
  const read = readArguments();
  if ("problem" in read) {
    process.stderr.write(`${read.problem}\n\n${usage}\n`);
    return exitCodes.usage;
  }
  if (read.help) {
    process.stdout.write(`${usage}\n`);
    return exitCodes.done;
  }
  const onProgress = (step: string) => process.stderr.write(`${step} …\n`);
  onProgress("Node and what it needs");
  const base = await prepareBase(read.folder);
  for (const service of read.wanted) {
    onProgress(service);
    const image = await buildImage(service, base, read.folder);
    process.stdout.write(read.json ? `${JSON.stringify(image)}\n` : describe(image));
  }
  return exitCodes.done;
}

process.exitCode = await main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  return exitCodes.failed;
});
