"""The peer of the benchmark: the same training iteration in PyTorch, dense with masks, as published code does it.

    peer.py THREADS

Reads one JSON object a line, { widths, batch, sparsity, warmup, iterations }, and answers each with the mean milliseconds
an iteration took. The first line it writes is its version, with the BLAS that it multiplies with (where /proc tells).
"""
import json
import os
import re
import sys
import time

threads = int(sys.argv[1])
os.environ["OPENBLAS_NUM_THREADS"] = sys.argv[1]  # read when torch loads it; torch.set_num_threads does not reach it

import torch
from torch.nn import functional as F

torch.set_num_threads(threads)
maps = open("/proc/self/maps").read() if os.path.exists("/proc/self/maps") else ""
blas = sorted(set(re.findall(r"/([^/\n]*(?:openblas|mkl|libblas|blis)[^/\n]*)$", maps, re.MULTILINE)))
print(f"PyTorch {torch.__version__} ({', '.join(blas) or 'its own BLAS'})", flush=True)
for line in sys.stdin:
    job = json.loads(line)
    torch.manual_seed(0)
    layers = []
    for inputs, outputs in zip(job["widths"], job["widths"][1:]):
        layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
    net = torch.nn.Sequential(*layers[:-1])
    images = torch.randn(job["batch"], job["widths"][0])
    labels = torch.randint(0, job["widths"][-1], (job["batch"],))
    optimiser = torch.optim.SGD(net.parameters(), 0.01, momentum=0.9, weight_decay=1e-4)
    masked = [p for p in net.parameters() if p.dim() > 1] if job["sparsity"] > 0 else []
    masks = [(p, (torch.rand_like(p) >= job["sparsity"]).float()) for p in masked]

    def step():
        optimiser.zero_grad()
        F.cross_entropy(net(images), labels).backward()
        optimiser.step()
        with torch.no_grad():
            for weight, mask in masks:
                weight.mul_(mask)

    for _ in range(job["warmup"]):
        step()
    start = time.perf_counter()
    for _ in range(job["iterations"]):
        step()
    print((time.perf_counter() - start) * 1e3 / job["iterations"], flush=True)
