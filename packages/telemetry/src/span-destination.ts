// Where batches of spans go: OTLP over HTTP with OpenTelemetry's settings, retries and time-outs, as protobuf or as JSON.

import { ExportResultCode } from "@opentelemetry/core";
import { OTLPExporterBase } from "@opentelemetry/otlp-exporter-base";
import { convertLegacyHttpOptions, createOtlpHttpExportDelegate } from "@opentelemetry/otlp-exporter-base/node-http";
import { JsonTraceSerializer, ProtobufTraceSerializer } from "@opentelemetry/otlp-transformer";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base";
import { EncodedSpans } from "./encoded-spans.ts";
import type { Protocol } from "./signal-settings.ts";

/** Spans that become one request. */
export interface SpanBatch {
  readonly size: number;
  add(span: ReadableSpan): void;
  finish(): Uint8Array;
}

export interface SpanDestination {
  newBatch(): SpanBatch;
  /** @throws when the receiver refused the request, or did not answer it for as long as the settings say */
  send(request: Uint8Array): Promise<void>;
  shutdown(): Promise<void>;
}

const formats = {
  "http/protobuf": {
    contentType: "application/x-protobuf",
    library: ProtobufTraceSerializer,
    newBatch: () => new EncodedSpans(),
  },
  "http/json": {
    contentType: "application/json",
    library: JsonTraceSerializer,
    newBatch: () => new SpansAsJson(),
  },
} as const;

export function openSpanDestination(protocol: Protocol): SpanDestination {
  const { contentType, library, newBatch } = formats[protocol];
  const exporter = new OTLPExporterBase<Uint8Array>(
    createOtlpHttpExportDelegate(
      convertLegacyHttpOptions({}, "TRACES", "v1/traces", { "Content-Type": contentType }),
      {
        serializeRequest: (request: Uint8Array) => request,
        deserializeResponse: (response) => library.deserializeResponse(response),
      },
      "otlp_http_span_exporter",
      // The exporter's own metrics are off: it is given no provider.
      { name: "span", countItems: () => 0 },
      undefined,
    ),
  );
  return {
    newBatch,
    send: (request) =>
      new Promise((resolve, reject) => {
        exporter.export(request, ({ code, error }) => {
          if (code === ExportResultCode.SUCCESS) {
            resolve();
          } else {
            reject(error ?? new Error("The receiver of spans refused them"));
          }
        });
      }),
    shutdown: () => exporter.shutdown(),
  };
}

/** For receivers and eyes that want it; several times as slow. */
class SpansAsJson implements SpanBatch {
  readonly #spans: ReadableSpan[] = [];

  get size(): number {
    return this.#spans.length;
  }

  add(span: ReadableSpan): void {
    this.#spans.push(span);
  }

  finish(): Uint8Array {
    return JsonTraceSerializer.serializeRequest(this.#spans) ?? new Uint8Array();
  }
}
