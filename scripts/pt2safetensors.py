#!/usr/bin/env python3
"""Turns a PyTorch checkpoint into a safetensors file: python3 scripts/pt2safetensors.py IN.pt OUT.safetensors

Needs PyTorch and nothing else. Tensors keep their names; those of a "state_dict" or "model" entry are taken where the file
has one. Only tensors are unpickled, never code.
"""
import json
import sys

import torch

if len(sys.argv) != 3:
    sys.exit(__doc__)
kinds = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"}
content = torch.load(sys.argv[1], map_location="cpu", **({"weights_only": True} if torch.__version__ >= "1.13" else {}))
for key in ("state_dict", "model"):
    if isinstance(content.get(key), dict):
        content = content[key]
header, data, offset = {}, [], 0
for name, tensor in sorted(content.items()):
    if not torch.is_tensor(tensor) or tensor.dtype not in kinds:
        print(f"left out: {name}", file=sys.stderr)
        continue
    raw = tensor.contiguous().flatten().view(torch.int16 if tensor.element_size() == 2 else torch.int32).numpy().tobytes()
    header[name] = {"dtype": kinds[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [offset, offset + len(raw)]}
    data.append(raw)
    offset += len(raw)
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
with open(sys.argv[2], "wb") as out:
    out.write(len(text).to_bytes(8, "little") + text)
    out.writelines(data)
print(f"{len(header)} tensors in {sys.argv[2]}", file=sys.stderr)
