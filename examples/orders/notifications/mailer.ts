// The seam to whatever sends mail; here a folder for outgoing mail that only counts.

export interface Mail {
  readonly customerId: string;
  readonly orderId: string;
  readonly template: "order-confirmed" | "order-cancelled";
}

export interface Mailer {
  send(mail: Mail): Promise<void>;
}

/** Keeps the newest mails in memory. */
export function createMailerInMemory(keep = 100): Mailer & { readonly sent: readonly Mail[] } {
  const sent: Mail[] = [];
  return {
    sent,
    async send(mail) {
      sent.push(mail);
      if (sent.length > keep) {
        sent.shift();
      }
    },
  };
}
