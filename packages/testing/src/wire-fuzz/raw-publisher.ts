// Publishes bytes as they are, as no client library would: over a socket of its own, checking nothing.

import { Buffer } from "node:buffer";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { HostileMessage } from "./hostile-message.ts";

export class RawPublisher implements AsyncDisposable {
  readonly #socket: Socket;
  #pongs = 0;
  #received = "";
  #onPong: () => void = () => undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (data) => this.#read(data.toString("latin1")));
    socket.on("error", () => undefined);
  }

  static async open(url: string): Promise<RawPublisher> {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port) });
    await once(socket, "connect");
    const publisher = new RawPublisher(socket);
    socket.write(
      'CONNECT {"verbose":false,"pedantic":false,"headers":true,"lang":"raw","version":"0","protocol":1}\r\n',
    );
    await publisher.flush();
    return publisher;
  }

  publish({ subject, headers, body }: Pick<HostileMessage, "subject" | "headers" | "body">): void {
    const total = (headers?.length ?? 0) + body.length;
    const command = headers === undefined ? `PUB ${subject} ${total}` : `HPUB ${subject} ${headers.length} ${total}`;
    this.#socket.write(
      Buffer.concat([Buffer.from(`${command}\r\n`), headers ?? Buffer.alloc(0), body, Buffer.from("\r\n")]),
    );
  }

  /** Resolves once the server has taken everything. @throws when it closed the connection */
  async flush(): Promise<void> {
    const expected = this.#pongs + 1;
    this.#socket.write("PING\r\n");
    await new Promise<void>((resolve, reject) => {
      const onClose = () => reject(new Error(`The server closed the connection: ${this.#received.slice(-200)}`));
      this.#socket.once("close", onClose);
      this.#onPong = () => {
        if (this.#pongs >= expected) {
          this.#socket.off("close", onClose);
          resolve();
        }
      };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.end();
    await once(this.#socket, "close");
  }

  #read(text: string): void {
    this.#received = (this.#received + text).slice(-1_000);
    for (const line of text.split("\r\n")) {
      // The last question may come after the goodbye.
      if (line === "PING" && this.#socket.writable) {
        this.#socket.write("PONG\r\n");
      } else if (line === "PONG") {
        this.#pongs++;
        this.#onPong();
      }
    }
  }
}
