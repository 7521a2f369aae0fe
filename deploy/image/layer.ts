// Files as a layer of an image: a tar archive that is the same, byte for byte, whenever and wherever its files are.

import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { constants, gzip } from "node:zlib";
import { packTar } from "modern-tar";
import { byPath, foldersOf, type ImageFile, type ImageFolder, modes } from "./image-file.ts";

export interface Layer {
  readonly compressed: Uint8Array;
  /** Of the compressed archive: what registries name it by. */
  readonly digest: string;
  /** Of the archive itself: what the image's configuration names it by. */
  readonly diffId: string;
  readonly uncompressedBytes: number;
}

export const beginningOfTime: Date = new Date(0);
const root = { uid: 0, gid: 0, uname: "root", gname: "root", mtime: beginningOfTime };

export interface LayerContent {
  readonly files: readonly ImageFile[];
  readonly folders?: readonly ImageFolder[];
}

/** Compresses once what is there already: `known` is asked with the archive's digest. */
export async function packLayer(
  { files, folders = [] }: LayerContent,
  known: (diffId: string, compress: () => Promise<Uint8Array>) => Promise<Uint8Array> = (_, compress) => compress(),
): Promise<Layer> {
  const archive = await packTar([
    ...foldersOf(files).map((path) => ({
      header: { ...root, name: `${path}/`, type: "directory" as const, size: 0, mode: modes.folder },
    })),
    ...folders.map(({ path, owner }) => ({
      header: {
        ...{ name: `${path}/`, type: "directory" as const, size: 0, mode: modes.private },
        ...{ uid: owner, gid: owner, mtime: beginningOfTime },
      },
    })),
    ...files.toSorted(byPath).map(({ path, content, isExecutable = false }) => ({
      header: {
        ...root,
        name: path,
        type: "file" as const,
        size: content.length,
        mode: isExecutable ? modes.executable : modes.file,
      },
      body: content,
    })),
  ]);
  const diffId = sha256(archive);
  const compressed = await known(diffId, () => promisify(gzip)(archive, { level: constants.Z_BEST_COMPRESSION }));
  return { compressed, digest: sha256(compressed), diffId, uncompressedBytes: archive.length };
}

/** As image specifications write it. */
export function sha256(content: Uint8Array | string): string {
  return `sha256:${createHash("sha256").update(content).digest("hex")}`;
}
