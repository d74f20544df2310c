"""Opens a net that `ticketmark export` wrote in PyTorch, and counts MNIST's test images that it gets right.

    export-check.py NET.safetensors IMAGES LABELS      (t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte)

Needs torch 1.13 or later, not the package safetensors: the format is read by hand. Prints a line; exit code 1 if a pruned
weight is not 0, or if the count is not the one that the file says of itself.
"""
import json
import struct
import sys

import torch
from torch import nn
from torch.nn import functional as F

TYPES = {"F32": torch.float32, "U8": torch.uint8, "I64": torch.int64}


def read_safetensors(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = bytearray(file.read())
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        tensors[name] = torch.frombuffer(data[begin:end], dtype=TYPES[entry["dtype"]]).reshape(entry["shape"])
    return tensors, metadata


class LeNet300(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(784, 300), nn.Linear(300, 100), nn.Linear(100, 10)

    def forward(self, x):
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x.flatten(1))))))


class LeNet5(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 20, 5), nn.Conv2d(20, 50, 5)
        self.fc1, self.fc2 = nn.Linear(800, 500), nn.Linear(500, 10)

    def forward(self, x):
        x = F.max_pool2d(self.conv2(F.max_pool2d(self.conv1(x), 2)), 2)
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


class Block(nn.Module):
    """Residual block of He et al. 2016; its shortcut is option A, which has no parameters."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs)
        self.stride, self.zeros = stride, (outputs - inputs) // 2

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.stride > 1:
            x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.zeros, self.zeros))
        return F.relu(x + y)


class ResNet(nn.Module):
    def __init__(self, depth):
        super().__init__()
        stage = lambda inputs, outputs, stride: nn.Sequential(
            Block(inputs, outputs, stride), *(Block(outputs, outputs, 1) for _ in range((depth - 2) // 6 - 1))
        )
        self.conv1, self.bn1 = nn.Conv2d(1, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        self.layer1, self.layer2, self.layer3 = stage(16, 16, 1), stage(16, 32, 2), stage(32, 64, 2)
        self.linear = nn.Linear(64, 10)

    def forward(self, x):
        x = self.layer3(self.layer2(self.layer1(F.relu(self.bn1(self.conv1(x))))))
        return self.linear(x.mean((2, 3)))


def net_of(model):
    if model == "lenet-300-100":
        return LeNet300()
    return LeNet5() if model == "lenet-5" else ResNet(int(model.removeprefix("resnet-")))


def main(path, images, labels):
    tensors, metadata = read_safetensors(path)
    masks = {name[5:]: tensors.pop(name) for name in list(tensors) if name.startswith("mask/")}
    wrong = [name for name, mask in masks.items() if tensors[name][mask == 0].any()]
    net = net_of(metadata["model"])
    net.load_state_dict(tensors, strict=True)
    net.eval()
    with open(images, "rb") as file:
        pixels = torch.frombuffer(bytearray(file.read()[16:]), dtype=torch.uint8).reshape(-1, 1, 28, 28)
    with open(labels, "rb") as file:
        y = torch.frombuffer(bytearray(file.read()[8:]), dtype=torch.uint8)
    frame = 2 if metadata["dataset"].endswith("-32") else 0
    [mean], [std] = json.loads(metadata["mean"]), json.loads(metadata["std"])
    x = (F.pad(pixels, [frame] * 4).float() / 255 - mean) / std
    with torch.no_grad():
        correct = sum(int((net(x[i : i + 500]).argmax(1) == y[i : i + 500]).sum()) for i in range(0, len(y), 500))
    pruned = sum(int((mask == 0).sum()) for mask in masks.values())
    print(f"{metadata['model']}, {pruned} weights pruned: {correct} of {len(y)} in torch {torch.__version__}, "
          f"{metadata['correct']} of {metadata['total']} by ticketmark")
    if wrong:
        print("pruned, but not 0: " + ", ".join(wrong))
    return 1 if wrong or (str(correct), str(len(y))) != (metadata["correct"], metadata["total"]) else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
