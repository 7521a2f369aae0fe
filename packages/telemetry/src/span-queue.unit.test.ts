import { BasicTracerProvider, type ReadableSpan } from "@opentelemetry/sdk-trace-base";
import { eventually } from "@throughline/testing";
import { beforeEach, expect, test } from "vitest";
import { SpanQueue, type SpanQueueOptions } from "./span-queue.ts";

/** What arrived, a list of names for each request. */
let arrived: string[][];
/** Answers the requests, in turn; those beyond are taken at once. */
let answers: Promise<void>[];
let queue: SpanQueue;

beforeEach(() => {
  arrived = [];
  answers = [];
});

function record(options: Partial<SpanQueueOptions>): (name: string) => void {
  queue = new SpanQueue(
    {
      newBatch: () => {
        const names: string[] = [];
        return {
          get size() {
            return names.length;
          },
          add: ({ name }: ReadableSpan) => {
            if (name === "broken") {
              throw new TypeError("not to be written");
            }
            names.push(name);
          },
          finish: () => Buffer.from(JSON.stringify(names)),
        };
      },
      send: async (request) => {
        arrived.push(JSON.parse(Buffer.from(request).toString()) as string[]);
        await answers[arrived.length - 1];
      },
      shutdown: async () => undefined,
    },
    { maxSpans: 100, batchSize: 2, delayMs: 60_000, ...options },
  );
  const tracer = new BasicTracerProvider({ spanProcessors: [queue] }).getTracer("test");
  return (name) => tracer.startSpan(name).end();
}

test("a full batch goes at once, another one after its time", async () => {
  const end = record({ delayMs: 20 });
  for (const name of ["a", "b", "c"]) {
    end(name);
  }
  expect(arrived).toEqual([["a", "b"]]);
  await eventually(() => arrived.length === 2);
  expect(arrived[1]).toEqual(["c"]);
});

test("requests go one after another", async () => {
  const first = Promise.withResolvers<void>();
  answers = [first.promise];
  const end = record({});
  for (const name of ["a", "b", "c", "d", "e", "f"]) {
    end(name);
  }
  expect(arrived).toEqual([["a", "b"]]);
  first.resolve();
  await eventually(() => arrived.length === 3);
  expect(arrived.flat()).toEqual(["a", "b", "c", "d", "e", "f"]);
});

test("what was refused is gone, and the next request waits a while", async () => {
  answers = [Promise.reject(new Error("refused"))];
  const end = record({ delayMs: 50 });
  for (const name of ["a", "b", "c", "d"]) {
    end(name);
  }
  await new Promise((resolve) => setTimeout(resolve, 10));
  expect(arrived).toEqual([["a", "b"]]);
  await eventually(() => arrived.length === 2);
  expect(arrived[1]).toEqual(["c", "d"]);
});

test("a span that cannot be written harms neither whoever ends it nor the others", async () => {
  const end = record({});
  end("a");
  expect(() => end("broken")).not.toThrow();
  end("b");
  expect(arrived).toEqual([["a", "b"]]);
});

test("what does not fit is dropped; there is room again for what follows", async () => {
  const first = Promise.withResolvers<void>();
  answers = [first.promise];
  const end = record({ maxSpans: 3 });
  for (const name of ["a", "b", "c", "d", "e", "too many"]) {
    end(name);
  }
  first.resolve();
  await eventually(() => arrived.length === 2);
  end("f");
  await queue.forceFlush();
  expect(arrived).toEqual([
    ["a", "b"],
    ["c", "d"],
    ["e", "f"],
  ]);
});

test("a flush sends what waits, and waits for what is under way", async () => {
  const first = Promise.withResolvers<void>();
  answers = [first.promise];
  const end = record({});
  for (const name of ["a", "b", "c"]) {
    end(name);
  }
  let isFlushed = false;
  const flushed = queue.forceFlush().then(() => {
    isFlushed = true;
  });
  await eventually(() => arrived.length === 2);
  expect(isFlushed).toBe(false);
  first.resolve();
  await flushed;
  expect(arrived).toEqual([["a", "b"], ["c"]]);
});

test("nothing is taken after the end, and an end that cannot send ends all the same", async () => {
  answers = Array.from({ length: 100 }, () => Promise.reject(new Error("refused")));
  for (const answer of answers) {
    answer.catch(() => undefined);
  }
  const end = record({});
  for (let count = 0; count < 100; count++) {
    end("spans");
  }
  await Promise.all([queue.shutdown(), queue.shutdown()]);
  const { length } = arrived;
  end("late");
  await queue.forceFlush();
  expect(arrived).toHaveLength(length);
});
