// Telemetry as a process really starts it, checked on what an OTLP receiver really got.

import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { startOtlpSink } from "@throughline/testing";
import { expect, test } from "vitest";

const sourceUrl = new URL("../src/index.ts", import.meta.url).href;
const script = `
  const { startTelemetry } = await import(${JSON.stringify(sourceUrl)});
  const telemetry = await startTelemetry({ service: "shop" });
  const { trace } = await import("@opentelemetry/api");
  trace.getTracer("test").startActiveSpan("work", (span) => {
    span.recordException(new Error("broken"));
    span.end();
  });
  await telemetry.shutdown();
  console.log(JSON.stringify({ enabled: telemetry.enabled }));`;

function runProcess(env: Record<string, string>): Promise<{ enabled: boolean }> {
  const child = spawn(process.execPath, ["--conditions=throughline-source", "--input-type=module", "-e", script], {
    cwd: new URL("..", import.meta.url),
    env: { PATH: process.env["PATH"], ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  return new Promise((resolve, reject) => {
    child.stdout.once("data", (data) => resolve(JSON.parse(String(data))));
    child.once("exit", (code) => reject(new Error(`the process ended with ${code} and said nothing`)));
  });
}

test("spans arrive over OTLP before the process ends, with the service's name", async () => {
  await using sink = await startOtlpSink();
  expect(await runProcess({ ...sink.env, OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=test" })).toEqual({
    enabled: true,
  });
  expect(sink.spans).toMatchObject([{ service: "shop", name: "work", events: [{ name: "exception" }] }]);
});

test("speaks protobuf unless told otherwise, as the specification says", async () => {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const server = createServer((request, response) => {
    resolve(request.headers["content-type"]);
    request.resume().on("end", () => response.end());
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const address = server.address();
  const port = typeof address === "object" ? address?.port : 0;
  await runProcess({ OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` });
  expect(await promise).toBe("application/x-protobuf");
  server.close();
});

test("stays off without an endpoint, and when it is switched off", async () => {
  expect(await runProcess({})).toEqual({ enabled: false });
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9" };
  expect(await runProcess({ ...endpoint, OTEL_SDK_DISABLED: "true" })).toEqual({ enabled: false });
});
