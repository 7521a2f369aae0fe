// Telemetry as a process really starts it, checked on what an OTLP receiver really got.

import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { startOtlpSink } from "@throughline/testing";
import { expect, test } from "vitest";

const sourceUrl = new URL("../src/index.ts", import.meta.url).href;
const script = `
  const { startTelemetry, traceFields } = await import(${JSON.stringify(sourceUrl)});
  const telemetry = await startTelemetry({ service: "shop" });
  const { metrics, trace } = await import("@opentelemetry/api");
  const { pino } = await import("pino");
  const logger = pino({ mixin: traceFields }, telemetry.logs);
  const tracer = trace.getTracer("test");
  tracer.startActiveSpan("work", (span) => {
    span.recordException(new Error("broken"));
    logger.warn({ eventId: "e-1", correlationId: "c-1", err: new TypeError("no card"), lines: [1] }, "it failed");
    span.end();
  });
  for (let n = 0; n < Number(process.env.BURST ?? 0); n++) {
    tracer.startSpan("burst").end();
  }
  metrics.getMeter("test").createCounter("made", { unit: "{item}" }).add(3, { kind: "cup" });
  telemetry.logs.write("no json\\n");
  await telemetry.shutdown();
  await telemetry.shutdown();
  console.log(JSON.stringify({ enabled: telemetry.enabled }));`;

async function runProcess(env: Record<string, string>): Promise<{ enabled: boolean; lines: string[] }> {
  const child = spawn(process.execPath, ["--conditions=throughline-source", "--input-type=module", "-e", script], {
    cwd: new URL("..", import.meta.url),
    env: { PATH: process.env["PATH"], ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let out = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  const code = await new Promise((resolve) => child.once("close", resolve));
  expect(code).toBe(0);
  const lines = out.trim().split("\n");
  return { ...(JSON.parse(lines.at(-1) ?? "") as { enabled: boolean }), lines: lines.slice(0, -1) };
}

test("spans, metrics and logs arrive over OTLP before the process ends, and belong together", async () => {
  await using sink = await startOtlpSink();
  const { enabled, lines } = await runProcess({
    ...sink.env,
    OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=test",
  });
  expect(enabled).toBe(true);
  const [span] = sink.spans;
  expect(sink.spans).toMatchObject([{ service: "shop", name: "work", events: [{ name: "exception" }] }]);
  expect(sink.metrics).toContainEqual({
    ...{ service: "shop", name: "made", unit: "{item}", kind: "sum", value: 3, bounds: [] },
    attributes: { kind: "cup" },
  });
  expect(sink.logs).toMatchObject([
    {
      service: "shop",
      body: "it failed",
      severity: "WARN",
      traceId: span?.traceId,
      spanId: span?.spanId,
      attributes: {
        "cloudevents.event_id": "e-1",
        "messaging.message.conversation_id": "c-1",
        "exception.type": "TypeError",
        "exception.message": "no card",
        lines: "[1]",
      },
    },
    { body: "no json", traceId: undefined },
  ]);
  // The console has the same lines, with the same ids.
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({
    msg: "it failed",
    trace_id: span?.traceId,
    span_id: span?.spanId,
  });
  expect(sink.resource).toMatchObject({
    "service.name": "shop",
    "service.instance.id": expect.any(String),
    "deployment.environment.name": "test",
    "process.pid": expect.any(Number),
  });
  // How a process was started may hold secrets.
  expect(Object.keys(sink.resource).filter((name) => /command|owner/.test(name))).toEqual([]);
});

test("counts the spans that its queue could not hold", async () => {
  await using sink = await startOtlpSink();
  await runProcess({ ...sink.env, BURST: "999", OTEL_BSP_MAX_QUEUE_SIZE: "100" });
  const processed = sink.metrics.filter(({ name }) => name === "otel.sdk.processor.span.processed");
  const sum = (isDropped: boolean) =>
    processed
      .filter(({ attributes }) => (attributes["error.type"] === "queue_full") === isDropped)
      .reduce((total, { value }) => total + value, 0);
  expect(sum(true)).toBeGreaterThan(0);
  expect(sum(false)).toBe(sink.spans.length);
  expect(sum(true) + sum(false)).toBe(1_000);
});

test("samples as the standard variables say, and exports each signal by itself", async () => {
  await using sink = await startOtlpSink();
  await runProcess({ ...sink.env, BURST: "400", OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "0.1" });
  expect(sink.spans.length).toBeGreaterThan(5);
  expect(sink.spans.length).toBeLessThan(120);
  await using quiet = await startOtlpSink();
  await runProcess({ ...quiet.env, OTEL_TRACES_EXPORTER: "none", OTEL_LOGS_EXPORTER: "none" });
  expect([quiet.spans.length, quiet.logs.length, quiet.metrics.length > 0]).toEqual([0, 0, true]);
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

test("a receiver that never answers costs no more than one time-out, and nothing else", async () => {
  const server = createServer(() => undefined);
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const address = server.address();
  const port = typeof address === "object" ? address?.port : 0;
  const startedAt = performance.now();
  await runProcess({
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
    OTEL_EXPORTER_OTLP_TIMEOUT: "700",
    ...{ OTEL_METRICS_EXPORTER: "none", OTEL_LOGS_EXPORTER: "none", BURST: "9999" },
  });
  expect(performance.now() - startedAt).toBeLessThan(700 * 5);
  server.closeAllConnections();
  server.close();
});

test("stays off without an endpoint, and when it is switched off", async () => {
  expect(await runProcess({})).toMatchObject({ enabled: false });
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9" };
  expect(await runProcess({ ...endpoint, OTEL_SDK_DISABLED: "true" })).toMatchObject({ enabled: false });
});

test.each([
  ["when its work is done", "", 0],
  ["by a signal", "setInterval(() => undefined, 1_000); process.kill(process.pid, 'SIGTERM');", null],
  ["by an error that nobody caught", "throw new Error('nobody caught it');", 1],
  ["by a promise that nobody caught", "void Promise.reject(new Error('nobody caught it'));", 1],
])("registered before the program, sends what it has %s", async (_how, ending, exitCode) => {
  await using sink = await startOtlpSink();
  const register = new URL("../src/register.ts", import.meta.url).href;
  const program = `
    const { trace } = await import("@opentelemetry/api");
    trace.getTracer("test").startSpan("work").end();
    ${ending}`;
  const options = ["--conditions=throughline-source", "--import", register, "--input-type=module", "-e", program];
  const child = spawn(process.execPath, options, {
    cwd: new URL("..", import.meta.url),
    env: { PATH: process.env["PATH"], ...sink.env, OTEL_SERVICE_NAME: "registered" },
    stdio: "ignore",
  });
  expect(await new Promise((resolve) => child.once("exit", resolve))).toBe(exitCode);
  expect(sink.spans).toMatchObject([{ service: "registered", name: "work" }]);
});
