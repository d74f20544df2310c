/** Measurements that take turns, so that what else the machine does meets all of them alike, and their summary. */

/** Measures `count` in a row; answers the mean milliseconds of one. */
export type Player = (count: number) => Promise<number>;

export interface Limits {
  /** At least and at most. */
  readonly rounds: readonly [number, number];
  /** After the least number of rounds, no new one begins once this much time is spent. */
  readonly seconds: number;
}

/** What a turn lasts at least, where several fit in. */
const TURN_MS = 50;
/** Before each turn: threads of a BLAS, or of a network, go on spinning for a while after their last work. */
const PAUSE_MS = 40;

/**
 * Milliseconds of each player in each round. Every round begins with another player. A first turn of each, of one
 * measurement, is left out: it says how many fit into a turn.
 */
export async function takeTurns(players: readonly Player[], { rounds, seconds }: Limits): Promise<number[][]> {
  const turn = async (player: Player, count: number): Promise<number> => {
    await new Promise((done) => setTimeout(done, PAUSE_MS));
    return player(count);
  };
  const counts: number[] = [];
  for (const player of players) counts.push(Math.max(1, Math.round(TURN_MS / (await turn(player, 1)))));
  const times = players.map((): number[] => []);
  const begin = performance.now();
  for (let round = 0; round < rounds[1]; round++) {
    if (round >= rounds[0] && performance.now() - begin > seconds * 1e3) break;
    for (let k = 0; k < players.length; k++) {
      const i = (round + k) % players.length;
      times[i]!.push(await turn(players[i]!, counts[i]!));
    }
  }
  return times;
}

export type Quartiles = readonly [low: number, median: number, high: number];

/** Of at least one value; linear between neighbours. */
export function quartiles(values: readonly number[]): Quartiles {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => {
    const place = share * (sorted.length - 1);
    const below = Math.floor(place);
    const above = sorted[Math.ceil(place)]!;
    return sorted[below]! + (place - below) * (above - sorted[below]!);
  };
  return [at(0.25), at(0.5), at(0.75)];
}
