// The command line of `npm start`.

import { parseArgs } from "node:util";

export interface StartOptions {
  readonly once: boolean;
  readonly json: boolean;
  readonly jaeger: boolean;
  readonly help: boolean;
}

export const usage = `usage: npm start [-- --once] [-- --json] [-- --jaeger]

  --once    place one order, show its journey, end
  --json    print the result as one JSON object; everything else goes to standard error
  --jaeger  run a Jaeger beside the system, and link the order's trace
  --help    show this

NATS_URL and DATABASE_URL use running servers instead of starting them; NATS_SERVER names a nats-server binary to start,
POSTGRES_BIN the folder of Postgres' programs. With --jaeger, JAEGER_BIN names the program
(https://www.jaegertracing.io/download), JAEGER_URL one that runs; without them, one is built once with Go.
OTEL_EXPORTER_OTLP_ENDPOINT sends traces; PORT chooses the gateway's port.`;

export function readOptions(args: readonly string[]): StartOptions | { readonly problem: string } {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        once: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        jaeger: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    return values;
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}
