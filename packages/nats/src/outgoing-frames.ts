// Messages in the form in which they go to the server: with the headers by which the stream knows what to do with them.

import { Buffer } from "node:buffer";
import { createEventId } from "@throughline/contracts";
import type { MessageSchedule, OutgoingMessage } from "@throughline/core";
import { formatHeaderBlock } from "./header-block.ts";
import type { Frame, Sending } from "./publication.ts";

/** @throws RangeError when a header would break out of its line */
export function sendingOf({ subject, headers, body, messageId, schedule }: OutgoingMessage): Sending {
  const commands = schedule === undefined ? undefined : scheduleHeaders(schedule, subject);
  const headerBlock = formatHeaderBlock(headers, messageId, commands);
  const headerBytes = Buffer.byteLength(headerBlock);
  const bodyBytes = Buffer.byteLength(body);
  return {
    subject: schedule?.subject ?? subject,
    headerBlock,
    headerBytes,
    body,
    bodyBytes,
    messageId,
    bytes: headerBytes + bodyBytes,
  };
}

/** @see https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-51.md */
function scheduleHeaders({ timing }: MessageSchedule, target: string): readonly (readonly [string, string])[] {
  const zone = "timeZone" in timing && timing.timeZone !== undefined ? timing.timeZone : undefined;
  return [
    ["Nats-Schedule", "atMs" in timing ? `@at ${new Date(timing.atMs).toISOString()}` : timing.cron],
    ["Nats-Schedule-Target", target],
    ...(zone === undefined ? [] : [["Nats-Schedule-Time-Zone", zone] as const]),
  ];
}

/**
 * All or nothing. Each try is a batch of its own; the message ids stay, so that a batch which was stored although its
 * confirmation got lost is not stored twice.
 * @see https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-50.md
 */
export function batchSendingOf(messages: readonly OutgoingMessage[]): Sending {
  const encode = (batchId: string): readonly Frame[] =>
    messages.map(({ subject, headers, body, messageId }, index) => {
      const headerBlock = formatHeaderBlock(headers, messageId, [
        ["Nats-Batch-Id", batchId],
        ["Nats-Batch-Sequence", String(index + 1)],
        ...(index === messages.length - 1 ? [["Nats-Batch-Commit", "1"] as const] : []),
      ]);
      const headerBytes = Buffer.byteLength(headerBlock);
      return { subject, headerBlock, headerBytes, body, bodyBytes: Buffer.byteLength(body) };
    });
  const frames = encode(createEventId());
  const sizes = frames.map(({ headerBytes, bodyBytes }) => headerBytes + bodyBytes);
  return {
    ...(frames[0] as Frame),
    messageId: messages[0]?.messageId ?? "",
    bytes: Math.max(...sizes),
    batch: () => encode(createEventId()),
  };
}
