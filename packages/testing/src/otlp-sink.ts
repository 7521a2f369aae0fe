// An OTLP/HTTP receiver for tests: keeps every span, metric and log record that really arrived over the network.
// Exporters must speak JSON to it: OTEL_EXPORTER_OTLP_PROTOCOL=http/json.

import { createServer } from "node:http";

type AttributeValue = string | number | boolean | readonly AttributeValue[] | undefined;

/** A span as it arrived. */
export interface ReceivedSpan {
  readonly service: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly name: string;
  /** SERVER, CLIENT, PRODUCER, CONSUMER or INTERNAL. */
  readonly kind: string;
  readonly attributes: Readonly<Record<string, AttributeValue>>;
  readonly events: readonly { readonly name: string; readonly attributes: Readonly<Record<string, AttributeValue>> }[];
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly failed: boolean;
}

/** One data point as it arrived. */
export interface ReceivedMetric {
  readonly service: string;
  readonly name: string;
  readonly unit: string;
  readonly kind: "sum" | "gauge" | "histogram";
  /** Of a histogram the count. */
  readonly value: number;
  /** The bounds of a histogram's buckets. */
  readonly bounds: readonly number[];
  readonly attributes: Readonly<Record<string, AttributeValue>>;
}

export interface ReceivedLog {
  readonly service: string;
  readonly body: string;
  readonly severity: string;
  readonly traceId: string | undefined;
  readonly spanId: string | undefined;
  readonly attributes: Readonly<Record<string, AttributeValue>>;
}

export interface OtlpSink extends AsyncDisposable {
  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly endpoint: string;
  readonly spans: readonly ReceivedSpan[];
  /** Every data point of every export, oldest first. */
  readonly metrics: readonly ReceivedMetric[];
  readonly logs: readonly ReceivedLog[];
  /** Of the newest process that exported. */
  readonly resource: Readonly<Record<string, AttributeValue>>;
  /** The environment that points a process at this sink. */
  readonly env: Readonly<Record<string, string>>;
}

interface OtlpValue {
  readonly stringValue?: string;
  readonly intValue?: string | number;
  readonly doubleValue?: number;
  readonly boolValue?: boolean;
  readonly arrayValue?: { readonly values?: readonly OtlpValue[] };
}
type OtlpAttributes = readonly { readonly key: string; readonly value: OtlpValue }[];
interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly attributes?: OtlpAttributes;
  readonly events?: readonly { readonly name: string; readonly attributes?: OtlpAttributes }[];
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly status?: { readonly code?: number };
}
interface OtlpPoint {
  readonly attributes?: OtlpAttributes;
  readonly asInt?: string | number;
  readonly asDouble?: number;
  readonly count?: string | number;
  readonly explicitBounds?: readonly number[];
}
interface OtlpMetric {
  readonly name: string;
  readonly unit?: string;
  readonly sum?: { readonly dataPoints?: readonly OtlpPoint[] };
  readonly gauge?: { readonly dataPoints?: readonly OtlpPoint[] };
  readonly histogram?: { readonly dataPoints?: readonly OtlpPoint[] };
}
interface OtlpLog {
  readonly body?: OtlpValue;
  readonly severityText?: string;
  readonly traceId?: string;
  readonly spanId?: string;
  readonly attributes?: OtlpAttributes;
}
interface OtlpResource {
  readonly resource?: { readonly attributes?: OtlpAttributes };
}
interface OtlpRequest {
  readonly resourceSpans?: readonly (OtlpResource & {
    readonly scopeSpans?: readonly { readonly spans?: readonly OtlpSpan[] }[];
  })[];
  readonly resourceMetrics?: readonly (OtlpResource & {
    readonly scopeMetrics?: readonly { readonly metrics?: readonly OtlpMetric[] }[];
  })[];
  readonly resourceLogs?: readonly (OtlpResource & {
    readonly scopeLogs?: readonly { readonly logRecords?: readonly OtlpLog[] }[];
  })[];
}

