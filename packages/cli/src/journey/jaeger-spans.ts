// The spans of a journey, asked of Jaeger: https://www.jaegertracing.io/docs/latest/architecture/apis/

import { addSpans, type Journey, readOtlpSpans, type TraceSpan } from "@throughline/journeys";

const timeoutMs = 5_000;
const notFound = 404;

export interface WithSpans {
  readonly journey: Journey;
  /** Why there are no spans. */
  readonly problem?: string;
}

export async function addJaegerSpans(journey: Journey, jaegerUrl: string): Promise<WithSpans> {
  try {
    const spans = await Promise.all(journey.traceIds.map((id) => readTrace(jaegerUrl, id)));
    const known = spans.flat();
    return known.length === 0
      ? { journey, problem: `${jaegerUrl} knows none of its traces` }
      : { journey: addSpans(journey, known) };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return { journey, problem: `${jaegerUrl}: ${cause instanceof Error ? cause.message : String(cause)}` };
  }
}

async function readTrace(jaegerUrl: string, traceId: string): Promise<readonly TraceSpan[]> {
  const response = await fetch(new URL(`/api/v3/traces/${traceId}`, jaegerUrl), {
    signal: AbortSignal.timeout(timeoutMs),
  });
  if (response.status === notFound) {
    return [];
  }
  if (!response.ok) {
    throw new Error(`it answered ${response.status}`);
  }
  const { result } = (await response.json()) as { result?: unknown };
  return readOtlpSpans(result);
}
