"""Times the workloads of bench_test.go and heads_test.go in PyTorch, in float32 on the CPU with random weights.

Usage: python3 torch_speed.py THREADS [NAME …]
Prints a line a workload: its name and the seconds of the fastest of several runs.
"""
import sys, time
import torch
import torch.nn as nn
import torch.nn.functional as F

FRAMES, SENTENCES, PAIRS, WIDTH, LAYERS, TIGHT = 12, 32, 128, 512, 4, 16


class Block(nn.Module):
    """CLIP's residual block."""

    def __init__(self, width, heads, mask=None, eps=1e-5):
        super().__init__()
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.ln_1, self.ln_2 = nn.LayerNorm(width, eps), nn.LayerNorm(width, eps)
        self.c_fc, self.c_proj = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.mask = mask

    def forward(self, x):
        y = self.ln_1(x)
        x = x + self.attn(y, y, y, need_weights=False, attn_mask=self.mask)[0]
        y = self.c_fc(self.ln_2(x))
        return x + self.c_proj(y * torch.sigmoid(1.702 * y))


def repeat(work, seconds=6.0):
    """The fastest run, after two that warm up."""
    work(), work()
    best, start = float("inf"), time.perf_counter()
    while time.perf_counter() - start < seconds:
        t = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - t)
    return best


def inference(work):
    def run():
        with torch.inference_mode():
            work()
    return repeat(run)


def frames():
    width = 768
    conv = nn.Conv2d(3, width, 32, 32, bias=False)
    cls, position = torch.randn(width), torch.randn(50, width)
    pre, post, proj = nn.LayerNorm(width), nn.LayerNorm(width), torch.randn(width, WIDTH)
    blocks = nn.Sequential(*[Block(width, 12) for _ in range(12)])
    x = torch.randn(FRAMES, 3, 224, 224)

    def work():
        y = conv(x).flatten(2).transpose(1, 2)
        y = pre(torch.cat([cls.expand(FRAMES, 1, width), y], 1) + position)
        return post(blocks(y)[:, 0]) @ proj
    return inference(work)


def texts():
    words, position, proj = nn.Embedding(49408, WIDTH), torch.randn(77, WIDTH), torch.randn(WIDTH, WIDTH)
    mask = torch.full((77, 77), float("-inf")).triu(1)
    blocks, final = nn.Sequential(*[Block(WIDTH, 8, mask) for _ in range(12)]), nn.LayerNorm(WIDTH)
    ids = torch.randint(0, 49408, (SENTENCES, 77))
    return inference(lambda: final(blocks(words(ids) + position))[:, -1] @ proj)


def steps(loss, parameters):
    """A training step as CLIP's trainers take it: AdamW, the norm of all gradients clipped to 1."""
    optimizer = torch.optim.AdamW(parameters, lr=1e-4, betas=(0.9, 0.98), eps=1e-6, weight_decay=0.2)

    def work():
        optimizer.zero_grad()
        loss().backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
    return repeat(work)


def contrast(video, text, scale):
    logits = F.normalize(text, dim=-1) @ video.T * scale.exp()
    pairs = torch.arange(PAIRS)
    return (F.cross_entropy(logits, pairs) + F.cross_entropy(logits.T, pairs)) / 2


def batch():
    return torch.randn(PAIRS, FRAMES, WIDTH), torch.ones(PAIRS, FRAMES), torch.randn(PAIRS, WIDTH)


def mean(x, mask):
    return F.normalize((F.normalize(x, dim=-1) * mask[..., None]).sum(1), dim=-1)


def trainadapters():
    video, mask, text = batch()
    down = [nn.Linear(WIDTH, WIDTH) for _ in range(2)]
    up = [nn.Linear(WIDTH, WIDTH) for _ in range(2)]
    scale = nn.Parameter(torch.tensor(2.66))

    def adapt(x, side):
        y = down[side](x)
        return x + up[side](y * torch.sigmoid(1.702 * y))
    parameters = [p for m in down + up for p in m.parameters()] + [scale]
    return steps(lambda: contrast(mean(adapt(video, 0), mask), adapt(text, 1), scale), parameters)


