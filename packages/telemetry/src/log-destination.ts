// What Pino writes to, and what it adds to each line. Only Pino's shape is known here.

import { trace } from "@opentelemetry/api";

/** A destination of Pino: a line of JSON at a time. */
export interface LogDestination {
  write(line: string): void;
}

export const standardOutput: LogDestination = {
  write(line) {
    process.stdout.write(line);
  },
};

/** For Pino's `mixin`: the ids of the span that is under way, by the names that collectors know. */
export function traceFields(): { trace_id?: string; span_id?: string; trace_flags?: string } {
  const context = trace.getActiveSpan()?.spanContext();
  return context === undefined
    ? {}
    : {
        trace_id: context.traceId,
        span_id: context.spanId,
        trace_flags: `0${context.traceFlags.toString(16)}`.slice(-2),
      };
}
