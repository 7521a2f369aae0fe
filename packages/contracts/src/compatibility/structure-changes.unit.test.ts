import { type } from "arktype";
import * as v from "valibot";
import { z } from "zod";
import { testChanges } from "./schema-change.test.ts";

const s = z.string();
const n = z.number();
const vs = v.string();
const vn = v.number();

testChanges("changes of objects", [
  {
    change: "an optional property is added",
    zod: [z.object({ a: s }), z.object({ a: s, b: s.optional() })],
    valibot: [v.object({ a: vs }), v.object({ a: vs, b: v.optional(vs) })],
    arktype: [type({ a: "string" }), type({ a: "string", "b?": "string" })],
    backward: [],
    forward: [],
  },
  {
    change: "a required property is added",
    zod: [z.object({ a: s }), z.object({ a: s, b: s })],
    valibot: [v.object({ a: vs }), v.object({ a: vs, b: vs })],
    arktype: [type({ a: "string" }), type({ a: "string", b: "string" })],
    backward: ["property-missing /b"],
    forward: [],
  },
  {
    change: "a property with a default is added",
    zod: [z.object({ a: s }), z.object({ a: s, b: s.default("x") })],
    valibot: [v.object({ a: vs }), v.object({ a: vs, b: v.optional(vs, "x") })],
    arktype: [type({ a: "string" }), type({ a: "string", b: "string = 'x'" })],
    backward: [],
    forward: [],
  },
  {
    change: "an optional property is removed",
    zod: [z.object({ a: s, b: s.optional() }), z.object({ a: s })],
    valibot: [v.object({ a: vs, b: v.optional(vs) }), v.object({ a: vs })],
    arktype: [type({ a: "string", "b?": "string" }), type({ a: "string" })],
    backward: [],
    forward: [],
  },
  {
    change: "a required property is removed",
    zod: [z.object({ a: s, b: s }), z.object({ a: s })],
    valibot: [v.object({ a: vs, b: vs }), v.object({ a: vs })],
    arktype: [type({ a: "string", b: "string" }), type({ a: "string" })],
    backward: [],
    forward: ["property-missing /b"],
  },
  {
    change: "a property is renamed",
    zod: [z.object({ a: s }), z.object({ A: s })],
    valibot: [v.object({ a: vs }), v.object({ A: vs })],
    arktype: [type({ a: "string" }), type({ A: "string" })],
    backward: ["property-missing /A"],
    forward: ["property-missing /a"],
  },
  {
    change: "an optional property becomes required",
    zod: [z.object({ a: s.optional() }), z.object({ a: s })],
    valibot: [v.object({ a: v.optional(vs) }), v.object({ a: vs })],
    arktype: [type({ "a?": "string" }), type({ a: "string" })],
    backward: ["property-missing /a"],
    forward: [],
  },
  {
    change: "a required property becomes optional",
    zod: [z.object({ a: s }), z.object({ a: s.optional() })],
    valibot: [v.object({ a: vs }), v.object({ a: v.optional(vs) })],
    arktype: [type({ a: "string" }), type({ "a?": "string" })],
    backward: [],
    forward: ["property-missing /a"],
  },
  {
    change: "a required property gets a default",
    zod: [z.object({ a: s }), z.object({ a: s.default("x") })],
    valibot: [v.object({ a: vs }), v.object({ a: v.optional(vs, "x") })],
    arktype: [type({ a: "string" }), type({ a: "string = 'x'" })],
    backward: [],
    forward: ["property-missing /a"],
  },
  {
    change: "an optional property changes its type",
    zod: [z.object({ a: s.optional() }), z.object({ a: n.optional() })],
    valibot: [v.object({ a: v.optional(vs) }), v.object({ a: v.optional(vn) })],
    arktype: [type({ "a?": "string" }), type({ "a?": "number" })],
    backward: ["type-not-accepted /a"],
    forward: ["type-not-accepted /a"],
  },
  {
    change: "properties are put in another order",
    zod: [z.object({ a: s, b: n }), z.object({ b: n, a: s })],
    valibot: [v.object({ a: vs, b: vn }), v.object({ b: vn, a: vs })],
    arktype: [type({ a: "string", b: "number" }), type({ b: "number", a: "string" })],
    backward: [],
    forward: [],
  },
  {
    change: "two things change at once",
    zod: [z.object({ a: s, b: s }), z.object({ a: n, c: s })],
    valibot: [v.object({ a: vs, b: vs }), v.object({ a: vn, c: vs })],
    arktype: [type({ a: "string", b: "string" }), type({ a: "number", c: "string" })],
    backward: ["property-missing /c", "type-not-accepted /a"],
    forward: ["property-missing /b", "type-not-accepted /a"],
  },
  {
    change: "a property deep inside becomes required",
    zod: [
      z.object({ o: z.object({ p: z.object({ a: s.optional() }) }) }),
      z.object({ o: z.object({ p: z.object({ a: s }) }) }),
    ],
    valibot: [
      v.object({ o: v.object({ p: v.object({ a: v.optional(vs) }) }) }),
      v.object({ o: v.object({ p: v.object({ a: vs }) }) }),
    ],
    arktype: [type({ o: { p: { "a?": "string" } } }), type({ o: { p: { a: "string" } } })],
    backward: ["property-missing /o/p/a"],
    forward: [],
  },
  {
    change: "properties move into an object of their own",
    zod: [z.object({ a: s }), z.object({ o: z.object({ a: s }) })],
    valibot: [v.object({ a: vs }), v.object({ o: v.object({ a: vs }) })],
    arktype: [type({ a: "string" }), type({ o: { a: "string" } })],
    backward: ["property-missing /o"],
    forward: ["property-missing /a"],
  },
  {
    change: "a name needs escaping",
    zod: [z.object({ "a/b~c": s }), z.object({ "a/b~c": n })],
    valibot: [v.object({ "a/b~c": vs }), v.object({ "a/b~c": vn })],
    arktype: [type({ "a/b~c": "string" }), type({ "a/b~c": "number" })],
    backward: ["type-not-accepted /a~1b~0c"],
    forward: ["type-not-accepted /a~1b~0c"],
  },
  {
    change: "an open reader becomes strict",
    zod: [z.object({ a: s }), z.strictObject({ a: s })],
    valibot: [v.object({ a: vs }), v.strictObject({ a: vs })],
    arktype: [type({ a: "string" }), type({ "+": "reject", a: "string" })],
    backward: [],
    forward: [],
  },
  {
    change: "an optional property is added under strict readers",
    zod: [z.strictObject({ a: s }), z.strictObject({ a: s, b: s.optional() })],
    valibot: [v.strictObject({ a: vs }), v.strictObject({ a: vs, b: v.optional(vs) })],
    arktype: [type({ "+": "reject", a: "string" }), type({ "+": "reject", a: "string", "b?": "string" })],
    backward: [],
    forward: ["property-not-accepted /b"],
  },
  {
    change: "an optional property is removed from a strict reader",
    zod: [z.strictObject({ a: s, b: s.optional() }), z.strictObject({ a: s })],
    valibot: [v.strictObject({ a: vs, b: v.optional(vs) }), v.strictObject({ a: vs })],
    arktype: [type({ "+": "reject", a: "string", "b?": "string" }), type({ "+": "reject", a: "string" })],
    backward: ["property-not-accepted /b"],
    forward: [],
  },
  {
    change: "a writer of anything meets a named property",
    zod: [z.looseObject({ a: s }), z.looseObject({ a: s, b: n.optional() })],
    arktype: [
      type({ a: "string", "[string]": "unknown" }),
      type({ a: "string", "b?": "number", "[string]": "unknown" }),
    ],
    backward: ["null-not-accepted /b", "type-not-accepted /b"],
    forward: [],
  },
  {
    change: "values of a record are widened",
    zod: [z.record(s, n), z.record(s, z.union([n, s]))],
    valibot: [v.record(vs, vn), v.record(vs, v.union([vn, vs]))],
    arktype: [type({ "[string]": "number" }), type({ "[string]": "number | string" })],
    backward: [],
    forward: ["type-not-accepted /*"],
  },
  {
    change: "a record becomes an object",
    zod: [z.record(s, n), z.object({ a: n })],
    valibot: [v.record(vs, vn), v.object({ a: vn })],
    arktype: [type({ "[string]": "number" }), type({ a: "number" })],
    backward: ["property-missing /a"],
    forward: [],
  },
  {
    change: "keys of a record are limited",
    zod: [z.partialRecord(s, n), z.partialRecord(z.enum(["a", "b"]), n)],
    backward: ["value-not-accepted /*"],
    forward: [],
  },
  {
    change: "an object is put together out of parts",
    zod: [z.object({ a: s, b: n }), z.intersection(z.object({ a: s }), z.object({ b: n }))],
    valibot: [v.object({ a: vs, b: vn }), v.intersect([v.object({ a: vs }), v.object({ b: vn })])],
    arktype: [type({ a: "string", b: "number" }), type({ a: "string" }).and({ b: "number" })],
    backward: [],
    forward: [],
  },
]);

