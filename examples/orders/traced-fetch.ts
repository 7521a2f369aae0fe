// Asks another system over HTTP, as a span of its own: the other side may go on with the trace.

import { context, propagation, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";

const tracer = trace.getTracer("throughline-example-orders");
const firstFailure = 400;

/** @see https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-client */
export function tracedFetch(url: URL, init: RequestInit & { readonly method: string }): Promise<Response> {
  const { method } = init;
  const attributes = {
    "http.request.method": method,
    "server.address": url.hostname,
    "server.port": Number(url.port || (url.protocol === "https:" ? 443 : 80)),
    "url.full": url.href,
    "url.template": url.pathname,
  };
  return tracer.startActiveSpan(`${method} ${url.pathname}`, { kind: SpanKind.CLIENT, attributes }, async (span) => {
    try {
      const headers = new Headers(init.headers);
      propagation.inject(context.active(), headers, { set: (carrier, name, value) => carrier.set(name, value) });
      const response = await fetch(url, { ...init, headers });
      span.setAttribute("http.response.status_code", response.status);
      if (response.status >= firstFailure) {
        span.setAttribute("error.type", String(response.status));
        span.setStatus({ code: SpanStatusCode.ERROR, message: `${response.status} ${response.statusText}`.trim() });
      }
      return response;
    } catch (error) {
      const { name, message } = error instanceof Error ? error : new Error(String(error));
      span.setAttribute("error.type", name);
      span.setStatus({ code: SpanStatusCode.ERROR, message });
      throw error;
    } finally {
      span.end();
    }
  });
}
