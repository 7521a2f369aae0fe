// Errors of the HTTP API as problem details. @see https://www.rfc-editor.org/rfc/rfc9457

import { z } from "zod";

export const Problem = z.object({
  type: z.literal("about:blank"),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  errors: z
    .array(z.object({ pointer: z.string().meta({ description: "JSON Pointer to the field." }), detail: z.string() }))
    .optional()
    .meta({ description: "The fields that are wrong." }),
});

/** One field that is wrong, by JSON Pointer. */
export interface FieldProblem {
  readonly pointer: string;
  readonly detail: string;
}

export interface ProblemOptions {
  readonly detail: string;
  readonly errors?: readonly FieldProblem[];
  readonly headers?: Readonly<Record<string, string>>;
}

const titles = {
  400: "The request is not valid",
  404: "There is nothing here",
  405: "The method is not allowed here",
  413: "The request is too large",
  415: "The media type is not supported",
  422: "The order cannot be placed like this",
  500: "Something went wrong",
  503: "The service cannot answer this at the moment",
} as const;

/** A response with `application/problem+json`. */
export function problem(status: keyof typeof titles, { detail, errors, headers }: ProblemOptions): Response {
  const body = { type: "about:blank", title: titles[status], status, detail, ...(errors && { errors }) };
  return new Response(JSON.stringify(body), {
    status,
    headers: { "content-type": "application/problem+json", ...headers },
  });
}
