import { describe, expect, test } from "vitest";
import { z } from "zod";
import { type AnyEventContract, type CompatibilityMode, defineEvent } from "../declaration/event-contract.ts";
import { defineProcedure } from "../declaration/procedure-contract.ts";
import { checkCompatibility } from "./compatibility-check.ts";
import { type ContractLock, createLock, emptyLock, formatLock, parseLock } from "./contract-lock.ts";
import { collectEvents, collectProcedures, type DeclaredService } from "./declared-system.ts";

const key = (order: { id: string }) => order.id;
const V1 = z.object({ id: z.string(), total: z.number() });

function placed<Schema extends z.ZodType<{ id: string }> = typeof V1>(
  schema: Schema = V1 as never,
  compatibility: CompatibilityMode = "FULL_TRANSITIVE",
) {
  return defineEvent("orders.placed", { key, compatibility }).version(1, schema);
}

function subscription(name: string, contract: AnyEventContract) {
  return { name, contracts: new Map([[contract.type, contract]]) };
}

/** A shop that publishes and two that read. */
function system(contract: AnyEventContract): DeclaredService[] {
  return [
    { name: "shop", publishes: [contract], subscriptions: [] },
    { name: "stock", publishes: [], subscriptions: [subscription("reserve", contract)] },
    { name: "mail", publishes: [], subscriptions: [subscription("confirm", contract)] },
  ];
}

const systemOf = (services: readonly DeclaredService[]) => ({
  events: collectEvents(services),
  procedures: collectProcedures(services),
});
const eventsOf = (contract: AnyEventContract) => systemOf(system(contract));
const lockOf = (contract: AnyEventContract, previous: ContractLock = emptyLock) =>
  createLock(eventsOf(contract), previous);

async function check(contract: AnyEventContract, lock: ContractLock) {
  return await checkCompatibility(eventsOf(contract), lock);
}

async function verdicts(contract: AnyEventContract, lock: ContractLock): Promise<string[]> {
  const { findings } = await check(contract, lock);
  return findings.map(({ rule, version, direction, pointer }) => `${direction} v${version} ${pointer} ${rule}`);
}

