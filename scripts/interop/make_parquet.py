"""Parquet files as Hugging Face's `datasets` and pyarrow write them, for the tests of the crate `data`:
python make_parquet.py (pip install datasets==5.2.0 pyarrow==26.0.1 pillow).

Image I has 6 x 4 grey pixels, (37 I + 11 (6 y + x)) mod 256, and is of class I mod 3.
"""

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from datasets import ClassLabel, Dataset, Features, Image
from PIL import Image as Picture

OUT = Path(__file__).resolve().parent.parent.parent / "crates/data/tests/fixtures/parquet"
NAMES = ["cat", "dog", "emu"]


def png(i):
    """Image `i` as the bytes of a file."""
    pixels = (37 * i + 11 * np.arange(24).reshape(4, 6)) % 256
    file = io.BytesIO()
    Picture.fromarray(pixels.astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def hugging_face(folder):
    """A folder as a repository of Hugging Face's has it: two files to train on, one to test with."""
    folder.mkdir(parents=True, exist_ok=True)
    features = Features({"image": Image(), "label": ClassLabel(names=NAMES)})
    for name, numbers in [("train-00000-of-00002", range(7)), ("train-00001-of-00002", range(7, 12)),
                          ("test-00000-of-00001", range(12, 18))]:
        rows = [{"image": {"bytes": png(i), "path": f"{i}.png"}, "label": i % 3} for i in numbers]
        Dataset.from_list(rows, features=features).to_parquet(folder / f"{name}.parquet")


def table(labels, images=None):
    """Rows without Hugging Face's note."""
    count = len(labels)
    images = images or [{"bytes": png(i), "path": f"{i}.png"} for i in range(count)]
    return pa.table({"id": pa.array(range(count), pa.int32()), "image": images, "label": labels})


def main():
    hugging_face(OUT / "hugging-face" / "data")
    numbers = [i % 3 for i in range(12)]
    for codec in "snappy", "zstd", "lz4", "gzip":
        pq.write_table(table(numbers), OUT / f"{codec}.parquet", compression=codec, row_group_size=5)
    pq.write_table(table(numbers), OUT / "second.parquet", compression="zstd", data_page_version="2.0",
                   use_dictionary=False, data_page_size=200, write_batch_size=2)
    texts = pa.array([NAMES[2 - i % 3] for i in range(12)])  # emu first
    plain = [png(i) for i in range(12)]
    pq.write_table(table(texts, plain), OUT / "texts.parquet", compression="none")
    images = [{"bytes": png(i), "path": None} for i in range(12)]
    images[1], images[2] = None, {"bytes": None, "path": "2.png"}
    images[5] = {"bytes": b"no picture", "path": None}
    pq.write_table(table([-1, *numbers[1:]], images), OUT / "holes.parquet")
    pq.write_table(table(numbers), OUT / "delta.parquet", use_dictionary=False,
                   column_encoding={"label": "DELTA_BINARY_PACKED"})
    pq.write_table(table(numbers), OUT / "brotli.parquet", compression="brotli")
    pq.write_table(pa.table({"text": ["a", "b"], "label": [0, 1]}), OUT / "no-pictures.parquet")
    pq.write_table(table([-1] * 3), OUT / "no-labels.parquet")
    pq.write_table(table([0, 1, 300]), OUT / "large-label.parquet")


if __name__ == "__main__":
    main()
