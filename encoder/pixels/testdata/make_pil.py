"""Makes pil.npz: OpenAI CLIP's preprocessing of noise and edges at sizes with odd margins, by PIL and numpy.

torchvision's Resize and CenterCrop are written out: long side int(n * long / short), crop at round((length - n) / 2).
Run with Pillow 9.4 or any later version: python3 make_pil.py pil.npz
"""
import sys

import numpy as np
from PIL import Image

MEAN = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
STD = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)

rng = np.random.default_rng(7)
arrays = {}
# width, height, n: margins of 1, 3, 5 (odd), much down, much up, one side kept, square, one pixel
for width, height, n in [(33, 32, 32), (67, 64, 32), (25, 30, 20), (301, 40, 17), (9, 7, 24), (24, 31, 24), (50, 50, 16), (1, 1, 3)]:
    picture = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    picture[: height // 2, : width // 2] = [255, 0, 128]  # an edge, where the cubic overshoots
    image = Image.fromarray(picture)
    size = (n, int(n * height / width)) if width <= height else (int(n * width / height), n)
    resized = np.asarray(image.resize(size, Image.BICUBIC))
    left, top = (round((length - n) / 2.0) for length in size)
    crop = resized[top : top + n, left : left + n].astype(np.float32) / np.float32(255)
    name = f"{width}x{height}_{n}"
    arrays[name + "_in"] = picture
    arrays[name + "_resized"] = resized
    arrays[name + "_out"] = ((crop - MEAN) / STD).transpose(2, 0, 1)
np.savez_compressed(sys.argv[1], **arrays)
