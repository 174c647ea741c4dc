"""Formats of checkpoints: which files say of themselves that they are whole."""

import json
import os
import struct
import zipfile
from typing import Optional

SERIALISED = (".pt", ".pth", ".ckpt", ".bin", ".pkl", ".npy", ".npz", ".keras", ".zip", ".h5", ".safetensors")
"""Files of these kinds do not begin with zeros."""


def format_whole(path: str) -> Optional[bool]:
    """Whether a file is whole, by its own format; None: the format does not tell."""
    name = path.lower()
    try:
        with open(path, "rb") as file:
            head = file.read(8)
            if name.endswith(SERIALISED) and not head.strip(b"\0"):
                return False  # empty, or lost in a crash of the host
            if head.startswith(b"PK") or name.endswith((".npz", ".keras", ".zip")):
                zipfile.ZipFile(path).close()  # reads the central directory, which is at the end
                return True
            if name.endswith(".safetensors"):
                size = os.path.getsize(path)
                header = int(struct.unpack("<Q", head)[0])
                return 8 + header <= size and 8 + header + tensors_end(file.read(header)) == size
    except (
        OSError,
        EOFError,
        ValueError,
        LookupError,
        TypeError,
        NotImplementedError,
        struct.error,
        zipfile.BadZipFile,
    ):  # whatever its reader says of a torn file
        return False
    return None


def tensors_end(header: bytes) -> int:
    """Where the last tensor ends, after the header. Raises ValueError, LookupError, TypeError: it is no header."""
    tensors = json.loads(header.decode("utf-8"))
    return max([0] + [int(tensors[name]["data_offsets"][1]) for name in tensors if name != "__metadata__"])
