// Messages in the form in which they go to the server: with the headers by which the stream knows what to do with them.

import { createEventId } from "@throughline/contracts";
import type { MessageSchedule, OutgoingMessage } from "@throughline/core";
import { encodeHeaderBlock } from "./header-block.ts";
import type { Frame, Sending } from "./publication.ts";

/** @throws RangeError when a header would break out of its line */
export function sendingOf(message: OutgoingMessage): Sending {
  const { headers, body, messageId, schedule } = message;
  const headerBlock = encodeHeaderBlock(headers, messageId, schedule && scheduleHeaders(schedule, message.subject));
  const subject = schedule?.subject ?? message.subject;
  const frames: readonly Frame[] = [{ subject, headerBlock, body }];
  return { subject, messageId, bytes: headerBlock.length + body.length, frames: () => frames };
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
  const first = messages[0] as OutgoingMessage;
  const encode = (batchId: string): readonly Frame[] =>
    messages.map(({ subject, headers, body, messageId }, index) => ({
      subject,
      body,
      headerBlock: encodeHeaderBlock(headers, messageId, [
        ["Nats-Batch-Id", batchId],
        ["Nats-Batch-Sequence", String(index + 1)],
        ...(index === messages.length - 1 ? [["Nats-Batch-Commit", "1"] as const] : []),
      ]),
    }));
  const largest = Math.max(...encode("0".repeat(36)).map(({ headerBlock, body }) => headerBlock.length + body.length));
  return {
    subject: first.subject,
    messageId: first.messageId,
    bytes: largest,
    frames: () => encode(createEventId()),
  };
}