def trainseqtransf():
    video, mask, text = batch()
    blocks = nn.Sequential(*[Block(WIDTH, WIDTH // 64, eps=1e-12) for _ in range(LAYERS)])
    position, scale = nn.Parameter(torch.randn(FRAMES, WIDTH) * 0.02), nn.Parameter(torch.tensor(2.66))
    return steps(lambda: contrast(mean(blocks(video + position) + video, mask), text, scale),
                 [*blocks.parameters(), position, scale])


def trainseqlstm():
    video, mask, text = batch()
    lstm, scale = nn.LSTM(WIDTH, WIDTH, batch_first=True), nn.Parameter(torch.tensor(2.66))
    return steps(lambda: contrast(mean(lstm(video)[0] + video, mask), text, scale), [*lstm.parameters(), scale])


def traintight():
    """Every sentence with every video through one transformer; the pooler reads the first position."""
    video, text = torch.randn(TIGHT, FRAMES, WIDTH), torch.randn(TIGHT, WIDTH)
    blocks = nn.Sequential(*[Block(WIDTH, WIDTH // 64, eps=1e-12) for _ in range(LAYERS)])
    position = nn.Parameter(torch.randn(1 + FRAMES, WIDTH) * 0.02)
    pool, dense, decide, drop = nn.LayerNorm(WIDTH, 1e-12), nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 1), nn.Dropout(0.1)
    pairs = torch.arange(TIGHT)

    def loss():
        sentence = text[:, None, None].expand(TIGHT, TIGHT, 1, WIDTH)
        frames = video[None].expand(TIGHT, TIGHT, FRAMES, WIDTH)
        x = torch.cat([sentence, frames], 2).reshape(TIGHT * TIGHT, 1 + FRAMES, WIDTH)
        y = dense(pool(blocks(drop(x + position))[:, 0]))
        logits = decide(y * torch.sigmoid(1.702 * y)).reshape(TIGHT, TIGHT)
        return (F.cross_entropy(logits, pairs) + F.cross_entropy(logits.T, pairs)) / 2
    parts = [blocks, pool, dense, decide]
    return steps(loss, [p for part in parts for p in part.parameters()] + [position])


def xpool(dropout):
    """A vector for every pair of sentence and video, as the paper writes it."""
    video, _, text = batch()
    layers = nn.ModuleList([nn.Linear(WIDTH, WIDTH) for _ in range(5)])
    norms = nn.ModuleList([nn.LayerNorm(WIDTH) for _ in range(3)])
    query, key, value, out, linear = layers
    scale, drop = nn.Parameter(torch.tensor(2.66)), nn.Dropout(dropout)
    pairs = torch.arange(PAIRS)

    def loss():
        frames = norms[0](video)
        weights = torch.softmax(torch.einsum("ad,ntd->nat", query(norms[0](text)), key(frames)) / WIDTH ** 0.5, -1)
        pooled = norms[1](out(weights @ value(frames)))  # [N, A, D]
        pooled = F.normalize(norms[2](pooled + drop(linear(pooled))), dim=-1)
        logits = (pooled * F.normalize(text, dim=-1)).sum(-1).T * scale.exp()
        return (F.cross_entropy(logits, pairs) + F.cross_entropy(logits.T, pairs)) / 2
    return steps(loss, [*layers.parameters(), *norms.parameters(), scale])


def trainxpool():
    return xpool(0.3)


def trainxpoolclosed():
    return xpool(0.0)


def check_blas():
    """Ends the program where PyTorch multiplies with a reference BLAS: to be faster than that says nothing."""
    a = torch.randn(1024, 1024)
    speed = 2 * 1024 ** 3 / repeat(lambda: a @ a, 0.5) / 1e9
    if speed < 20:
        sys.exit(f"PyTorch multiplies at {speed:.1f} GFLOP/s: a reference BLAS. On Debian: apt-get install libopenblas0-pthread")


if __name__ == "__main__":
    torch.manual_seed(0)
    torch.set_num_threads(int(sys.argv[1]))
    check_blas()
    for work in [frames, texts, trainadapters,
                 trainseqlstm, trainseqtransf, traintight, trainxpool, trainxpoolclosed]:
        if not sys.argv[2:] or work.__name__ in sys.argv[2:]:
            print(work.__name__, f"{work():.4f}", flush=True)
