"""Writes arrays.npz: one array of every kind that feature files and golden vectors use, as NumPy stores it."""
import numpy as np

np.savez_compressed(
    "arrays.npz",
    float16=np.array([[0, 0.5, -1], [1.5, 65504, 6e-8]], np.float16),
    float32=np.array([0.1, -2, np.inf], np.float32),
    float64=np.array([0.1, 1e300]),
    big=np.array([1, -2], ">f8"),
    int8=np.array([-128, 0, 127], np.int8),
    int64=np.array([-(2**63), 2**63 - 1]),
    uint16=np.array([0, 65535], np.uint16),
    bool=np.array([True, False]),
    scalar=np.float64(7),
    empty=np.zeros((0, 4), np.float32),
    fortran=np.asfortranarray(np.arange(6).reshape(2, 3)),
    fortran3=np.asfortranarray(np.arange(8).reshape(2, 2, 2)),
)
