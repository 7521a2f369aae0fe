// `throughline topology`: who tells whom what, from the declarations; with a broker also how far everybody is.

import { type DurableState, openStoredEvents } from "@throughline/nats";
import { loadDeclarations } from "../contracts/load-declarations.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { formatTable } from "../table.ts";
import { paint, type Terminal } from "../terminal.ts";

export interface TopologyOptions {
  readonly json: boolean;
  readonly mermaid: boolean;
  /** Adds what waits at each subscription. */
  readonly nats?: string;
}

interface EventFlow {
  readonly type: string;
  readonly publishers: readonly string[];
  readonly subscriptions: readonly SubscriptionFlow[];
}

interface SubscriptionFlow {
  readonly service: string;
  readonly subscription: string;
  /** Events of the subscription, of all its types, that wait for their first delivery; only where a broker was asked. */
  readonly lag?: number;
  /** Delivered and not done. */
  readonly underWay?: number;
}

export async function showTopology(
  paths: readonly string[],
  options: TopologyOptions,
  terminal: Terminal,
): Promise<ExitCode> {
  const { services } = await loadDeclarations(paths, terminal.cwd);
  const states = options.nats === undefined ? undefined : await readStates(options.nats);
  const types = new Set(services.flatMap((service) => [...publishedBy(service), ...subscribedBy(service)]));
  const flows = [...types].toSorted().map(
    (type): EventFlow => ({
      type,
      publishers: services.filter((service) => publishedBy(service).includes(type)).map(({ name }) => name),
      subscriptions: services.flatMap(({ name, subscriptions }) =>
        subscriptions
          .filter(({ contracts }) => contracts.has(type))
          .map((subscription) => describe(name, subscription.name, states)),
      ),
    }),
  );
  terminal.out(
    options.json ? `${JSON.stringify(flows)}\n` : options.mermaid ? formatMermaid(flows) : format(flows, terminal),
  );
  return exitCodes.done;
}

type Services = Awaited<ReturnType<typeof loadDeclarations>>["services"];

const publishedBy = ({ publishes }: Services[number]) => publishes.map(({ type }) => type);
const subscribedBy = ({ subscriptions }: Services[number]) =>
  subscriptions.flatMap(({ contracts }) => [...contracts.keys()]);

function describe(
  service: string,
  subscription: string,
  states: ReadonlyMap<string, DurableState> | undefined,
): SubscriptionFlow {
  const state = states?.get(`${service}-${subscription}`);
  return { service, subscription, ...(state && { lag: state.lag, underWay: state.underWay }) };
}

async function readStates(url: string): Promise<ReadonlyMap<string, DurableState>> {
  await using reader = await openStoredEvents(url);
  const contexts = await reader.contexts();
  const all = await Promise.all(contexts.map((context) => reader.consumers(context)));
  return new Map(all.flat().map((state) => [state.durable, state]));
}

function format(flows: readonly EventFlow[], terminal: Terminal): string {
  const isLive = flows.some(({ subscriptions }) => subscriptions.some(({ lag }) => lag !== undefined));
  const rows = flows.flatMap(({ type, publishers, subscriptions }) => {
    const readers =
      subscriptions.length === 0 ? [{ service: "", subscription: "nobody" } as SubscriptionFlow] : subscriptions;
    return readers.map(({ service, subscription, lag, underWay }, index) => [
      index === 0 ? paint(terminal, "bold", type) : "",
      index === 0 ? publishers.join(", ") || "somebody outside" : "",
      `${service} ${subscription}`.trim(),
      ...(isLive ? [lag === undefined ? "" : String(lag), underWay === undefined ? "" : String(underWay)] : []),
    ]);
  });
  return formatTable(
    ["event", "published by", "handled by", ...(isLive ? ["waiting", "under way"] : [])],
    rows,
    terminal,
  );
}

function formatMermaid(flows: readonly EventFlow[]): string {
  const edges = flows.flatMap(({ type, publishers, subscriptions }) =>
    (publishers.length === 0 ? ["outside"] : publishers).flatMap((publisher) =>
      [...new Set(subscriptions.map(({ service }) => service))].map(
        (service) => `  ${publisher} -->|${type}| ${service}`,
      ),
    ),
  );
  return `${["flowchart LR", ...edges].join("\n")}\n`;
}