const kinds = ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"];
const errorStatus = 2;

/** Listens on a free port of the loopback interface. */
export async function startOtlpSink(): Promise<OtlpSink> {
  const spans: ReceivedSpan[] = [];
  const received = { metrics: [] as ReceivedMetric[], logs: [] as ReceivedLog[] };
  let resource: Readonly<Record<string, AttributeValue>> = {};
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      if (!request.headers["content-type"]?.startsWith("application/json")) {
        response.writeHead(415).end();
        return;
      }
      const exported = JSON.parse(Buffer.concat(chunks).toString("utf8")) as OtlpRequest;
      spans.push(...readSpans(exported));
      received.metrics.push(...readMetrics(exported));
      received.logs.push(...readLogs(exported));
      const [from] = [exported.resourceSpans, exported.resourceMetrics, exported.resourceLogs].flatMap(
        (one) => one ?? [],
      );
      resource = readAttributes(from?.resource?.attributes);
      response.writeHead(200, { "content-type": "application/json" }).end("{}");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const endpoint = `http://127.0.0.1:${typeof address === "object" ? address?.port : address}`;
  return {
    endpoint,
    spans,
    ...received,
    get resource() {
      return resource;
    },
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: "http/json" },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function readSpans(request: OtlpRequest): ReceivedSpan[] {
  return (request.resourceSpans ?? []).flatMap(({ resource, scopeSpans = [] }) => {
    const service = String(readAttributes(resource?.attributes)["service.name"]);
    return scopeSpans.flatMap(({ spans = [] }) => spans.map((span) => readSpan(service, span)));
  });
}

function readMetrics(request: OtlpRequest): ReceivedMetric[] {
  return (request.resourceMetrics ?? []).flatMap(({ resource, scopeMetrics = [] }) => {
    const service = String(readAttributes(resource?.attributes)["service.name"]);
    const metrics = scopeMetrics.flatMap(({ metrics = [] }) => metrics);
    return metrics.flatMap((metric) => {
      const { name, unit = "" } = metric;
      return (["sum", "gauge", "histogram"] as const).flatMap((kind) =>
        (metric[kind]?.dataPoints ?? []).map((point) => ({
          ...{ service, name, unit, kind },
          value: Number(point.count ?? point.asInt ?? point.asDouble),
          bounds: point.explicitBounds ?? [],
          attributes: readAttributes(point.attributes),
        })),
      );
    });
  });
}

function readLogs(request: OtlpRequest): ReceivedLog[] {
  return (request.resourceLogs ?? []).flatMap(({ resource, scopeLogs = [] }) => {
    const service = String(readAttributes(resource?.attributes)["service.name"]);
    const records = scopeLogs.flatMap(({ logRecords = [] }) => logRecords);
    return records.map(({ body, severityText = "", traceId, spanId, attributes }) => ({
      service,
      body: String(readValue(body ?? {})),
      severity: severityText,
      traceId: traceId || undefined,
      spanId: spanId || undefined,
      attributes: readAttributes(attributes),
    }));
  });
}

function readSpan(service: string, span: OtlpSpan): ReceivedSpan {
  return {
    service,
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId || undefined,
    name: span.name,
    kind: kinds[span.kind] ?? "UNSPECIFIED",
    attributes: readAttributes(span.attributes),
    events: (span.events ?? []).map(({ name, attributes }) => ({ name, attributes: readAttributes(attributes) })),
    links: span.links ?? [],
    failed: span.status?.code === errorStatus,
  };
}

function readAttributes(attributes: OtlpAttributes = []): Record<string, AttributeValue> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, readValue(value)]));
}

function readValue(value: OtlpValue): AttributeValue {
  if (value.intValue !== undefined) {
    return Number(value.intValue);
  }
  return value.stringValue ?? value.doubleValue ?? value.boolValue ?? value.arrayValue?.values?.map(readValue);
}
