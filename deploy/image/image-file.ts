// A file of an image, in memory: where it lies, what is in it, how it may be used.

export interface ImageFile {
  /** From the root of the image, without a leading slash: `etc/passwd`. */
  readonly path: string;
  readonly content: Uint8Array;
  readonly isExecutable?: boolean;
}

/** An empty one. */
export interface ImageFolder {
  readonly path: string;
  /** The id of the user and of the group that may write to it. */
  readonly owner: number;
}

/** Who may do what: everybody reads, nobody but root writes, but for folders that are somebody's own. */
export const modes = { folder: 0o755, executable: 0o755, file: 0o644, private: 0o700 } as const;

export function textFile(path: string, lines: readonly string[]): ImageFile {
  return { path, content: new TextEncoder().encode(lines.map((line) => `${line}\n`).join("")) };
}

/** In the order in which they are laid out; nothing depends on the order in which they were found. */
export function byPath(one: ImageFile, other: ImageFile): number {
  return one.path < other.path ? -1 : 1;
}

/** Every folder that the files lie in, parents first. */
export function foldersOf(files: readonly ImageFile[]): readonly string[] {
  const folders = new Set<string>();
  for (const { path } of files) {
    const parts = path.split("/").slice(0, -1);
    parts.forEach((_, depth) => {
      folders.add(parts.slice(0, depth + 1).join("/"));
    });
  }
  return [...folders].sort();
}
