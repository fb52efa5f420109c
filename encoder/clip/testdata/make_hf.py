"""Writes hf/, a small CLIP model in the layout of Hugging Face, and expected.npz, what PyTorch computes with it.

Run in this folder: python3 make_hf.py  (needs numpy and torch)

The towers are built from torch.nn.TransformerEncoderLayer, so nothing is shared with the code under test. Everything
that varies between published models is set to the less common choice: exact GELU, the end of text found by its id (which
is not the largest), bfloat16, two shards, head and hidden sizes that do not follow from the width, own pixel statistics.
The vocabulary is the 256 bytes, alone and at the end of a word, without merges.
"""
import json, os, struct
import numpy as np, torch, torch.nn as nn

torch.manual_seed(7)
IMAGE, PATCH, DIM, EPS = 16, 8, 8, 1e-6
VISION = dict(hidden_size=32, intermediate_size=80, num_hidden_layers=2, num_attention_heads=4)
TEXT = dict(hidden_size=16, intermediate_size=40, num_hidden_layers=3, num_attention_heads=2)
CONTEXT, END, START = 20, 512, 513
MEAN, STD = [0.5, 0.4, 0.3], [0.25, 0.5, 0.75]


def rounded(t):
    with torch.no_grad():
        t.copy_(t.to(torch.bfloat16).float())
    return t


def tower(c):
    layers = [nn.TransformerEncoderLayer(c["hidden_size"], c["num_attention_heads"], c["intermediate_size"], dropout=0,
                                         activation="gelu", layer_norm_eps=EPS, batch_first=True, norm_first=True)
              for _ in range(c["num_hidden_layers"])]
    for layer in layers:
        layer.train()  # the fused inference path of eval() is another implementation; dropout is 0
        for p in layer.parameters():
            nn.init.normal_(p, std=0.2)
            rounded(p)
    return layers


def norm(width):
    n = nn.LayerNorm(width, eps=EPS)
    nn.init.normal_(n.weight, 1, 0.2), nn.init.normal_(n.bias, std=0.2)
    rounded(n.weight), rounded(n.bias)
    return n


def make(*shape, std=0.3):
    return rounded(torch.randn(*shape) * std)


v, t = VISION["hidden_size"], TEXT["hidden_size"]
grid = IMAGE // PATCH
conv, cls, vpos = make(v, 3, PATCH, PATCH), make(v), make(grid * grid + 1, v)
words, tpos = make(514, t), make(CONTEXT, t)
pre, post, final = norm(v), norm(v), norm(t)
vproj, tproj = make(DIM, v), make(DIM, t)
vision, text = tower(VISION), tower(TEXT)

tensors = {
    "vision_model.embeddings.class_embedding": cls, "vision_model.embeddings.patch_embedding.weight": conv,
    "vision_model.embeddings.position_embedding.weight": vpos, "visual_projection.weight": vproj,
    "text_model.embeddings.token_embedding.weight": words, "text_model.embeddings.position_embedding.weight": tpos,
    "text_projection.weight": tproj, "logit_scale": torch.tensor(2.5),
}
for name, n in [("vision_model.pre_layrnorm", pre), ("vision_model.post_layernorm", post), ("text_model.final_layer_norm", final)]:
    tensors[name + ".weight"], tensors[name + ".bias"] = n.weight, n.bias
for side, layers in [("vision", vision), ("text", text)]:
    for i, layer in enumerate(layers):
        at = f"{side}_model.encoder.layers.{i}."
        for kind, whole in [("weight", layer.self_attn.in_proj_weight), ("bias", layer.self_attn.in_proj_bias)]:
            for part, value in zip("qkv", whole.chunk(3)):
                tensors[at + f"self_attn.{part}_proj.{kind}"] = value
            tensors[at + f"self_attn.out_proj.{kind}"] = getattr(layer.self_attn.out_proj, kind)
            for theirs, ours in [("mlp.fc1", "linear1"), ("mlp.fc2", "linear2"), ("layer_norm1", "norm1"), ("layer_norm2", "norm2")]:
                tensors[at + f"{theirs}.{kind}"] = getattr(getattr(layer, ours), kind)

os.makedirs("hf", exist_ok=True)


def save(name, names):
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for n in names:
        raw = (tensors[n].detach().contiguous().numpy().view(np.uint32) >> 16).astype("<u2").tobytes()
        header[n] = {"dtype": "BF16", "shape": list(tensors[n].shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    with open("hf/" + name, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)


names = sorted(tensors)
shards = [names[: len(names) // 2], names[len(names) // 2:]]
files = [f"model-{i + 1:05d}-of-00002.safetensors" for i in range(2)]
for file, part in zip(files, shards):
    save(file, part)
write = lambda name, value: open("hf/" + name, "w").write(value if isinstance(value, str) else json.dumps(value, indent=1))
write("model.safetensors.index.json", {"metadata": {}, "weight_map": {n: f for f, part in zip(files, shards) for n in part}})
common = dict(hidden_act="gelu", layer_norm_eps=EPS)
write("config.json", {
    "model_type": "clip", "projection_dim": DIM,
    "vision_config": {**VISION, **common, "image_size": IMAGE, "patch_size": PATCH},
    "text_config": {**TEXT, **common, "max_position_embeddings": CONTEXT, "vocab_size": 514, "eos_token_id": END},
})
write("preprocessor_config.json", {"size": {"shortest_edge": IMAGE}, "crop_size": {"height": IMAGE, "width": IMAGE},
                                   "resample": 3, "image_mean": MEAN, "image_std": STD})
printable = [b for b in range(256) if chr(b).isprintable() and b not in (0x20, 0xA0, 0xAD)]
other = [b for b in range(256) if b not in printable]
letters = [chr(b) for b in printable] + [chr(256 + i) for i in range(len(other))]
vocabulary = {s: i for i, s in enumerate(letters + [s + "</w>" for s in letters])}
write("vocab.json", {**vocabulary, "<|endoftext|>": END, "<|startoftext|>": START})
write("merges.txt", "#version: 0.2\n")

pictures = np.random.default_rng(3).integers(0, 256, (5, IMAGE, IMAGE, 3), dtype=np.uint8)
texts = ["a dog", "two cats run", "x", "", "the whole context is not enough for this"]


def tokens(text):
    ids = [START]
    for word in text.split():
        ids += [vocabulary[c] for c in word[:-1]] + [vocabulary[word[-1] + "</w>"]]
    return ids[: CONTEXT - 1] + [END]


with torch.no_grad():
    x = torch.from_numpy(pictures).float().permute(0, 3, 1, 2) / 255
    x = (x - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    x = nn.functional.conv2d(x, conv, stride=PATCH).flatten(2).transpose(1, 2)
    x = pre(torch.cat([cls.expand(len(x), 1, v), x], 1) + vpos)
    for layer in vision:
        x = layer(x)
    frames = post(x[:, 0]) @ vproj.T
    rows = []
    for s in texts:
        ids = tokens(s)
        x = (words[ids] + tpos[: len(ids)])[None]
        mask = torch.full((len(ids), len(ids)), float("-inf")).triu(1)
        for layer in text:
            x = layer(x, src_mask=mask)
        rows.append(final(x)[0, ids.index(END)] @ tproj.T)
np.savez("expected.npz", pictures=pictures, frames=frames.numpy(), texts=torch.stack(rows).numpy())
write("texts.json", texts)
