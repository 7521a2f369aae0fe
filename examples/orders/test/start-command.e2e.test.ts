// `npm start` as people and programs call it.

import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { findFreePorts } from "@throughline/servers";
import { eventually } from "@throughline/testing";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../../..", import.meta.url));

/** Whoever gets the port of a system that has ended may not speak HTTP: no request waits for ever. */
const get = (url: string) => fetch(url, { signal: AbortSignal.timeout(2_000) });

interface Outcome {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function npmStart(
  args: readonly string[] = [],
  settings: Readonly<Record<string, string>> = {},
): {
  readonly child: ChildProcess;
  readonly output: Outcome;
  readonly ended: Promise<Outcome>;
} {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_|^NODE_CHANNEL/.test(name)));
  // A process group of its own, as a terminal gives to each command.
  const child = spawn("npm", ["start", "--", ...args], {
    cwd: root,
    env: { ...env, ...settings },
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = { exitCode: null as number | null, stdout: "", stderr: "" };
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    output.stdout += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    output.stderr += text;
  });
  const ended = new Promise<Outcome>((resolve) => {
    child.once("close", (exitCode) => {
      output.exitCode = exitCode;
      resolve(output);
    });
  });
  return { child, output, ended };
}

/** The preferred port goes to the next system that a test starts, and its gateway would answer for one that has ended. */
async function ownPort(): Promise<{ readonly PORT: string }> {
  const [port] = await findFreePorts(1);
  return { PORT: String(port) };
}

test("`--once --json` prints one JSON object and nothing else on standard output", async () => {
  const { exitCode, stdout, stderr } = await npmStart(["--once", "--json"]).ended;
  expect(exitCode, stderr).toBe(0);
  const result = JSON.parse(stdout);
  expect(result).toMatchObject({
    orderId: expect.stringMatching(/^order-/),
    correlationId: result.events[0].id,
    traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
    complete: true,
    natsServer: { version: expect.stringMatching(/^\d+\.\d+\.\d+/), source: expect.any(String) },
    postgres: { version: expect.stringMatching(/^\d+\.\d+/), source: expect.any(String) },
    timings: { bootMs: expect.any(Number), orderMs: expect.any(Number) },
  });
  expect(result.events).toHaveLength(5);
  for (const [index, event] of result.events.entries()) {
    expect(event).toEqual({
      id: expect.any(String),
      type: expect.stringMatching(/^[a-z]+\.[a-z]+$/),
      version: expect.any(Number),
      service: expect.any(String),
      causationId: index === 0 ? null : result.events[index - 1].id,
      time: expect.stringMatching(/Z$/),
      streamSequence: expect.any(Number),
    });
  }
});

test("a system that stays up takes orders beside another one, and Ctrl-C ends all of it", async () => {
  const first = npmStart([], await ownPort());
  await eventually(() => first.output.stderr.includes("Ctrl-C ends everything"), { timeoutMs: 60_000 });
  expect(first.output.stdout).toContain("The journey of order-");
  const gatewayUrl = /Gateway\s+(http:\S+)/.exec(first.output.stderr)?.[1];
  expect((await get(`${gatewayUrl}/health/ready`)).status).toBe(200);

  const second = await npmStart(["--once", "--json"]).ended;
  expect(second.exitCode, second.stderr).toBe(0);

  const natsUrl = /NATS\s+nats:\/\/127\.0\.0\.1:(\d+)/.exec(first.output.stderr)?.[1];
  const stoppedAt = performance.now();
  process.kill(-(first.child.pid ?? 0), "SIGINT");
  // npm itself ends by the signal; its output closes when every process that writes to it has ended.
  expect((await first.ended).stderr).toContain("Stopping");
  expect(performance.now() - stoppedAt).toBeLessThan(5_000);
  await expect(get(`${gatewayUrl}/health/live`)).rejects.toThrow();
  await expect(get(`http://127.0.0.1:${natsUrl}`)).rejects.toThrow();
});

test("ends everything when it is killed without a chance to clean up", async () => {
  const { child, output } = npmStart([], await ownPort());
  await eventually(() => output.stderr.includes("Ctrl-C ends everything"), { timeoutMs: 60_000 });
  const gatewayUrl = /Gateway\s+(http:\S+)/.exec(output.stderr)?.[1];
  process.kill(-(child.pid ?? 0), "SIGKILL");
  await eventually(async () => {
    await get(`${gatewayUrl}/health/live`).then(
      () => Promise.reject(new Error("the gateway still answers")),
      () => true,
    );
    return true;
  });
});

test("an unknown option is a usage error", async () => {
  const { exitCode, stdout, stderr } = await npmStart(["--twice"]).ended;
  expect(exitCode).toBe(2);
  expect(stdout).toBe("");
  expect(stderr).toContain("usage: npm start");
});