testChanges("changes of lists", [
  {
    change: "a value becomes a list of values",
    zod: [z.object({ x: s }), z.object({ x: z.array(s) })],
    valibot: [v.object({ x: vs }), v.object({ x: v.array(vs) })],
    arktype: [type({ x: "string" }), type({ x: "string[]" })],
    backward: ["type-not-accepted /x"],
    forward: ["type-not-accepted /x"],
  },
  {
    change: "items change their type",
    zod: [z.array(s), z.array(n)],
    valibot: [v.array(vs), v.array(vn)],
    arktype: [type("string[]"), type("number[]")],
    backward: ["type-not-accepted /*"],
    forward: ["type-not-accepted /*"],
  },
  {
    change: "items may be null",
    zod: [z.array(s), z.array(s.nullable())],
    valibot: [v.array(vs), v.array(v.nullable(vs))],
    arktype: [type("string[]"), type("(string | null)[]")],
    backward: [],
    forward: ["null-not-accepted /*"],
  },
  {
    change: "items get a required property",
    zod: [z.object({ x: z.array(z.object({ a: s })) }), z.object({ x: z.array(z.object({ a: s, b: s })) })],
    valibot: [v.object({ x: v.array(v.object({ a: vs })) }), v.object({ x: v.array(v.object({ a: vs, b: vs })) })],
    arktype: [type({ x: type({ a: "string" }).array() }), type({ x: type({ a: "string", b: "string" }).array() })],
    backward: ["property-missing /x/*/b"],
    forward: [],
  },
  {
    change: "a list may not be empty",
    zod: [z.array(s), z.array(s).min(1)],
    valibot: [v.array(vs), v.pipe(v.array(vs), v.minLength(1))],
    arktype: [type("string[]"), type("string[] >= 1")],
    backward: ["size-not-accepted "],
    forward: [],
  },
  {
    change: "a list may be longer",
    zod: [z.array(s).max(3), z.array(s).max(9)],
    valibot: [v.pipe(v.array(vs), v.maxLength(3)), v.pipe(v.array(vs), v.maxLength(9))],
    arktype: [type("string[] <= 3"), type("string[] <= 9")],
    backward: [],
    forward: ["size-not-accepted "],
  },
  {
    change: "a tuple changes one type",
    zod: [z.tuple([s, n]), z.tuple([s, s])],
    valibot: [v.strictTuple([vs, vn]), v.strictTuple([vs, vs])],
    arktype: [type(["string", "number"]), type(["string", "string"])],
    backward: ["type-not-accepted /1"],
    forward: ["type-not-accepted /1"],
  },
  {
    change: "a tuple gets longer",
    zod: [z.tuple([s]), z.tuple([s, n])],
    valibot: [v.strictTuple([vs]), v.strictTuple([vs, vn])],
    arktype: [type(["string"]), type(["string", "number"])],
    backward: ["size-not-accepted "],
    forward: ["size-not-accepted "],
  },
  {
    change: "a tuple becomes a list",
    zod: [z.tuple([s, s]), z.array(s)],
    valibot: [v.strictTuple([vs, vs]), v.array(vs)],
    arktype: [type(["string", "string"]), type("string[]")],
    backward: [],
    forward: ["size-not-accepted ", "size-not-accepted "],
  },
]);

