import { expect, test } from "vitest";
import { quartiles, takeTurns } from "./turns.ts";

test("quartiles lie between neighbours", () => {
  expect(quartiles([7])).toEqual([7, 7, 7]);
  expect(quartiles([4, 1, 3, 2])).toEqual([1.75, 2.5, 3.25]);
});

test("each round begins with another player; the first turn of each is left out, and says how many fit into one", async () => {
  const turns: [string, number][] = [];
  const player = (name: string, ms: number) => async (count: number) => {
    turns.push([name, count]);
    return turns.length <= 2 ? ms : ms + turns.length / 100;
  };
  const times = await takeTurns([player("a", 10), player("b", 500)], { rounds: [3, 9], seconds: 0 });
  expect(turns).toEqual([
    ["a", 1],
    ["b", 1],
    ["a", 5],
    ["b", 1],
    ["b", 1],
    ["a", 5],
    ["a", 5],
    ["b", 1],
  ]);
  expect(times).toEqual([
    [10.03, 10.06, 10.07],
    [500.04, 500.05, 500.08],
  ]);
});
