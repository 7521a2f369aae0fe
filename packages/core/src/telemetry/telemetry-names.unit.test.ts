// Names are the conventions' own, or say whose they are.

import * as conventions from "@opentelemetry/semantic-conventions/incubating";
import { expect, test } from "vitest";
import { attributeNames, metricNames } from "./telemetry-names.ts";

const official = new Set<unknown>(Object.values(conventions));
/** What the conventions have no word for: the toolkit's own, and what others use for JetStream already. */
const own = /^(?:throughline|messaging\.nats)\./;
/** Renamed in the newest conventions; both are sent while collectors know the old one. */
const renamed = new Set(["messaging.system.name"]);

test.each([...Object.values(attributeNames), ...Object.values(metricNames)])("%s", (name) => {
  expect(official.has(name) || own.test(name) || renamed.has(name)).toBe(true);
});
