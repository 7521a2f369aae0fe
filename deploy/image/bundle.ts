// One service and everything that it imports, as a few small files: tree-shaken and minified, the source maps beside them; with
// the probe that every image has.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import type { ImageFile } from "./image-file.ts";

export interface Bundle {
  readonly files: readonly ImageFile[];
  /** For whoever reads a stack trace of the image; they stay outside of it. */
  readonly sourceMaps: readonly ImageFile[];
  /** What came in from npm. */
  readonly packages: readonly BundledPackage[];
}

/** A package.json. */
export interface BundledPackage {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
}

/** Where the code lies in the image. */
export const entryPath = "app/service.mjs";

const probe = fileURLToPath(new URL("./probe.ts", import.meta.url));
/** The packages' source, so that nothing has to be built first; whether something is imported or required decides about others. */
const conditions = ["throughline-source", "node", "default"];

export async function bundleService(entry: string): Promise<Bundle> {
  const build = await rolldown({
    input: { service: entry, probe },
    platform: "node",
    resolve: { conditionNames: conditions },
    checks: { pluginTimings: false },
  });
  try {
    const { output } = await build.generate({
      format: "esm",
      // Lines stay: one that is as long as a program is what a crash would print.
      minify: { compress: true, mangle: true, codegen: { removeWhitespace: false } },
      sourcemap: "hidden",
      comments: { legal: false },
      entryFileNames: "[name].mjs",
      chunkFileNames: "[name]-[hash].mjs",
    });
    const chunks = output.filter((part) => part.type === "chunk");
    const encoder = new TextEncoder();
    return {
      files: chunks.map(({ fileName, code }) => ({ path: `app/${fileName}`, content: encoder.encode(code) })),
      sourceMaps: chunks.flatMap(({ fileName, map }) =>
        map === null ? [] : [{ path: `${fileName}.map`, content: encoder.encode(map.toString()) }],
      ),
      packages: await describePackages(chunks.flatMap(({ modules }) => Object.keys(modules))),
    };
  } finally {
    await build.close();
  }
}

/** Sorted; one that lies in several places is named once. */
async function describePackages(modules: readonly string[]): Promise<readonly BundledPackage[]> {
  const folders = new Set(modules.map(packageFolderOf).filter((folder) => folder !== undefined));
  const packages = new Map<string, BundledPackage>();
  for (const folder of folders) {
    const manifest: BundledPackage = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
    packages.set(`${manifest.name}@${manifest.version}`, manifest);
  }
  return [...packages].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, manifest]) => manifest);
}

/** `…/node_modules/@scope/name`, for a module that lies in one. */
function packageFolderOf(module: string): string | undefined {
  return /^\0?(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(module)?.[1];
}
