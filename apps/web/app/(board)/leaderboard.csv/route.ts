/** The leaderboard's rows, by the same filters as the page, as a file. */
import { csvOf } from "../../../components/leaderboard-csv.ts";
import { filterGroups, parseFilter } from "../../../components/leaderboard-filter.ts";
import { tracksOf } from "../../../components/leaderboard-groups.ts";
import { db } from "../../../db/client.ts";
import { listPairs, listRuns, pairOf } from "../../../db/leaderboard.ts";
import { publicReply, route, searchOf } from "../../../http.ts";

export const { GET } = route({
  async GET(request) {
    const filter = parseFilter(searchOf(request));
    const database = await db();
    const pair = pairOf(await listPairs(database), filter);
    const tracks = pair ? tracksOf(await listRuns(database, pair.dataset, pair.model)) : [];
    const groups = filterGroups(
      tracks.flatMap((track) => track.groups),
      filter,
    );
    return publicReply(request, csvOf(groups), "text/csv; charset=utf-8; header=present");
  },
});
