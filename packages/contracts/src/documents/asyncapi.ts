// AsyncAPI 3 out of the declarations: for one service what it sends and receives, for a system all of its services.
// @see https://www.asyncapi.com/docs/reference/specification/v3.0.0

import {
  collectEvents,
  collectProcedures,
  type DeclaredEvent,
  type DeclaredService,
} from "../compatibility/declared-system.ts";
import { describeSchema, type JsonSchema } from "../compatibility/json-schema.ts";
import type { AnyEventContract } from "../declaration/event-contract.ts";
import type { EventVersion } from "../declaration/event-version.ts";
import type { AnyProcedureContract } from "../declaration/procedure-contract.ts";
import { eventHeadersSchema } from "./event-headers.ts";
import { exampleOf } from "./version-example.ts";

export interface AsyncApiOptions {
  readonly title: string;
  /** Of what is described, not of AsyncAPI. */
  readonly version: string;
  readonly services: readonly DeclaredService[];
  /** Only what these send and receive is described. Default: all. */
  readonly only?: readonly string[];
}

type Node = Readonly<Record<string, unknown>>;

/** A document of plain objects, always in the same order. */
export async function createAsyncApi(options: AsyncApiOptions): Promise<Node> {
  const services = options.services
    .filter(({ name }) => options.only?.includes(name) ?? true)
    .toSorted((a, b) => compareText(a.name, b.name));
  const events = collectEvents(services);
  const procedures = collectProcedures(services).map(({ procedure }) => procedure);
  const messages = await Promise.all(
    events.flatMap(({ contract }) => contract.versions.map((version) => describeMessage(contract, version))),
  );
  return {
    asyncapi: "3.0.0",
    info: { title: options.title, version: options.version },
    defaultContentType: "application/json",
    channels: Object.fromEntries([...events.map(describeChannel), ...procedures.flatMap(describeProcedureChannels)]),
    operations: Object.fromEntries(services.flatMap(describeOperations)),
    components: {
      messages: Object.fromEntries([...messages, ...procedures.flatMap(describeProcedureMessages)]),
      schemas: Object.fromEntries([
        ["event-headers", eventHeadersSchema],
        ...events.flatMap(({ contract }) => contract.versions.map((version) => describePayload(contract, version))),
        ...procedures.flatMap(describeProcedureSchemas),
      ]),
    },
  };
}

const idOf = (type: string, version: number) => `${type}.v${version}`;
const ref = (...path: string[]) => ({ $ref: `#/${path.join("/")}` });

function describeChannel({ type, contract }: DeclaredEvent): readonly [string, Node] {
  const messages = contract.versions.map(({ version }) => idOf(type, version));
  return [
    type,
    {
      address: `${type}.{key}`,
      ...(contract.description !== undefined && { description: contract.description }),
      messages: Object.fromEntries(messages.map((id) => [id, ref("components", "messages", id)])),
      parameters: { key: { description: "The key of the event, percent-encoded to one token of a NATS subject" } },
      "x-nats-stream": contract.stream,
    },
  ];
}

async function describeMessage(contract: AnyEventContract, version: EventVersion): Promise<readonly [string, Node]> {
  const id = idOf(contract.type, version.version);
  const example = await exampleOf(version);
  return [
    id,
    {
      name: contract.type,
      title: `${contract.type}, version ${version.version}`,
      ...(contract.description !== undefined && { summary: contract.description }),
      contentType: "application/json",
      headers: ref("components", "schemas", "event-headers"),
      payload: ref("components", "schemas", id),
      correlationId: { location: "$message.header#/ce-correlationid" },
      ...(example !== undefined && { examples: [{ name: id, payload: example }] }),
    },
  ];
}

function describePayload(contract: AnyEventContract, version: EventVersion): readonly [string, JsonSchema] {
  const id = idOf(contract.type, version.version);
  const described = describeSchema(version, "draft-07");
  return [id, "problem" in described ? { description: described.problem } : embedSchema(described.schema, id)];
}

function describeOperations(service: DeclaredService): (readonly [string, Node])[] {
  const tags = [{ name: service.name }];
  const sends = service.publishes
    .toSorted((a, b) => compareText(a.type, b.type))
    .map((contract) => {
      const { type, oldestWritableVersion, latestVersion } = contract;
      const versions = range(oldestWritableVersion, latestVersion);
      return [`${service.name}.publish.${type}`, { ...operation("send", type, versions), tags }] as const;
    });
  const receives = service.subscriptions.flatMap(({ name, durable, contracts }) =>
    [...contracts.values()].map(({ type, latestVersion }) => {
      const described = operation("receive", type, range(1, latestVersion));
      const id = `${service.name}.${name}.${type}`;
      return [id, { ...described, tags, ...(durable !== undefined && { "x-nats-durable": durable }) }] as const;
    }),
  );
  const calls = (service.calls ?? []).map(
    ({ name }) => [`${service.name}.call.${name}`, { ...procedureOperation("send", name), tags }] as const,
  );
  const serves = (service.procedures ?? []).map(
    ({ procedure }) =>
      [`${service.name}.serve.${procedure.name}`, { ...procedureOperation("receive", procedure.name), tags }] as const,
  );
  return [...sends, ...receives, ...calls, ...serves];
}

function operation(action: "send" | "receive", type: string, versions: readonly number[]): Node {
  const messages = versions.map((version) => ref("channels", type, "messages", idOf(type, version)));
  return { action, channel: ref("channels", type), messages };
}

function procedureOperation(action: "send" | "receive", name: string): Node {
  return {
    action,
    channel: ref("channels", name),
    messages: [ref("channels", name, "messages", "request")],
    reply: {
      channel: ref("channels", `${name}.reply`),
      messages: [ref("channels", `${name}.reply`, "messages", "reply")],
    },
  };
}

/** Replies go to an address that the caller names with each question. */
function describeProcedureChannels({ name, subject }: AnyProcedureContract): (readonly [string, Node])[] {
  return [
    [name, { address: subject, messages: { request: ref("components", "messages", `${name}.request`) } }],
    [`${name}.reply`, { address: null, messages: { reply: ref("components", "messages", `${name}.reply`) } }],
  ];
}

function describeProcedureMessages({ name }: AnyProcedureContract): (readonly [string, Node])[] {
  return ["request", "reply"].map((side) => {
    const id = `${name}.${side}`;
    const payload = ref("components", "schemas", id);
    return [id, { name: id, title: `${name}, ${side}`, contentType: "application/json", payload }];
  });
}

function describeProcedureSchemas(procedure: AnyProcedureContract): (readonly [string, JsonSchema])[] {
  const { name, requestSchema, replySchema } = procedure;
  const sides = [
    ["request", requestSchema],
    ["reply", replySchema],
  ] as const;
  return sides.map(([side, schema]) => {
    const id = `${name}.${side}`;
    const described = describeSchema({ schema }, "draft-07");
    return [id, "problem" in described ? { description: described.problem } : embedSchema(described.schema, id)];
  });
}

/** A schema refers to itself by its place in the document that it is put into. */
function embedSchema(schema: JsonSchema, id: string): JsonSchema {
  if (typeof schema === "boolean") {
    return schema;
  }
  const { $schema: _, ...kept } = schema;
  const text = JSON.stringify(kept, (key, value: unknown) =>
    key === "$ref" && typeof value === "string" && value.startsWith("#")
      ? `#/components/schemas/${id}${value.slice(1)}`
      : value,
  );
  return JSON.parse(text) as JsonSchema;
}

function range(from: number, to: number): readonly number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
