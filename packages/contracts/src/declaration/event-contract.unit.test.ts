import type { StandardSchemaV1 } from "@standard-schema/spec";
import { type } from "arktype";
import * as v from "valibot";
import { describe, expect, expectTypeOf, test } from "vitest";
import { z } from "zod";
import { defineEvent, type EventData, type EventInput } from "./event-contract.ts";

const V1 = z.object({ orderId: z.string(), total: z.number() });
const V2 = V1.extend({ currency: z.string() });
const V3 = V2.extend({ note: z.string().default("") });

const key = (order: { orderId: string }) => order.orderId;
const OrderPlaced = defineEvent("orders.placed", { key })
  .version(1, V1)
  .version(2, V2, { upcast: (v1) => ({ ...v1, currency: "EUR" }) })
  .version(3, V3, { upcast: (v2) => v2 });

describe("defineEvent", () => {
  test("derives context, stream, subject and key from the declaration", () => {
    expect(OrderPlaced).toMatchObject({ type: "orders.placed", context: "orders", stream: "ORDERS", latestVersion: 3 });
    const order = { orderId: "a.b *", total: 1, currency: "EUR" };
    expect(OrderPlaced.subjectOf(order)).toBe("orders.placed.a%2Eb%20%2A");
    expect(OrderPlaced.keyOf(order)).toBe("a.b *");
  });

  test("gives handlers the newest version whatever version was stored", () => {
    expect(OrderPlaced.parseVersion(1, { orderId: "1", total: 2 })).toEqual({
      orderId: "1",
      total: 2,
      currency: "EUR",
      note: "",
    });
    expect(OrderPlaced.parseVersion(3, { orderId: "1", total: 2, currency: "USD" })).toMatchObject({ currency: "USD" });
  });

  test("checks stored data against its own version before it upcasts", () => {
    expect(() => OrderPlaced.parseVersion(1, { orderId: "1", total: "2" })).toThrowError(
      expect.objectContaining({
        code: "CONTRACT_DATA_INVALID",
        details: expect.objectContaining({ version: 1, issues: [expect.objectContaining({ pointer: "/total" })] }),
      }),
    );
  });

  test("refuses a version that is newer than the code knows", () => {
    expect(() => OrderPlaced.parseVersion(4, {})).toThrowError(
      expect.objectContaining({ code: "CONTRACT_VERSION_UNKNOWN" }),
    );
  });

  const libraries = {
    zod: [z.object({ id: z.string(), n: z.number() }), z.object({ id: z.string(), n: z.number(), unit: z.string() })],
    valibot: [
      v.object({ id: v.string(), n: v.number() }),
      v.object({ id: v.string(), n: v.number(), unit: v.string() }),
    ],
    arktype: [type({ id: "string", n: "number" }), type({ id: "string", n: "number", unit: "string" })],
  } as const;

  test.each(["zod", "valibot", "arktype"] as const)(
    "takes schemas of %s: types, validation, upcasts, places",
    (library) => {
      type Counted = { id: string; n: number };
      const [first, second] = libraries[library] as unknown as [
        StandardSchemaV1<Counted, Counted>,
        StandardSchemaV1<Counted & { unit: string }, Counted & { unit: string }>,
      ];
      const contract = defineEvent("items.counted", { key: (item: { id: string }) => item.id })
        .version(1, first)
        .version(2, second, { upcast: (v1) => ({ ...v1, unit: "piece" }), downcast: ({ unit: _, ...v1 }) => v1 });
      expect(contract.parseVersion(1, { id: "a", n: 1 })).toEqual({ id: "a", n: 1, unit: "piece" });
      expect(contract.downcast(1, { id: "a", n: 1, unit: "kg" })).toEqual({ id: "a", n: 1 });
      const issues = [expect.objectContaining({ pointer: "/n" })];
      expect(() => contract.parse({ id: "a", n: "1", unit: "kg" })).toThrowError(
        expect.objectContaining({ code: "CONTRACT_DATA_INVALID", details: expect.objectContaining({ issues }) }),
      );
    },
  );

  test("infers the types of each library", () => {
    const byValibot = defineEvent("items.counted", { key: () => "1" }).version(1, libraries.valibot[1]);
    const byArktype = defineEvent("items.counted", { key: () => "1" }).version(1, libraries.arktype[1]);
    type Counted = { id: string; n: number; unit: string };
    expectTypeOf<EventData<typeof byValibot>>().toEqualTypeOf<Counted>();
    expectTypeOf<EventData<typeof byArktype>>().toEqualTypeOf<Counted>();
  });

  test("supports validators that answer asynchronously", async () => {
    const Slow = z.object({ id: z.string() }).refine(async ({ id }) => id !== "bad");
    const schema = {
      "~standard": {
        ...Slow["~standard"],
        validate: (value: unknown) =>
          Slow.safeParseAsync(value).then((result) =>
            result.success ? { value: result.data } : { issues: result.error.issues },
          ),
      },
    };
    const contract = defineEvent("slow.checked", { key: (data: { id: string }) => data.id }).version(1, schema);
    await expect(contract.parseVersion(1, { id: "good" })).resolves.toEqual({ id: "good" });
    await expect(contract.parseVersion(1, { id: "bad" })).rejects.toMatchObject({ code: "CONTRACT_DATA_INVALID" });
  });

  test.each(["orders", "orders.Placed", "Orders.placed", "orders.placed.now", "orders.", ".placed", "orders.pla ced"])(
    'refuses the name "%s"',
    (name) => {
      expect(() => defineEvent(name as "a.b", { key: () => "1" })).toThrowError(
        expect.objectContaining({ code: "CONTRACT_NAME_INVALID" }),
      );
    },
  );

  test("finds a gap and a missing upcaster when it is declared", () => {
    const first = defineEvent("orders.placed", { key }).version(1, V1);
    const untyped = first as unknown as { version(n: number, schema: unknown, options?: object): unknown };
    const invalid = expect.objectContaining({ code: "CONTRACT_VERSION_INVALID" });
    expect(() => untyped.version(3, V2, { upcast: () => ({}) })).toThrowError(invalid);
    expect(() => untyped.version(1, V2, { upcast: () => ({}) })).toThrowError(invalid);
    expect(() => untyped.version(2, V2)).toThrowError(invalid);
  });

  test("writes older versions as far back as downcasts lead", () => {
    const Renamed = defineEvent("orders.renamed", { key })
      .version(1, V1)
      .version(2, V2, { upcast: (v1) => ({ ...v1, currency: "EUR" }) })
      .version(3, V3, { upcast: (v2) => v2, downcast: ({ note: _, ...v2 }) => v2 })
      .version(4, V3.extend({ vat: z.number() }), {
        upcast: (v3) => ({ ...v3, vat: 0 }),
        downcast: ({ vat: _, ...v3 }) => v3,
      });
    const newest = { orderId: "1", total: 2, currency: "EUR", note: "n", vat: 19 };
    expect(Renamed.oldestWritableVersion).toBe(2);
    expect(Renamed.downcast(4, newest)).toEqual(newest);
    expect(Renamed.downcast(3, newest)).toEqual({ orderId: "1", total: 2, currency: "EUR", note: "n" });
    expect(Renamed.downcast(2, newest)).toEqual({ orderId: "1", total: 2, currency: "EUR" });
    for (const version of [0, 1, 5]) {
      expect(() => Renamed.downcast(version, newest)).toThrowError(
        expect.objectContaining({ code: "CONTRACT_VERSION_INVALID" }),
      );
    }
    const Wrong = defineEvent("orders.wrong", { key })
      .version(1, V1)
      .version(2, V2, {
        upcast: (v1) => ({ ...v1, currency: "" }),
        downcast: (v2) => ({ ...v2, total: "2" as never }),
      });
    expect(() => Wrong.downcast(1, newest)).toThrowError(expect.objectContaining({ code: "CONTRACT_DATA_INVALID" }));
  });

  test.each([
    ["{/orderId}", (data: { orderId: string }) => data.orderId],
    ["{/tenant}:{/order/id}", (data: { tenant: string; order: { id: string } }) => `${data.tenant}:${data.order.id}`],
    ["{/number}", (data: { number: number }) => String(data.number)],
    [undefined, () => "always-the-same"],
    [undefined, (data: { ids: string[] }) => data.ids.toSorted().join()],
  ])("tells where its key comes from: %s", (expected, readKey: (data: never) => string) => {
    const contract = defineEvent("orders.placed", { key: readKey as (data: unknown) => string }).version(1, z.any());
    expect(contract.describeKey()).toBe(expected);
  });

  test("types data by the newest version, and upcasters by the versions beside them", () => {
    expectTypeOf<EventInput<typeof OrderPlaced>>().toEqualTypeOf<z.input<typeof V3>>();
    expectTypeOf<EventData<typeof OrderPlaced>>().toEqualTypeOf<z.output<typeof V3>>();
    const first = defineEvent("orders.placed", { key }).version(1, V1);
    // @ts-expect-error the upcaster forgets the currency
    first.version(2, V2, { upcast: (v1) => v1 });
    // @ts-expect-error the downcaster forgets the total
    first.version(2, V2, { upcast: (v1) => ({ ...v1, currency: "EUR" }), downcast: ({ orderId }) => ({ orderId }) });
    // @ts-expect-error the example is none of this version
    first.version(2, V2, { upcast: (v1) => ({ ...v1, currency: "EUR" }), examples: [{ orderId: "1", total: 2 }] });
    // @ts-expect-error after version 1 comes version 2
    expect(() => first.version(3, V2, { upcast: (v1) => ({ ...v1, currency: "EUR" }) })).toThrow();
    // @ts-expect-error the schema lacks what the key reads
    defineEvent("orders.placed", { key }).version(1, z.object({ id: z.string() }));
  });
});
