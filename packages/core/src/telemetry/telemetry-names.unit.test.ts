// Names are the conventions' own, or say whose they are.

import { readFileSync } from "node:fs";
import * as conventions from "@opentelemetry/semantic-conventions/incubating";
import { expect, test } from "vitest";
import { attributeNames, metricNames, spanEventNames } from "./telemetry-names.ts";

const official = new Set<unknown>(Object.values(conventions));
/** What the conventions have no word for: the toolkit's own, and what others use for JetStream already. */
const own = /^(?:throughline|messaging\.nats)\./;
/** Renamed in the newest conventions; both are sent while collectors know the old one. */
const renamed = new Set(["messaging.system.name"]);

test.each([...Object.values(attributeNames), ...Object.values(metricNames)])("%s", (name) => {
  expect(official.has(name) || own.test(name) || renamed.has(name)).toBe(true);
});

const guide = readFileSync(new URL("../../../../docs/guides/telemetry.md", import.meta.url), "utf8");

test("the guide knows every name, and makes none up", () => {
  const known = [attributeNames, metricNames, spanEventNames].flatMap((names) => Object.values<string>(names));
  const told = [...guide.matchAll(/`((?:messaging|cloudevents|throughline|rpc|server)\.[a-z_.]+)`/g)].map(
    ([, name]) => name,
  );
  expect(known.filter((name) => !guide.includes(`\`${name}\``))).toEqual([]);
  expect(told.filter((name) => !known.includes(name ?? ""))).toEqual([]);
});
