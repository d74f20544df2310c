/** Ids of jobs, results and runners: what is no uuid is the id of nothing, and would be a fault to the database. */
import { z } from "zod";

const uuid = z.uuid();

export const isId = (text: unknown): text is string => uuid.safeParse(text).success;
