// Handles messages in this process and watches its resident memory: what the two processes that are compared share.

import { round } from "../statistics.ts";

/** How to handle the first `count` messages of the stream: calls `arrived` for each, resolves when all were handled. */
export type HandleMessages = (name: string, count: number, arrived: () => void) => Promise<void>;

export interface SampledRun {
  /** Messages a second. */
  readonly small: number;
  readonly large: number;
  /** While the second half of the large run was handled: at its begin and at its end. */
  readonly rssHalfwayMb: number;
  readonly rssEndMb: number;
  /** Growth over the second half, as a line through all samples, in percent. */
  readonly rssSlopePercent: number;
}

const sampleEveryMs = 250;

/** Warms up with a small run, measures another one, then the large one; prints the figures as JSON. */
export async function reportRun(handle: HandleMessages): Promise<void> {
  const [smallCount = 0, largeCount = 0] = process.argv.slice(2).map(Number);
  await measure(handle, "warm-up", smallCount);
  const small = await measure(handle, "small", smallCount);
  const samples: Sample[] = [];
  const large = await measure(handle, "large", largeCount, (share) => samples.push({ share, mb: rssMb() }));
  const secondHalf = samples.filter(({ share }) => share >= 0.5);
  const run: SampledRun = { small: Math.round(small), large: Math.round(large), ...describeMemory(secondHalf) };
  process.stdout.write(JSON.stringify(run));
}

async function measure(
  handle: HandleMessages,
  name: string,
  count: number,
  sample: (share: number) => void = () => undefined,
): Promise<number> {
  let handled = 0;
  let startedAt = 0;
  let rate = 0;
  const sampling = setInterval(() => sample(handled / count), sampleEveryMs);
  await handle(name, count, () => {
    startedAt ||= performance.now();
    if (++handled === count) {
      rate = (count / (performance.now() - startedAt)) * 1_000;
    }
  });
  clearInterval(sampling);
  return rate;
}

interface Sample {
  readonly share: number;
  readonly mb: number;
}

const rssMb = () => process.memoryUsage.rss() / 1_048_576;

/** A least-squares line through the samples. */
function describeMemory(samples: readonly Sample[]): Omit<SampledRun, "small" | "large"> {
  const meanShare = samples.reduce((sum, { share }) => sum + share, 0) / samples.length;
  const meanMb = samples.reduce((sum, { mb }) => sum + mb, 0) / samples.length;
  const covariance = samples.reduce((sum, { share, mb }) => sum + (share - meanShare) * (mb - meanMb), 0);
  const variance = samples.reduce((sum, { share }) => sum + (share - meanShare) ** 2, 0);
  const growth = ((covariance / variance) * 0.5) / meanMb;
  return {
    rssHalfwayMb: round(samples[0]?.mb ?? Number.NaN, 1),
    rssEndMb: round(samples.at(-1)?.mb ?? Number.NaN, 1),
    rssSlopePercent: round(growth * 100),
  };
}
