// A service as an image: bundled, laid out as the smallest root file system that runs it, and packed.

import { existsSync } from "node:fs";
import { chmod, chown, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeBillOfMaterials } from "./bill-of-materials.ts";
import { bundleService, entryPath } from "./bundle.ts";
import { byPath, foldersOf, type ImageFile, modes } from "./image-file.ts";
import { type Layer, packLayer } from "./layer.ts";
import { packImage } from "./oci-archive.ts";
import { nodePath, type RuntimeFiles, readRuntimeFiles, userAndGroup } from "./runtime-files.ts";

export interface BuiltImage {
  readonly service: string;
  /** What a registry holds, and what a machine pulls that has no layer of it yet. */
  readonly compressedBytes: number;
  readonly uncompressedBytes: number;
  /** Every file in it, as absolute paths. */
  readonly files: readonly string[];
  /** Those of them that are shared libraries. */
  readonly libraries: readonly string[];
  /** Of the manifest. */
  readonly digest: string;
  /** Where on this machine: the root file system, the image in one file, its bill of materials, the source maps. */
  readonly rootFolder: string;
  readonly archive: string;
  readonly billOfMaterials: string;
  readonly sourceMaps: string;
}

/** What the images of all services have in common. */
export interface ImageBase {
  readonly content: RuntimeFiles;
  readonly layer: Layer;
}

const services = fileURLToPath(new URL("../../examples/orders/", import.meta.url));

/** The services of the reference system, and the card processor that they ask. */
export async function listServices(): Promise<readonly string[]> {
  const entries = await readdir(services, { withFileTypes: true });
  const isService = ({ name }: { name: string }) => name !== "start" && existsSync(join(services, name, "main.ts"));
  return entries
    .filter((entry) => entry.isDirectory() && isService(entry))
    .map(({ name }) => name)
    .sort();
}

/** Compressing Node takes ten seconds: what `folder` keeps of an earlier time is used again. */
export async function prepareBase(folder: string): Promise<ImageBase> {
  if (process.platform !== "linux") {
    throw new Error(`An image is made of this machine's Node, and runs on Linux.
Fix: docker build -f deploy/Dockerfile --build-arg SERVICE=<service> .`);
  }
  const content = await readRuntimeFiles();
  const layers = join(folder, "layers");
  return { content, layer: await packLayer(content, (diffId, compress) => keep(layers, diffId, compress)) };
}

/** Puts the image into a folder of the service's name in `folder`; what lay there is replaced. */
export async function buildImage(service: string, { content, layer }: ImageBase, folder: string): Promise<BuiltImage> {
  const bundle = await bundleService(join(services, service, "main.ts"));
  const layers = [layer, await packLayer(bundle)];
  const image = await packImage(layers, {
    name: `throughline/${service}:latest`,
    entrypoint: [`/${nodePath}`, `/${entryPath}`],
    user: userAndGroup,
    workingFolder: `/${dirname(entryPath)}`,
    env: ["NODE_ENV=production"],
    labels: { "org.opencontainers.image.title": service, "org.opencontainers.image.licenses": "Apache-2.0" },
  });
  const { packages } = bundle;
  const { libraries } = content;
  const files = [...content.files, ...bundle.files].toSorted(byPath);
  const target = join(folder, service);
  const places = {
    rootFolder: join(target, "root"),
    archive: join(target, "image.tar"),
    billOfMaterials: join(target, "bom.cdx.json"),
    sourceMaps: join(target, "source-maps"),
  };
  await rm(target, { recursive: true, force: true });
  await layOut(places.rootFolder, files);
  for (const { path, owner } of content.folders) {
    await makeFolderOf(owner, join(places.rootFolder, path));
  }
  await layOut(places.sourceMaps, bundle.sourceMaps);
  await writeFile(places.archive, image.archive);
  await writeFile(
    places.billOfMaterials,
    await writeBillOfMaterials({ service, nodePath, files, packages, libraries }),
  );
  return {
    service,
    compressedBytes: layers.reduce((sum, { compressed }) => sum + compressed.length, 0),
    uncompressedBytes: layers.reduce((sum, { uncompressedBytes }) => sum + uncompressedBytes, 0),
    files: files.map(({ path }) => `/${path}`),
    libraries,
    digest: image.digest,
    ...places,
  };
}

/** Whatever the umask: another user is to read it. */
async function layOut(folder: string, files: readonly ImageFile[]): Promise<void> {
  for (const inside of ["", ...foldersOf(files)]) {
    await mkdir(join(folder, inside), { recursive: true });
    await chmod(join(folder, inside), modes.folder);
  }
  for (const { path, content, isExecutable } of files) {
    await writeFile(join(folder, path), content);
    await chmod(join(folder, path), isExecutable ? modes.executable : modes.file);
  }
}

/** Only root can give something away; whoever else lays out an image owns all of it. */
async function makeFolderOf(owner: number, folder: string): Promise<void> {
  await mkdir(folder, { mode: modes.private });
  if (process.getuid?.() === 0) {
    await chown(folder, owner, owner);
  }
}

async function keep(folder: string, diffId: string, compress: () => Promise<Uint8Array>): Promise<Uint8Array> {
  const file = join(folder, `${diffId.replace(":", "-")}.tar.gz`);
  const kept = await readFile(file).catch(() => undefined);
  if (kept !== undefined) {
    return kept;
  }
  const compressed = await compress();
  await mkdir(folder, { recursive: true });
  await writeFile(`${file}.${process.pid}`, compressed);
  await rename(`${file}.${process.pid}`, file);
  return compressed;
}
