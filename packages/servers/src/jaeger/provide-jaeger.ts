// Jaeger for whoever needs one: the running one that JAEGER_URL names, or one of our own.

import { type JaegerOptions, startJaeger } from "./jaeger-server.ts";

export interface ProvidedJaeger extends AsyncDisposable {
  /** Web page and query API. */
  readonly url: string;
  /** Where to send traces, for `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly otlpEndpoint: string;
  /** `JAEGER_URL` for a running one, which is left alone; otherwise how the started one was found. */
  readonly source: string;
  /** False for one built from source: it answers the API, and has a placeholder for its web page. */
  readonly hasWebPage: boolean;
}

const usualOtlpPort = "4318";

/**
 * `JAEGER_URL` skips finding, starting and ending one; traces then go to `OTEL_EXPORTER_OTLP_ENDPOINT`, or to port 4318 of the
 * same host. @throws ServersError SERVERS_NOT_FOUND, SERVERS_START_FAILED
 */
export async function provideJaeger(options: JaegerOptions = {}): Promise<ProvidedJaeger> {
  const { JAEGER_URL: url, OTEL_EXPORTER_OTLP_ENDPOINT: otlpEndpoint } = options.env ?? process.env;
  if (!url) {
    return await startJaeger(options);
  }
  return {
    url: url.replace(/\/+$/, ""),
    otlpEndpoint: otlpEndpoint || Object.assign(new URL("/", url), { port: usualOtlpPort }).href,
    source: "JAEGER_URL",
    hasWebPage: true,
    [Symbol.asyncDispose]: async () => undefined,
  };
}
