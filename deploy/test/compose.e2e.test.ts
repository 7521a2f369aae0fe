// compose.yaml and the Dockerfile, held against what they stand for: the specification, the code that reads the settings, the
// images that are laid out without Docker. That it all runs: images.e2e.test.ts.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { Ajv } from "ajv";
import addFormats from "ajv-formats";
import { describe, expect, test } from "vitest";
import { listServices } from "../image/build-image.ts";
import { bundleService, entryPath } from "../image/bundle.ts";
import { dataPath, nodePath, userAndGroup } from "../image/runtime-files.ts";
import { builtServices, readComposeFile, readRootFile } from "./compose-file.ts";
import { findSettingsRead } from "./settings-read.ts";

const compose = readComposeFile();

describe("compose.yaml", () => {
  test("is what the Compose specification allows", () => {
    const dclint = createRequire(import.meta.url).resolve("dclint/package.json");
    const { $schema: _, ...schema } = JSON.parse(
      readFileSync(join(dirname(dclint), "schemas/compose.schema.json"), "utf8"),
    );
    const ajv = new Ajv({ strict: false, allErrors: true });
    addFormats.default(ajv);
    const isValid = ajv.validate(schema, compose);
    expect([isValid, ajv.errors]).toEqual([true, null]);
  });

  test("builds every service from the one Dockerfile, confined to what it needs", async () => {
    expect(builtServices(compose).map(([name]) => name)).toEqual(
      expect.arrayContaining((await listServices()) as string[]),
    );
    for (const [name, service] of builtServices(compose)) {
      expect(service, name).toMatchObject({
        build: { context: ".", dockerfile: "deploy/Dockerfile", args: { SERVICE: name } },
        read_only: true,
        cap_drop: ["ALL"],
        security_opt: ["no-new-privileges:true"],
        healthcheck: { test: ["CMD", `/${nodePath}`, "/app/probe.mjs", expect.any(String)] },
      });
    }
  });

  test("opens nothing to other machines, and waits for what has to be there", () => {
    for (const [name, service] of Object.entries(compose.services)) {
      expect(
        (service.ports ?? []).filter((port) => !port.startsWith("127.0.0.1:")),
        name,
      ).toEqual([]);
      for (const needed of Object.keys(service.depends_on ?? {})) {
        expect(compose.services[needed]?.healthcheck, `${name} waits for ${needed}`).toBeDefined();
      }
    }
  });

  test("names only hosts, volumes and settings files that it has", () => {
    const hosts = Object.values(compose.services).flatMap(({ environment = {} }) =>
      Object.values(environment).flatMap((value) => /:\/\/(?:[^@/]*@)?([\w.-]+)/.exec(value)?.[1] ?? []),
    );
    expect(Object.keys(compose.services)).toEqual(expect.arrayContaining([...new Set(hosts)]));
    const mounted = Object.values(compose.services).flatMap(({ volumes = [] }) =>
      volumes.map((one) => one.split(":")[0]),
    );
    expect(Object.keys(compose.volumes).sort()).toEqual(mounted.sort());
  });

  test("takes a password from outside, everywhere or nowhere", () => {
    const { name: _, ...chosen } = readComposeFile({ POSTGRES_PASSWORD: "chosen" });
    expect(JSON.stringify(chosen)).not.toContain("throughline");
  });
});

describe("the settings of each service", () => {
  test.each(builtServices(compose))("of %s are those that its code reads", async (name, { environment = {} }) => {
    const { sourceMaps } = await bundleService(
      new URL(`../../examples/orders/${name}/main.ts`, import.meta.url).pathname,
    );
    const read = [...findSettingsRead(sourceMaps)].filter((one) => !one.startsWith("OTEL_"));
    const set = Object.keys(environment).filter((one) => !one.startsWith("OTEL_"));
    expect(set.sort()).toEqual(read.sort());
  });
});

describe("the Dockerfile", () => {
  const instructions = readRootFile("deploy/Dockerfile")
    .split("\n")
    .filter((line) => /^[A-Z]/.test(line));
  const last = instructions.slice(instructions.indexOf("FROM scratch"));

  test("builds with the pinned Node", () => {
    const { node } = JSON.parse(readRootFile("package.json")).devDependencies;
    expect(instructions[0]).toBe(`FROM node:${node}-bookworm-slim AS build`);
  });

  test("puts the same into an image as `npm run image`", () => {
    expect(last).toEqual([
      "FROM scratch",
      "COPY --from=build /root-file-system/ /",
      `COPY --from=build --chown=${userAndGroup} /root-file-system/${dataPath}/ /${dataPath}/`,
      `USER ${userAndGroup}`,
      `WORKDIR /${dirname(entryPath)}`,
      "ENV NODE_ENV=production",
      "STOPSIGNAL SIGTERM",
      `ENTRYPOINT ["/${nodePath}", "/${entryPath}"]`,
    ]);
  });
});