describe("checking compatibility", () => {
  test("finds nothing where nothing changed, and says that it is locked", async () => {
    const lock = lockOf(placed());
    expect(await check(placed(), lock)).toEqual({ findings: [], isLocked: true, checked: { events: 1, versions: 1 } });
    expect(await check(placed(V1.extend({ note: z.string().optional() })), lock)).toMatchObject({
      findings: [],
      isLocked: false,
    });
  });

  test("names the rule, the place, what was expected and found, who breaks, and the fix", async () => {
    const { findings } = await check(placed(V1.extend({ currency: z.string() })), lockOf(placed()));
    expect(findings).toEqual([
      {
        rule: "property-missing",
        event: "orders.placed",
        version: 1,
        direction: "backward",
        pointer: "/currency",
        expected: "required string",
        found: "never written",
        breaks: ["mail/confirm", "stock/reserve"],
        fix: expect.stringContaining("version 2"),
      },
    ]);
  });

  test.each<[CompatibilityMode, string[]]>([
    ["NONE", []],
    ["BACKWARD", ["backward v1 /b property-missing"]],
    ["BACKWARD_TRANSITIVE", ["backward v1 /b property-missing"]],
    ["FORWARD", ["forward v1 /total property-missing"]],
    ["FULL", ["backward v1 /b property-missing", "forward v1 /total property-missing"]],
  ])("holds changes to the mode %s", async (mode, expected) => {
    const changed = placed(z.object({ id: z.string(), b: z.string() }), mode);
    expect((await verdicts(changed, lockOf(placed()))).toSorted()).toEqual(expected);
  });

  test("compares with every revision that was ever deployed, or with the last one only", async () => {
    const withText = lockOf(placed(V1.extend({ note: z.string().optional() })), lockOf(placed()));
    const without = lockOf(placed(), withText);
    const asNumber = V1.extend({ note: z.number().optional() });
    expect(await verdicts(placed(asNumber), without)).toEqual([
      "backward v1 /note type-not-accepted",
      "forward v1 /note type-not-accepted",
    ]);
    expect(await verdicts(placed(asNumber, "FULL"), without)).toEqual([]);
  });

  test("lets an old version accept more when nobody writes it any more", async () => {
    const upcast = (v1: { id: string; total?: number | undefined }) => ({ id: v1.id, total: v1.total ?? 0, unit: "" });
    const V2 = V1.extend({ unit: z.string() });
    const downcast = ({ id, total }: z.infer<typeof V2>) => ({ id, total });
    const two = (
      schema: typeof V1 | z.ZodObject<{ id: z.ZodString; total: z.ZodOptional<z.ZodNumber> }>,
      isWritten: boolean,
    ) => placed(schema).version(2, V2, { upcast, ...(isWritten && { downcast }) } as never);
    const lock = lockOf(two(V1, true));
    const loose = V1.extend({ total: z.number().optional() });
    expect(await verdicts(two(loose, false), lock)).toEqual([]);
    expect(await verdicts(two(loose, true), lock)).toEqual(["forward v1 /total property-missing"]);
  });

  test("asks for a way back from a new version, which others do not know yet", async () => {
    const V2 = V1.extend({ unit: z.string() });
    const upcast = (v1: z.infer<typeof V1>) => ({ ...v1, unit: "" });
    const oneWay = placed().version(2, V2, { upcast });
    const both = placed().version(2, V2, { upcast, downcast: ({ unit: _, ...v1 }) => v1 });
    expect(await verdicts(oneWay, lockOf(placed()))).toEqual(["forward v2  downcast-missing"]);
    expect(await verdicts(both, lockOf(placed()))).toEqual([]);
    expect(await verdicts(oneWay, emptyLock)).toEqual([]);
    const backwardOnly = placed(V1, "BACKWARD_TRANSITIVE").version(2, V2, { upcast });
    expect(await verdicts(backwardOnly, lockOf(placed()))).toEqual([]);
  });

  test("misses versions and events that were deployed", async () => {
    const V2 = V1.extend({ unit: z.string() });
    const two = placed().version(2, V2, { upcast: (v1) => ({ ...v1, unit: "" }) });
    expect(await verdicts(placed(), lockOf(two))).toEqual(["backward v2  version-removed"]);
    const { findings } = await checkCompatibility(systemOf([]), lockOf(placed()));
    expect(findings).toMatchObject([{ rule: "event-removed", breaks: ["mail/confirm", "stock/reserve"] }]);
  });

  test("notices a key that comes from another place", async () => {
    const schema = V1.extend({ customer: z.string() });
    const byId = defineEvent("orders.placed", { key }).version(1, schema);
    const byCustomer = defineEvent("orders.placed", { key: (order: { customer: string }) => order.customer });
    const { findings } = await check(byCustomer.version(1, schema), lockOf(byId));
    expect(findings).toMatchObject([{ rule: "key-changed", expected: "{/id}", found: "{/customer}" }]);
  });

  test("cannot compare what has no JSON Schema, and says what to do", async () => {
    const dated = placed(z.object({ id: z.string(), at: z.date() }));
    const { findings } = await check(dated, emptyLock);
    expect(findings).toMatchObject([{ rule: "schema-not-described", found: expect.stringContaining("Date") }]);
    const described = defineEvent("orders.placed", { key }).version(1, z.object({ id: z.string(), at: z.date() }), {
      jsonSchema: { type: "object", properties: { id: { type: "string" } }, required: ["id"] },
    });
    expect((await check(described, emptyLock)).findings).toEqual([]);
  });

  test("compares the declarations of publisher and subscriber where they differ", async () => {
    const other = placed(V1.extend({ currency: z.string() }));
    const services: DeclaredService[] = [
      { name: "shop", publishes: [placed()], subscriptions: [] },
      { name: "stock", publishes: [], subscriptions: [subscription("reserve", other)] },
    ];
    const { findings } = await checkCompatibility(systemOf(services), emptyLock);
    expect(findings).toMatchObject([{ rule: "property-missing", pointer: "/currency", breaks: ["stock/reserve"] }]);

    const newer = placed().version(2, V1, { upcast: (v1) => v1 });
    const ahead: DeclaredService[] = [
      { name: "shop", publishes: [newer], subscriptions: [] },
      { name: "stock", publishes: [], subscriptions: [subscription("reserve", placed())] },
    ];
    const { findings: unknown } = await checkCompatibility(systemOf(ahead), emptyLock);
    expect(unknown).toMatchObject([{ rule: "version-not-known", version: 2, breaks: ["stock/reserve"] }]);
  });

  test("tries upcasters, downcasters and examples on data", async () => {
    const Lines = z.object({ id: z.string(), lines: z.array(z.string()).optional() });
    const First = z.object({ id: z.string(), first: z.string() });
    const forgetful = defineEvent("orders.placed", { key })
      .version(1, Lines, { examples: [{ id: "1", lines: ["a"] }] })
      // biome-ignore lint/style/noNonNullAssertion: the mistake that is looked for
      .version(2, First, { upcast: (v1) => ({ id: v1.id, first: v1.lines![0] as string }) });
    const { findings } = await check(forgetful, emptyLock);
    expect(findings).toMatchObject([
      { rule: "upcast-fails", version: 1, expected: expect.stringContaining("version 2") },
    ]);

    const strict = defineEvent("orders.placed", { key })
      .version(1, z.object({ id: z.string().max(6) }))
      .version(2, z.object({ id: z.string() }), {
        upcast: (v1) => v1,
        downcast: (v2) => v2,
        examples: [{ id: "too-long" }],
      });
    expect(await verdicts(strict, emptyLock)).toEqual(["forward v2  downcast-fails"]);

    const wrong = defineEvent("orders.placed", { key }).version(1, z.object({ id: z.string().max(3) }), {
      examples: [{ id: "1234" }],
    });
    expect(await verdicts(wrong, emptyLock)).toEqual(["null v1  example-invalid"]);
  });
});

