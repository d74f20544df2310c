/** THE LIST of data sets. One more is one file and one line here. */
import { registry } from "../registry.ts";
import type { Dataset } from "./dataset.ts";
import { mnist } from "./mnist.ts";
import { toy } from "./toy.ts";

export const datasets = registry<Dataset>("data set", [mnist, toy]);
