#!/usr/bin/env python3
"""Writes every array of an HDF5 file as OUT/KEY.npy in float16, the layout of data.features (docs/formats.md).

    pip install h5py numpy
    scripts/hdf5-to-npy.py tvr_resnet152_rgb_max_i3d_rgb600_avg_cat_cl-1.5.h5 features/video
    scripts/hdf5-to-npy.py tvr_sub_pretrained_w_sub_query_max_cl-1.5.h5      features/subtitle
    scripts/hdf5-to-npy.py tvr_query_pretrained_w_sub_query.h5               features/query
"""
import os
import sys

import h5py
import numpy

if len(sys.argv) != 3:
    sys.exit(__doc__)
source, out = sys.argv[1:]
os.makedirs(out, exist_ok=True)
with h5py.File(source) as file:
    for key in file:
        numpy.save(os.path.join(out, key.replace("/", "_") + ".npy"), file[key][...].astype("float16"))
