/** THE LIST of methods. One more is one file and one line here. */
import { registry } from "../registry.ts";
import { dense } from "./dense.ts";
import { rigl, set } from "./dynamic.ts";
import { earlyBird } from "./early-bird.ts";
import { gmp } from "./gmp.ts";
import { grasp } from "./grasp.ts";
import { l1, l1Iter } from "./l1.ts";
import { lth, lthIter } from "./lth.ts";
import type { Method } from "./method.ts";
import { random } from "./random.ts";
import { rst, rstIter } from "./rst.ts";
import { scratchEqualIterations } from "./scratch.ts";
import { snip } from "./snip.ts";
import { synflow } from "./synflow.ts";

/** Related ones together, as forms, tables and legends show them. */
export const methods = registry<Method>("method", [
  dense,
  random,
  scratchEqualIterations,
  snip,
  grasp,
  synflow,
  l1,
  l1Iter,
  gmp,
  lth,
  lthIter,
  earlyBird,
  set,
  rigl,
  rst,
  rstIter,
]);
