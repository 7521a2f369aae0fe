// What is in an image, for whoever has to know whether a vulnerability concerns it: CycloneDX 1.6.
// https://cyclonedx.org/docs/1.6/json

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { Contrib, Enums, Models, Serialize, Spec } from "@cyclonedx/cyclonedx-library";
import { PackageURL } from "packageurl-js";
import parseLicense from "spdx-expression-parse";
import type { BundledPackage } from "./bundle.ts";
import type { ImageFile } from "./image-file.ts";

export interface Materials {
  readonly service: string;
  readonly packages: readonly BundledPackage[];
  /** Absolute paths of shared libraries. */
  readonly libraries: readonly string[];
  readonly files: readonly ImageFile[];
  readonly nodePath: string;
}

/** The same bytes for the same materials: no time, no serial number. */
export async function writeBillOfMaterials(materials: Materials): Promise<string> {
  const { service, packages, libraries, files, nodePath } = materials;
  const image = new Models.Component(Enums.ComponentType.Container, service, { bomRef: service });
  const bom = new Models.Bom({ metadata: new Models.Metadata({ component: image }) });
  const contents = new Map(files.map(({ path, content }) => [path, content]));
  const add = (component: Models.Component, path?: string) => {
    const content = path === undefined ? undefined : contents.get(path);
    if (content !== undefined) {
      component.hashes.set(Enums.HashAlgorithm["SHA-256"], createHash("sha256").update(content).digest("hex"));
    }
    bom.components.add(component);
    image.dependencies.add(component.bomRef);
  };
  add(describeNode(), nodePath);
  for (const one of packages) {
    add(describePackage(one));
  }
  for (const path of libraries) {
    add(await describeLibrary(path), path.slice(1));
  }
  const serializer = new Serialize.JsonSerializer(new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6));
  return `${serializer.serialize(bom, { sortLists: true, space: 2 })}\n`;
}

function describeNode(): Models.Component {
  const { node: version } = process.versions;
  const purl = new PackageURL("generic", undefined, "node", version).toString();
  return new Models.Component(Enums.ComponentType.Platform, "node", { version, purl, bomRef: purl });
}

const components = new Contrib.FromNodePackageJson.Builders.ComponentBuilder(
  new Contrib.FromNodePackageJson.Factories.ExternalReferenceFactory(),
  new Contrib.License.Factories.LicenseFactory(parseLicense),
);

function describePackage(manifest: BundledPackage): Models.Component {
  const component = components.makeComponent(manifest);
  if (component === undefined) {
    throw new Error(`The package.json of ${manifest.name} does not describe a package.`);
  }
  const [name = "", scope] = manifest.name.split("/").reverse();
  component.purl = new PackageURL("npm", scope, name, manifest.version).toString();
  component.bomRef.value = component.purl;
  return component;
}

/** With the package of the system that it came in, which vulnerabilities are told by; where the system can tell. */
async function describeLibrary(path: string): Promise<Models.Component> {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const owner = await findDebianPackage(path).catch(() => undefined);
  const purl = owner && new PackageURL("deb", "debian", owner.name, owner.version, { arch: owner.arch }).toString();
  return new Models.Component(Enums.ComponentType.Library, name, {
    bomRef: path,
    ...(owner && purl && { version: owner.version, purl }),
  });
}

async function findDebianPackage(path: string): Promise<{ name: string; version: string; arch: string } | undefined> {
  // A system with /lib linked to /usr/lib knows a file by one of the two names.
  const known = await ask("dpkg-query", "--search", path).catch(() => ask("dpkg-query", "--search", `/usr${path}`));
  const owner = known.slice(0, known.indexOf(": "));
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg's own placeholders
  const format = "${Package} ${Version} ${Architecture}\n";
  const [name, version, arch] = (await ask("dpkg-query", "--show", "--showformat", format, owner)).trim().split(" ");
  return name && version && arch ? { name, version, arch } : undefined;
}

async function ask(command: string, ...args: readonly string[]): Promise<string> {
  return (await promisify(execFile)(command, args)).stdout;
}