const a = z.object({ kind: z.literal("a") });
const b = z.object({ kind: z.literal("b"), size: n });
const va = v.object({ kind: v.literal("a") });
const vb = v.object({ kind: v.literal("b"), size: vn });
const ka = type({ kind: "'a'" });
const kb = type({ kind: "'b'", size: "number" });

interface Tree {
  readonly label: unknown;
  readonly kids: readonly Tree[];
}
const tree = (label: z.ZodType): z.ZodType<Tree> => {
  const node: z.ZodType<Tree> = z.object({ label, kids: z.array(z.lazy(() => node)) });
  return node;
};

testChanges("changes of unions", [
  {
    change: "a branch is added",
    zod: [z.discriminatedUnion("kind", [a]), z.discriminatedUnion("kind", [a, b])],
    valibot: [v.variant("kind", [va]), v.variant("kind", [va, vb])],
    arktype: [ka, ka.or(kb)],
    backward: [],
    forward: ["value-not-accepted /kind"],
  },
  {
    change: "a branch is removed",
    zod: [z.object({ x: z.discriminatedUnion("kind", [a, b]) }), z.object({ x: a })],
    valibot: [v.object({ x: v.variant("kind", [va, vb]) }), v.object({ x: va })],
    arktype: [type({ x: ka.or(kb) }), type({ x: ka })],
    backward: ["value-not-accepted /x/kind"],
    forward: [],
  },
  {
    change: "a branch is renamed",
    zod: [z.discriminatedUnion("kind", [a, b]), z.discriminatedUnion("kind", [a, b.extend({ kind: z.literal("B") })])],
    valibot: [v.variant("kind", [va, vb]), v.variant("kind", [va, v.object({ kind: v.literal("B"), size: vn })])],
    arktype: [ka.or(kb), ka.or({ kind: "'B'", size: "number" })],
    backward: ["value-not-accepted /kind"],
    forward: ["value-not-accepted /kind"],
  },
  {
    change: "a branch gets a required property",
    zod: [z.discriminatedUnion("kind", [a, b]), z.discriminatedUnion("kind", [a, b.extend({ unit: s })])],
    valibot: [v.variant("kind", [va, vb]), v.variant("kind", [va, v.object({ ...vb.entries, unit: vs })])],
    arktype: [ka.or(kb), ka.or({ kind: "'b'", size: "number", unit: "string" })],
    backward: ["property-missing /unit"],
    forward: [],
  },
  {
    change: "branches are put in another order",
    zod: [z.discriminatedUnion("kind", [a, b]), z.discriminatedUnion("kind", [b, a])],
    valibot: [v.variant("kind", [va, vb]), v.variant("kind", [vb, va])],
    arktype: [ka.or(kb), kb.or(ka)],
    backward: [],
    forward: [],
  },
  {
    change: "one object with two kinds becomes two branches",
    zod: [z.object({ kind: z.enum(["a", "b"]), size: n }), z.discriminatedUnion("kind", [a, b])],
    valibot: [v.object({ kind: v.picklist(["a", "b"]), size: vn }), v.variant("kind", [va, vb])],
    arktype: [type({ kind: "'a' | 'b'", size: "number" }), ka.or(kb)],
    backward: [],
    forward: ["property-missing /size"],
  },
  {
    change: "an object or nothing becomes the object",
    zod: [z.object({ x: a.nullable() }), z.object({ x: a })],
    valibot: [v.object({ x: v.nullable(va) }), v.object({ x: va })],
    arktype: [type({ x: ka.or("null") }), type({ x: ka })],
    backward: ["null-not-accepted /x"],
    forward: [],
  },
  { change: "a tree stays as it is", zod: [tree(s), tree(s)], backward: [], forward: [] },
  {
    change: "a tree changes its leaves",
    zod: [tree(s), tree(n)],
    backward: ["type-not-accepted /label"],
    forward: ["type-not-accepted /label"],
  },
]);
