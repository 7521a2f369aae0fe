// The processor's HTTP side: charges and voids by idempotency key, its ledger for whoever checks, its faults for whoever tests.

import { setTimeout as wait } from "node:timers/promises";
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { z } from "zod";
import type { Charges } from "./charges.ts";
import { Faults } from "./faults.ts";
import type { Ledger } from "./ledger.ts";

const maxBodyBytes = 16_384;

const ChargeRequest = z.strictObject({
  amountCents: z.int().min(0),
  currency: z.string().length(3),
  paymentMethod: z.string().min(1).max(64),
});
const idempotencyKey = z.string().min(1).max(256);

export interface ProcessorParts {
  readonly charges: Charges;
  readonly ledger: Ledger;
  readonly latencyMs: number;
}

export function createProcessorApi({ charges, ledger, latencyMs }: ProcessorParts): Hono {
  let faults: Faults = Faults.parse({ latencyMs });
  const api = new Hono();
  api.use(bodyLimit({ maxSize: maxBodyBytes }));

  /** Does something under the caller's key, as far as the faults let it. */
  const answer = async (request: Request, act: (key: string, body: unknown) => object): Promise<Response> => {
    const { latencyMs, errorRate, lostAnswerRate, outage } = faults;
    const { signal } = request;
    const body: unknown = await request.json().catch(() => undefined);
    if (outage === "hang") {
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
    }
    await wait(latencyMs, undefined, { signal }).catch(() => undefined);
    if (outage !== "none" || Math.random() < errorRate) {
      return refuse(503, "The processor cannot answer at the moment.");
    }
    const key = idempotencyKey.safeParse(request.headers.get("idempotency-key"));
    if (!key.success) {
      return refuse(400, "The header Idempotency-Key is missing or not valid.");
    }
    const result = act(key.data, body);
    return Math.random() < lostAnswerRate ? refuse(503, "The answer got lost.") : Response.json(result);
  };

  api.post("/charges", async ({ req }) =>
    answer(req.raw, (key, body) => charges.charge(key, ChargeRequest.parse(body))),
  );
  api.post("/voids", async ({ req }) => answer(req.raw, (key) => charges.void(key)));

  api.get("/health/ready", () => Response.json({ status: "ready" }));
  api.get("/ledger", () => Response.json(ledger.entries));
  api.get("/faults", () => Response.json(faults));
  api.put("/faults", async ({ req }) => {
    faults = Faults.parse(await req.json());
    return Response.json(faults);
  });
  api.get("/health/live", () => Response.json({ status: "alive" }));

  api.notFound(() => refuse(404, "There is nothing here."));
  api.onError((error) =>
    error instanceof z.ZodError || error instanceof SyntaxError
      ? refuse(422, error.message)
      : refuse(500, "The processor failed."),
  );
  return api;
}

function refuse(status: number, detail: string): Response {
  return Response.json({ status, detail }, { status, headers: { "content-type": "application/problem+json" } });
}
