// Which partition a key belongs to, the same in this process as on the server.

/** FNV-1a over the key's token in the subject, modulo the count, as nats-server's `{{partition(n,…)}}` computes it. */
export function partitionOfKey(keyToken: string, partitions: number): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(keyToken)) {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  }
  return hash % partitions;
}