describe("checking procedures", () => {
  const declare = (request: z.ZodType, reply: z.ZodType): DeclaredService[] => {
    const procedure = defineProcedure("stock.check", { request, reply });
    return [
      { name: "shop", publishes: [], subscriptions: [], calls: [procedure] },
      { name: "stock", publishes: [], subscriptions: [], procedures: [{ procedure }] },
    ];
  };
  const Request = z.object({ sku: z.string() });
  const Reply = z.object({ available: z.int() });
  const lock = createLock(systemOf(declare(Request, Reply)), emptyLock);

  test("finds nothing where nothing changed, or only what nobody requires was added", async () => {
    const added = declare(Request.extend({ store: z.string().optional() }), Reply.extend({ note: z.string() }));
    expect(await checkCompatibility(systemOf(declare(Request, Reply)), lock)).toMatchObject({ isLocked: true });
    expect((await checkCompatibility(systemOf(added), lock)).findings).toMatchObject([
      // A server of yesterday does not say the note that today's caller requires.
      { rule: "property-missing", part: "reply", pointer: "/note", direction: "backward", breaks: ["shop"] },
    ]);
  });

  test("names the side that breaks", async () => {
    const changed = declare(Request.extend({ store: z.string() }), z.object({ available: z.string() }));
    const { findings } = await checkCompatibility(systemOf(changed), lock);
    expect(findings.map(({ part, rule, direction, breaks }) => [part, rule, direction, breaks])).toEqual([
      ["request", "property-missing", "backward", ["stock"]],
      ["reply", "type-not-accepted", "backward", ["shop"]],
      ["reply", "type-not-accepted", "forward", ["shop"]],
    ]);
    expect((await checkCompatibility(systemOf([]), lock)).findings).toMatchObject([
      { rule: "procedure-removed", event: "stock.check", breaks: ["shop"] },
    ]);
  });
});

describe("the lock file", () => {
  test("reads back as it was written, with a schema for each revision", () => {
    const first = lockOf(placed());
    const second = lockOf(placed(V1.extend({ note: z.string().optional() }).describe("said to people only")), first);
    expect(parseLock(formatLock(second))).toEqual(second);
    expect(second.events["orders.placed"]).toMatchObject({ key: "{/id}", publishers: ["shop"] });
    expect(second.events["orders.placed"]?.versions["1"]).toHaveLength(2);
    expect(formatLock(second)).not.toContain("said to people");
    expect(formatLock(lockOf(placed(V1.describe("said to people only")), first))).toBe(formatLock(first));
  });

  test("forgets the past of an event whose break was accepted", () => {
    const first = lockOf(placed());
    const changed = z.object({ id: z.string(), total: z.string() });
    const restarted = createLock(eventsOf(placed(changed)), first, new Set(["orders.placed"]));
    expect(restarted.events["orders.placed"]?.versions["1"]).toHaveLength(1);
  });

  test.each([
    "",
    "{",
    "[]",
    "null",
    '{"lockVersion":2,"events":{}}',
    '{"lockVersion":1}',
    '{"lockVersion":1,"events":{"a.b":{}}}',
  ])("is refused when it says %s", (text) => {
    expect(() => parseLock(text)).toThrowError(expect.objectContaining({ code: "CONTRACT_LOCK_INVALID" }));
  });
});
