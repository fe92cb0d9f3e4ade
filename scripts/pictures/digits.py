"""The table of digits in docs/pictures.md: python digits.py TRAINER (pip install numpy pillow scikit-learn).

Makes digits as MNIST made them, of scikit-learn's scans (UCI's test set, 8 x 8 pixels): a box of 20 x 20, the centre of mass
in the middle of 28 x 28. Trains a network on 1,397 of them with the program TRAINER, draws the other 400 in every way of the
table, has `predict` read the files, and prints the table.
"""

import io
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

TRAINED = 1397
NAMES = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]


def scans():
    x, y = load_digits(return_X_y=True)
    return (x.reshape(-1, 8, 8) / 16 * 255).astype(np.uint8), y.astype(np.uint8)


def as_mnist(scan, degrees=0.0):
    """A scan in MNIST's layout."""
    large = np.array(Image.fromarray(scan).resize((160, 160), Image.BICUBIC).rotate(degrees, Image.BICUBIC))
    rows, columns = np.flatnonzero(large.max(1) > 100), np.flatnonzero(large.max(0) > 100)
    box = large[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]
    size = [max(1, round(side * 20 / max(box.shape))) for side in box.shape[::-1]]
    small = np.array(Image.fromarray(box).resize(size, Image.LANCZOS)).astype(float)
    frame = np.zeros((28, 28))
    at = [int(np.clip(round(14 - (small * place).sum() / small.sum()), 0, 28 - side))
          for place, side in zip(np.indices(small.shape), small.shape)]
    frame[at[0]:at[0] + small.shape[0], at[1]:at[1] + small.shape[1]] = small
    return np.clip(frame, 0, 255).astype(np.uint8)


def write(folder, images, labels):
    x, y = images, labels
    for name, array in zip(NAMES, (x[:TRAINED], y[:TRAINED], x[TRAINED:], y[TRAINED:])):
        head = bytes([0, 0, 8, array.ndim]) + b"".join(side.to_bytes(4, "big") for side in array.shape)
        (folder / name).write_bytes(head + array.tobytes())


def grey(array):
    return Image.fromarray(np.clip(array, 0, 255).astype(np.uint8))


def negative(image):
    return image.point(lambda v: 255 - v)


def resized(side, how):
    return lambda image: image.resize((side, side), how)


def padded(share, ground=0):
    """So much of the side is added on each side."""
    def draw(image):
        margin = round(share * image.width)
        paper = Image.new("L", (image.width + 2 * margin,) * 2, ground)
        paper.paste(image, (margin, margin))
        return paper
    return draw


def placed(width, height, left, top, ground=255):
    def draw(image):
        paper = Image.new("L", (width, height), ground)
        paper.paste(image, (left, top))
        return paper
    return draw


def printed(ink, ground):
    def draw(image):
        share = np.array(padded(0.25)(image))[..., None] / 255
        return grey(np.array(ground) + share * (np.array(ink, float) - ground))
    return draw


def lit(light, noise=0):
    """A dark digit on white, times the light in each place."""
    def draw(image):
        dark = 255 - np.array(padded(0.25)(image)).astype(float)
        y, x = np.indices(dark.shape) / dark.shape[0]
        grain = np.random.default_rng(int(dark.sum())).normal(0, noise * 255, dark.shape)
        return grey(dark * light(x, y) + grain)
    return draw


def chain(*steps):
    def draw(image):
        for step in steps:
            image = step(image)
        return image
    return draw


def jpeg(quality):
    def draw(image):
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality)
        return Image.open(io.BytesIO(file.getvalue()))
    return draw


LARGE = resized(224, Image.BILINEAR)
GROUPS = {
    "28 x 28, stored otherwise": {
        "PNG": lambda image: image, "negative": negative,
        **{f"JPEG, quality {q}": jpeg(q) for q in (95, 75, 50, 30)}},
    "other sizes": {
        "32x32, bilinear": resized(32, Image.BILINEAR), "84x84, bilinear": resized(84, Image.BILINEAR),
        "224x224, nearest": resized(224, Image.NEAREST), "224x224, bilinear": LARGE,
        "224x224, Lanczos": resized(224, Image.LANCZOS), "224x224, bilinear, negative": chain(LARGE, negative)},
    "elsewhere in the picture": {
        "28x28 and 50 % on each side": padded(0.5),
        "negative, 224x224 and 25 % on each side": chain(LARGE, padded(0.25), negative),
        "in the left top corner, negative": chain(LARGE, negative, placed(600, 600, 10, 10)),
        "at the right, in 16:9, negative": chain(LARGE, negative, placed(800, 450, 560, 100)),
        "a fifth of the side, negative": chain(LARGE, negative, placed(1120, 1120, 500, 300))},
    "compressed again": {
        f"224x224 and 25 % on each side, negative, JPEG, quality {q}": chain(LARGE, padded(0.25), negative, jpeg(q))
        for q in (75, 30)},
    "printed on a ground": {
        name: chain(LARGE, printed(ink, ground)) for name, ink, ground in [
            ("black on light grey", (0, 0, 0), (200, 200, 200)), ("white on dark grey", (255,) * 3, (60,) * 3),
            ("light grey on white", (190,) * 3, (255,) * 3), ("red on white", (200, 20, 20), (255,) * 3),
            ("navy on cream", (20, 30, 100), (250, 240, 215)), ("white on blue", (255,) * 3, (30, 60, 180))]},
    "light and grain": {
        "on white, grey grain of 5 %, cut off at white": chain(LARGE, lit(lambda x, y: 1, 0.05)),
        "ground from 1 to 0.7 of white": chain(LARGE, lit(lambda x, y: 1 - 0.3 * x)),
        "ground from 0.9 to 0.5 of white": chain(LARGE, lit(lambda x, y: 0.9 - 0.4 * x)),
        "corners 30 % darker": chain(LARGE, lit(lambda x, y: 1 - 0.6 * ((x - .5) ** 2 + (y - .5) ** 2)))},
}


