"""Writes bert/model.safetensors and bert/expected.npz: a small BERT in the layout of Hugging Face, and what PyTorch computes
with it for the sentences of bert/texts.json.

Run in this folder: python3 make_hf.py  (needs numpy and torch, and tokens.json of tokens.mjs)

The encoder is torch.nn.TransformerEncoderLayer, post-norm, so nothing is shared with the code under test. What varies
between published models is set to the less common choice: a layer_norm_eps that shows, a hidden size that does not follow
from the width, and the names of the first checkpoints: under "bert.", LayerNorm's gamma and beta, with heads of the
pre-training beside them. vocab.txt is an excerpt of bert-base-uncased's, in its order. The ids are those of Hugging Face's
tokenizer (tokens.json); where each piece stands in its sentence is found here once more, from BERT's rules, with ids that
must agree.

expected.npz, for N sentences of at most L tokens, [CLS] and [SEP] included: ids [N, L], padded with 0; length [N];
offsets [N, L, 2], bytes of the sentence in UTF-8, 0 for [CLS] and [SEP]; hidden [1 + layers, N, L, W], that of the
embeddings first, 0 beyond a sentence's end; cls [N, W].
"""
import json, os, struct, unicodedata
import numpy as np, torch, torch.nn as nn

torch.manual_seed(11)
config = json.load(open("bert/config.json"))
W, HEADS, LAYERS, EPS = (config[k] for k in ("hidden_size", "num_attention_heads", "num_hidden_layers", "layer_norm_eps"))
CONTEXT = config["max_position_embeddings"]
pieces = open("bert/vocab.txt", encoding="utf-8").read().splitlines()
ids_of = {piece: i for i, piece in enumerate(pieces)}
assert config["vocab_size"] == len(pieces)
CLS, SEP, UNK = (ids_of[s] for s in ("[CLS]", "[SEP]", "[UNK]"))


def chinese(c):
    blocks = [(0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F),
              (0x2B820, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F)]
    return any(a <= ord(c) <= b for a, b in blocks)


def alone(c):
    ascii_sign = 33 <= ord(c) <= 47 or 58 <= ord(c) <= 64 or 91 <= ord(c) <= 96 or 123 <= ord(c) <= 126
    return chinese(c) or ascii_sign or unicodedata.category(c).startswith("P")


def words(text):
    """Words as lists of (character, first byte, byte behind)."""
    word, at = [], 0
    for original in text:
        start, at = at, at + len(original.encode())
        if original in "\t\n\r" or unicodedata.category(original).startswith("Z"):
            if word:
                yield word
            word = []
            continue
        if original in "\0\ufffd" or unicodedata.category(original).startswith("C"):
            continue
        for c in unicodedata.normalize("NFD", original):
            if unicodedata.category(c) == "Mn":
                continue
            for low in c.lower():
                if alone(low):
                    if word:
                        yield word
                    yield [(low, start, at)]
                    word = []
                else:
                    word.append((low, start, at))
    if word:
        yield word


def tokens(text):
    ids, offsets = [CLS], [(0, 0)]
    for word in words(text):
        found, begin = [], 0
        while begin < len(word) and len(word) <= 100:
            for end in range(len(word), begin, -1):
                piece = ("##" if begin else "") + "".join(c for c, _, _ in word[begin:end])
                if piece in ids_of:
                    found.append((ids_of[piece], word[begin][1], word[end - 1][2]))
                    begin = end
                    break
            else:
                found = []
                break
        for piece, start, end in found or [(UNK, word[0][1], word[-1][2])]:
            ids.append(piece)
            offsets.append((start, end))
    return ids[: CONTEXT - 1] + [SEP], offsets[: CONTEXT - 1] + [(0, 0)]


texts = json.load(open("bert/texts.json", encoding="utf-8"))
theirs = json.load(open("tokens.json"))
ours = [tokens(text) for text in texts]
for text, (ids, _), reference in zip(texts, ours, theirs):
    assert ids == reference, (text, ids, reference)


def norm():
    n = nn.LayerNorm(W, eps=EPS)
    nn.init.normal_(n.weight, 1, 0.2), nn.init.normal_(n.bias, std=0.2)
    return n


word, position, kind = (torch.randn(n, W) * 0.3 for n in (len(pieces), CONTEXT, config["type_vocab_size"]))
first = norm()
layers = [nn.TransformerEncoderLayer(W, HEADS, config["intermediate_size"], dropout=0, activation=config["hidden_act"],
                                     layer_norm_eps=EPS, batch_first=True) for _ in range(LAYERS)]
for layer in layers:
    layer.train()  # the fused inference path of eval() is another implementation; dropout is 0
    for p in layer.parameters():
        nn.init.normal_(p, std=0.25)

tensors = {"embeddings.word_embeddings.weight": word, "embeddings.position_embeddings.weight": position,
           "embeddings.token_type_embeddings.weight": kind}


def affine(name, n):
    tensors[name + ".gamma"], tensors[name + ".beta"] = n.weight, n.bias


affine("embeddings.LayerNorm", first)
for i, layer in enumerate(layers):
    at = f"encoder.layer.{i}."
    for suffix, whole in [("weight", layer.self_attn.in_proj_weight), ("bias", layer.self_attn.in_proj_bias)]:
        for part, value in zip(("query", "key", "value"), whole.chunk(3)):
            tensors[at + f"attention.self.{part}.{suffix}"] = value
        for theirs_, module in [("attention.output.dense", layer.self_attn.out_proj), ("intermediate.dense", layer.linear1), ("output.dense", layer.linear2)]:
            tensors[at + f"{theirs_}.{suffix}"] = getattr(module, suffix)
    affine(at + "attention.output.LayerNorm", layer.norm1)
    affine(at + "output.LayerNorm", layer.norm2)
tensors["pooler.dense.weight"], tensors["pooler.dense.bias"] = torch.randn(W, W), torch.randn(W)

N, L = len(texts), max(len(ids) for ids, _ in ours)
hidden = np.zeros((1 + LAYERS, N, L, W), np.float32)
padded, offsets = np.zeros((N, L), np.int32), np.zeros((N, L, 2), np.int32)
with torch.no_grad():
    for n, (ids, at) in enumerate(ours):
        padded[n, : len(ids)], offsets[n, : len(ids)] = ids, at
        x = first((word[ids] + position[: len(ids)] + kind[0])[None])
        hidden[0, n, : len(ids)] = x[0]
        for i, layer in enumerate(layers):
            x = layer(x)
            hidden[1 + i, n, : len(ids)] = x[0]
np.savez("bert/expected.npz", ids=padded, length=np.array([len(ids) for ids, _ in ours], np.int32), offsets=offsets,
         hidden=hidden, cls=hidden[-1, :, 0])

header, data = {"__metadata__": {"format": "pt"}}, b""
named = {"bert." + name: tensor for name, tensor in tensors.items()}
named["cls.predictions.bias"] = torch.zeros(len(pieces))
for name, tensor in named.items():
    raw = tensor.detach().contiguous().numpy().astype("<f4").tobytes()
    header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(raw)]}
    data += raw
text = json.dumps(header).encode()
with open("bert/model.safetensors", "wb") as f:
    f.write(struct.pack("<Q", len(text)) + text + data)
