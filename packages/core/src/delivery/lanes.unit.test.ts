import { describe, expect, test } from "vitest";
import { Lanes, type LaneTask } from "./lanes.ts";

function setUp(concurrency: number) {
  const started: string[] = [];
  const lanes = new Lanes<LaneTask>(concurrency);
  const add = (name: string, onStart: (task: LaneTask) => void = () => undefined) => {
    const task: LaneTask = {
      key: name.slice(0, 1),
      start: () => {
        started.push(name);
        onStart(task);
      },
    };
    lanes.enqueue(task);
    return task;
  };
  return { started, lanes, add };
}

describe("lanes", () => {
  test("run keys side by side and the tasks of one key one after another", () => {
    const { started, lanes, add } = setUp(8);
    const a1 = add("a1");
    add("a2");
    add("b1");
    expect(started).toEqual(["a1", "b1"]);
    lanes.release(a1);
    expect(started).toEqual(["a1", "b1", "a2"]);
  });

  test("keep to the concurrency and go on in the order of arrival", () => {
    const { started, lanes, add } = setUp(2);
    const a = add("a1");
    add("b1");
    add("c1");
    add("d1");
    expect(started).toEqual(["a1", "b1"]);
    lanes.release(a);
    expect(started).toEqual(["a1", "b1", "c1"]);
    expect(lanes.running).toBe(2);
  });

  test("a parked key gives up its slot and keeps its place", () => {
    const { started, lanes, add } = setUp(1);
    const a1 = add("a1");
    add("a2");
    add("b1");
    lanes.park();
    expect(started).toEqual(["a1", "b1"]);
    lanes.resume(a1);
    expect(started).toEqual(["a1", "b1"]);
    lanes.release({ key: "b", start: () => undefined });
    expect(started).toEqual(["a1", "b1", "a1"]);
    lanes.release(a1);
    expect(started).toEqual(["a1", "b1", "a1", "a2"]);
  });

  test("tasks that end at once do not pile up on the stack", () => {
    const { started, lanes, add } = setUp(1);
    const first = add("x");
    for (let index = 0; index < 50_000; index++) {
      add(`a${index}`, (task) => lanes.release(task));
    }
    lanes.release(first);
    expect(started).toHaveLength(50_001);
    expect(lanes.running).toBe(0);
  });

  test("hand out what has not started", () => {
    const { lanes, add } = setUp(1);
    add("a1");
    const waiting = [add("a2"), add("b1")];
    expect(new Set(lanes.takeWaiting(() => false))).toEqual(new Set(waiting));
  });
});