def photograph(scan, number, width, uneven):
    """A scan itself as a pen's line on paper, `width` from thin to bold, and as a telephone takes it."""
    noise = np.random.default_rng(number)
    ink = Image.fromarray(scan).resize((160, 160), Image.BICUBIC)
    if uneven:
        ink = ink.rotate(float(noise.uniform(-5, 5)), Image.BICUBIC)
    ink = np.clip(np.array(ink) * 2.0 - 180 + width, 0, 255) / 255
    paper, (y, x) = np.full((320, 320), 235.0), np.indices((320, 320)) / 320
    paper[70:230, 80:240] += ink * (40 - 235)
    return grey(paper * (1 - uneven * (0.3 * x + 0.1 * y)) + noise.normal(0, 3, paper.shape))


PHOTOGRAPHS = {
    "a pen on paper, JPEG, quality 90": (60, 0), "a bold pen": (120, 0), "a thin pen": (20, 0),
    "a pen on paper, turned by up to 5 degrees, uneven light": (60, 1),
}


class Digits:
    def __init__(self, trainer, folder):
        self.trainer, self.folder = trainer, folder
        self.scans, self.labels = scans()
        turns = np.random.default_rng(0).normal(0, 8, TRAINED)
        self.images = np.stack([as_mnist(scan, turns[i] if i < TRAINED else 0) for i, scan in enumerate(self.scans)])
        (folder / "digits").mkdir()
        write(folder / "digits", self.images, self.labels)
        self.run("--data-dir", "digits", "--set", "data.name=digits", "--set", "training.epochs=20",
                 "--run-dir", "run", "--quiet")

    def run(self, *args):
        done = subprocess.run([self.trainer, *args], cwd=self.folder, text=True, stdout=subprocess.PIPE)
        return done.stdout

    def answers(self, pictures, end, **options):
        """What is said of pictures: a label each, or nothing."""
        files = [f"{i:03}.{end}" for i in range(len(pictures))]
        for file, picture in zip(files, pictures):
            picture.save(self.folder / file, **options)
        lines = self.run("predict", "run", "--json", *files).splitlines()
        said = {Path(line["file"]).name: line["label"] for line in map(json.loads, lines) if "label" in line}
        return [said.get(file) for file in files]

    def row(self, name, answers, plain):
        labels = [str(label) for label in self.labels[TRAINED:]]
        right, were = (np.array([a == l for a, l in zip(found, labels)]) for found in (answers, plain))
        wrong = [a or "nothing" for a, now, before in zip(answers, right, were) if before and not now]
        most = max(set(wrong), key=wrong.count) if wrong else ""
        often = f": {most} {100 * wrong.count(most) / len(wrong):.0f} %" if wrong else ""
        lost = 100 * (were.mean() - right.mean())
        print(f"| {name} | {len(right)} | {right.mean():.4f} | {lost + 0.0:.1f} | {len(wrong)}{often} |", flush=True)


def main():
    with tempfile.TemporaryDirectory() as folder:
        digits = Digits(str(Path(sys.argv[1]).resolve()), Path(folder))
        test = [Image.fromarray(image) for image in digits.images[TRAINED:]]
        plain = digits.answers(test, "png")
        title = "| {} | images | accuracy | lost, points | newly wrong: most said |\n| --- | --- | --- | --- | --- |"
        for group, cases in GROUPS.items():
            print("\n" + title.format(group))
            for name, draw in cases.items():
                digits.row(name, digits.answers([draw(image) for image in test], "png"), plain)
        print("\n" + title.format("photographs of the scans themselves"))
        for name, (width, uneven) in PHOTOGRAPHS.items():
            pictures = [photograph(scan, i, width, uneven) for i, scan in enumerate(digits.scans[TRAINED:])]
            digits.row(name, digits.answers(pictures, "jpg", quality=90), plain)


if __name__ == "__main__":
    main()
