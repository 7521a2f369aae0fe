// Where a Jaeger comes from, and what is said where none does. That it draws what it should: `npm run test:jaeger`.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findJaeger, provideJaeger, startJaeger } from "@throughline/servers";
import { expect, test } from "vitest";

test("without a program, a cache and Go it says what was tried, and what to do", async () => {
  const empty = await mkdtemp(join(tmpdir(), "throughline-empty-"));
  await expect(findJaeger({ env: { PATH: empty, THROUGHLINE_CACHE: empty } })).rejects.toMatchObject({
    code: "SERVERS_NOT_FOUND",
    attempts: [{ source: "cache" }, { source: "go", reason: "go is not installed" }],
    message: expect.stringContaining("JAEGER_BIN=/path/to/jaeger"),
  });
  await rm(empty, { recursive: true });
});

test("a program that is named is the only one tried; one that is no Jaeger is shown with its last words", async () => {
  await expect(findJaeger({ env: { JAEGER_BIN: "/nowhere/jaeger" } })).rejects.toMatchObject({
    attempts: [{ source: "JAEGER_BIN", reason: "/nowhere/jaeger does not exist" }],
  });
  await expect(startJaeger({ found: { path: process.execPath, source: "JAEGER_BIN" } })).rejects.toMatchObject({
    code: "SERVERS_START_FAILED",
    message: expect.stringContaining("bad option"),
  });
});

test("a running one is used as it is", async () => {
  const env = { JAEGER_URL: "http://jaeger.test:16686/" };
  expect(await provideJaeger({ env })).toMatchObject({
    url: "http://jaeger.test:16686",
    otlpEndpoint: "http://jaeger.test:4318/",
    source: "JAEGER_URL",
  });
  const elsewhere = { ...env, OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector.test:4318" };
  expect(await provideJaeger({ env: elsewhere })).toMatchObject({ otlpEndpoint: "http://collector.test:4318" });
});
