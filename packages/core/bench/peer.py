"""The peer of the benchmark: the same work in PyTorch, dense with masks, as published code does it.

    peer.py THREADS

Reads one JSON object a line, { net, batch, sparsity, format, what, count, warmup }, and answers each with a number:

    what = "train"     mean milliseconds of one of `count` training iterations on a batch
    what = "evaluate"  milliseconds of a pass over `count` images: loss and correct answers
    what = "memory"    bytes by which the process has grown at its peak, from before it had a net to after `count` training
                       iterations (null without /proc); only the first request of a process can ask for it

format is "NCHW" or "channels_last". The first line written is the version, with the BLAS it multiplies with (where /proc
tells).
"""
import json
import os
import re
import resource
import sys
import time

threads = int(sys.argv[1])
os.environ["OPENBLAS_NUM_THREADS"] = sys.argv[1]  # read when torch loads it; torch.set_num_threads does not reach it

import torch
from torch import nn
from torch.nn import functional as F

torch.set_num_threads(threads)


def conv3x3(inputs, outputs, stride=1, bias=False):
    return nn.Conv2d(inputs, outputs, 3, stride, 1, bias=bias)


class Block(nn.Module):
    """Residual block of He et al. 2016; its shortcut is option A, which has no parameters."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1, self.bn1 = conv3x3(inputs, outputs, stride), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = conv3x3(outputs, outputs), nn.BatchNorm2d(outputs)
        self.stride, self.zeros = stride, (outputs - inputs) // 2

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.stride > 1:
            x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.zeros, self.zeros))
        return F.relu(x + y)


def resnet(blocks):
    layers = [conv3x3(3, 16), nn.BatchNorm2d(16), nn.ReLU()]
    inputs = 16
    for outputs in (16, 32, 64):
        for i in range(blocks):
            layers.append(Block(inputs, outputs, 2 if i == 0 and outputs > 16 else 1))
            inputs = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def vgg(*widths):
    layers, inputs = [], 3
    for width in widths:
        if width is None:
            layers.append(nn.MaxPool2d(2))
            continue
        layers += [conv3x3(inputs, width, bias=True), nn.BatchNorm2d(width), nn.ReLU()]
        inputs = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, 10))


def lenet():
    return nn.Sequential(
        nn.Flatten(), nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 100), nn.ReLU(), nn.Linear(100, 10)
    )


NETS = {
    "lenet-300-100": ((1, 28, 28), lenet),
    "resnet-20": ((3, 32, 32), lambda: resnet(3)),
    "resnet-56": ((3, 32, 32), lambda: resnet(9)),
    "vgg-16-bn": (
        (3, 32, 32),
        lambda: vgg(64, 64, None, 128, 128, None, 256, 256, 256, None, 512, 512, 512, None, 512, 512, 512),
    ),
}


class Work:
    """A net with its optimiser, masks and data."""

    def __init__(self, job):
        torch.manual_seed(0)
        shape, build = NETS[job["net"]]
        layout = torch.channels_last if job["format"] == "channels_last" else torch.contiguous_format
        self.net = build().to(memory_format=layout)
        self.batch = job["batch"]
        examples = job["count"] if job["what"] == "evaluate" else self.batch
        self.images = torch.randn(examples, *shape).to(memory_format=layout)
        self.labels = torch.randint(0, 10, (examples,))
        self.optimiser = torch.optim.SGD(self.net.parameters(), 0.01, momentum=0.9, weight_decay=1e-4)
        weights = [p for p in self.net.parameters() if p.dim() > 1]
        body = weights[0 if job["net"] == "lenet-300-100" else 1 : -1]  # first convolution and classifier stay whole
        self.masks = [(p, (torch.rand_like(p) >= job["sparsity"]).float()) for p in body] if job["sparsity"] else []
        with torch.no_grad():
            for weight, mask in self.masks:
                weight.mul_(mask)

    def train(self):
        self.net.train()
        self.optimiser.zero_grad(set_to_none=True)  # the default of later versions, and faster
        F.cross_entropy(self.net(self.images), self.labels).backward()
        self.optimiser.step()
        with torch.no_grad():
            for weight, mask in self.masks:
                weight.mul_(mask)

    def evaluate(self):
        self.net.eval()
        loss = correct = 0
        with torch.no_grad():
            for images, labels in zip(self.images.split(self.batch), self.labels.split(self.batch)):
                output = self.net(images)
                loss += F.cross_entropy(output, labels, reduction="sum").item()
                correct += (output.argmax(1) == labels).sum().item()
        return loss, correct


def resident():
    """Bytes now."""
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()


def peak():
    """Bytes at the most so far (on Linux in KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


has_proc = os.path.exists("/proc/self/statm")
maps = open("/proc/self/maps").read() if has_proc else ""
blas = sorted(set(re.findall(r"/([^/\n]*(?:openblas|mkl|libblas|blis)[^/\n]*)$", maps, re.MULTILINE)))
print(f"PyTorch {torch.__version__} ({', '.join(blas) or 'its own BLAS'})", flush=True)
last, work = None, None
for line in sys.stdin:
    job = json.loads(line)
    before = resident() if has_proc else None
    key = [job[name] for name in ("net", "batch", "sparsity", "format", "what")]
    if key != last:
        work = None  # freed before the next one is made
        last, work = key, Work(job)
    if job["what"] == "memory":
        for _ in range(job["count"]):
            work.train()
        answer = peak() - before if has_proc else None
    elif job["what"] == "train":
        for _ in range(job["warmup"]):
            work.train()
        start = time.perf_counter()
        for _ in range(job["count"]):
            work.train()
        answer = (time.perf_counter() - start) * 1e3 / job["count"]
    else:
        start = time.perf_counter()
        work.evaluate()
        answer = (time.perf_counter() - start) * 1e3
    print(json.dumps(answer), flush=True)
