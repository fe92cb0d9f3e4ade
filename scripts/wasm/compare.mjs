// Compares answers.wasm with the command line: node compare.mjs ANSWERS.WASM TRAINER RUN
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

const IMAGES = 1000; // test images whose raw probabilities are compared
const ASKED = 5; // of the known and of the unknown ones, that the command line is asked about
const CLOSE = 1e-5; // sums are taken in another order
const IDX_HEADER = 16; // bytes

const [file, trainer, run] = process.argv.slice(2);
const { instance } = await WebAssembly.instantiate(readFileSync(file), {});
const { memory, reserve, buffer, load, answer, predict_raw } = instance.exports;

function call(f, bytes) {
    const address = reserve(bytes.length); // before `memory.buffer` is read: memory may have grown
    new Uint8Array(memory.buffer, address, bytes.length).set(bytes);
    const length = f();
    return JSON.parse(new TextDecoder().decode(new Uint8Array(memory.buffer, buffer(), length)));
}

function ask(...args) {
    return JSON.parse(execFileSync(trainer, [...args, "--json"], { encoding: "utf8" }));
}

function close(ours, theirs, what) {
    assert.equal(ours.length, theirs.length, what);
    ours.forEach((p, i) => assert(Math.abs(p - theirs[i]) < CLOSE, `${what}: ${p} and ${theirs[i]}`));
}

const top = probabilities => probabilities.indexOf(Math.max(...probabilities));

// Errors are returned as text; if a record cannot be loaded, the previous one stays.
const record = readFileSync(join(run, "model.bpk"));
assert.deepEqual(call(answer, record), { error: "no record has been loaded" });
const loaded = call(load, record);
const names = loaded.class_names;
const size = loaded.input.reduce((product, side) => product * side);
assert.match(call(load, record.subarray(0, 100)).error, /^not a readable Burn pack: /);
assert.match(call(answer, new Uint8Array(7)).error, /^7 pixels given/);
assert.equal(reserve(-1), 0, "more memory than there is");
// Damaged records are refused, or loaded: the module never stops.
const damaged = Uint8Array.from(record);
for (let bit = 0; bit < 8 * 512; bit++) {
    damaged[bit >> 3] ^= 1 << (bit & 7);
    call(load, damaged);
    damaged[bit >> 3] ^= 1 << (bit & 7);
}
assert.deepEqual(call(load, record), loaded);

// Raw probabilities, as training wrote them.
const images = readFileSync(ask("data").files[2].path);
const pixels = (images[0] === 0x1f ? gunzipSync(images) : images).subarray(IDX_HEADER);
const picture = i => pixels.subarray(i * size, (i + 1) * size);
const lines = readFileSync(join(run, "predictions.csv"), "utf8").split("\n").slice(1, IMAGES + 1);
assert.equal(lines.length, IMAGES);
lines.forEach((line, i) => {
    const theirs = line.split(",").slice(-names.length).map(Number);
    const ours = call(predict_raw, picture(i)).probabilities;
    close(ours, theirs, `test image ${i}`);
    assert.equal(top(ours), top(theirs), `label of test image ${i}`);
});
const together = call(predict_raw, pixels.subarray(0, IMAGES * size)).probabilities;
assert.deepEqual(together, lines.flatMap((_, i) => call(predict_raw, picture(i)).probabilities));

// Calibrated probabilities and unknown pictures, as on the command line.
const began = performance.now();
const answers = lines.map((_, i) => call(answer, picture(i)));
const microseconds = (1000 * (performance.now() - began)) / IMAGES;
const numbers = [...answers.keys()];
const some = unknown => numbers.filter(i => answers[i].unknown === unknown).slice(0, ASKED);
const asked = [...some(false), ...some(true)];
for (const i of asked) {
    const theirs = ask("predict", run, "--test", String(i));
    const ours = answers[i];
    close(ours.probabilities, theirs.probabilities, `test image ${i}, calibrated`);
    assert.equal(names[top(ours.probabilities)], theirs.label, `label of test image ${i}`);
    assert.equal(ours.unknown, theirs.unknown, `test image ${i}`);
    if (theirs.strangeness !== null) close([ours.strangeness], [theirs.strangeness], `strangeness of ${i}`);
}
console.log(
    `${IMAGES} test images: the command line's labels and raw probabilities; of ${asked.join(", ")} also its ` +
        `calibrated ones and what is unknown. ${microseconds.toFixed(0)} µs an answer.`,
);
