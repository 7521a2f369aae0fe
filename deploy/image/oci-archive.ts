// Layers and a configuration as an OCI image in one file, which `docker load`, `podman load` and `skopeo copy oci-archive:` take.
// https://github.com/opencontainers/image-spec

import { packTar } from "modern-tar";
import { beginningOfTime, type Layer, sha256 } from "./layer.ts";

export interface ImageSettings {
  readonly name: string;
  readonly entrypoint: readonly string[];
  readonly user: string;
  readonly workingFolder: string;
  readonly env: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

export interface OciImage {
  readonly archive: Uint8Array;
  /** Of the manifest: what identifies the image. */
  readonly digest: string;
}

const mediaTypes = {
  index: "application/vnd.oci.image.index.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar+gzip",
} as const;

/** Node's names of processors, in the words of images. */
const architectures: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

export async function packImage(layers: readonly Layer[], settings: ImageSettings): Promise<OciImage> {
  const platform = { architecture: architectures[process.arch] ?? process.arch, os: "linux" };
  const created = beginningOfTime.toISOString();
  const config = encode({
    created,
    ...platform,
    config: {
      User: settings.user,
      Env: settings.env,
      Entrypoint: settings.entrypoint,
      WorkingDir: settings.workingFolder,
      Labels: settings.labels,
      StopSignal: "SIGTERM",
    },
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map(() => ({ created })),
  });
  const manifest = encode({
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: describe(config, mediaTypes.config),
    layers: layers.map(({ compressed }) => describe(compressed, mediaTypes.layer)),
  });
  const reference = { "org.opencontainers.image.ref.name": "latest", "io.containerd.image.name": settings.name };
  const index = encode({
    schemaVersion: 2,
    mediaType: mediaTypes.index,
    manifests: [{ ...describe(manifest, mediaTypes.manifest), platform, annotations: reference }],
  });
  const blobs = [manifest, config, ...layers.map(({ compressed }) => compressed)];
  const files = [
    ["oci-layout", encode({ imageLayoutVersion: "1.0.0" })],
    ["index.json", index],
    ...blobs.map((blob) => [`blobs/${sha256(blob).replace(":", "/")}`, blob] as const),
  ] as const;
  const archive = await packTar(
    files.map(([name, body]) => ({ header: { name, size: body.length, mtime: beginningOfTime, mode: 0o644 }, body })),
  );
  return { archive, digest: sha256(manifest) };
}

function encode(value: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

function describe(blob: Uint8Array, mediaType: string): object {
  return { mediaType, digest: sha256(blob), size: blob.length };
}
