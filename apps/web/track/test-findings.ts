/** For tests: a finding of a metric and one of behaviour, as the tracker confirms them. */
import type { Finding } from "@ticketmark/core";

export const slower = (more: Partial<Finding> = {}): Finding => ({
  kind: "regression",
  groupDigest: "1".repeat(64),
  testbed: "2".repeat(64),
  metric: "iteration-time",
  name: "lenet-300-100, mnist, rst 98 %",
  before: 0.812,
  after: 0.895,
  change: 0.1022,
  interval: [0.098, 0.107],
  p: 0.0078,
  rounds: 8,
  first: null,
  ...more,
});

export const behaviour = (more: Partial<Finding> = {}): Finding => ({
  ...slower({ kind: "behaviour", metric: "behaviour", rounds: 1 }),
  before: null,
  after: null,
  change: null,
  interval: null,
  p: null,
  first: { seed: 0, block: 3, phase: "final training", iteration: 300 },
  ...more,
});
