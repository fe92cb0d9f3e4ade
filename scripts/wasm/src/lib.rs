//! A saved model behind five plain functions, for WebAssembly. The module imports nothing, so it needs no
//! generated JavaScript and runs wherever WebAssembly does.
//!
//! There is one buffer. A caller reserves space in it, writes a record or a picture there, calls a function, and
//! finds the reply in the buffer: JSON, of the length that the function returned.
//!
//! ```js
//! const { instance } = await WebAssembly.instantiateStreaming(fetch("answers.wasm"));
//! const { memory, reserve, buffer, load, answer } = instance.exports;
//! const call = (f, bytes) => {
//!     const address = reserve(bytes.length); // before `memory.buffer` is read: memory may have grown
//!     new Uint8Array(memory.buffer, address, bytes.length).set(bytes);
//!     const length = f();
//!     return JSON.parse(new TextDecoder().decode(new Uint8Array(memory.buffer, buffer(), length)));
//! };
//! call(load, record);    // {"class_names": ["T-shirt/top", ...], "input": [1, 28, 28]}
//! call(answer, pixels);  // {"probabilities": [0.9, ...], "unknown": false, "strangeness": 0.1}
//! ```
//!
//! On failure the reply is `{"error": "..."}`. There is one model at a time; if a record cannot be loaded, the
//! previous one stays.

use std::sync::{Mutex, MutexGuard, PoisonError};

use model::Classifier;
use serde::Serialize;

/// The state of the module.
struct State {
    buffer: Vec<u8>,
    classifier: Option<Classifier>,
}

static STATE: Mutex<State> = Mutex::new(State {
    buffer: Vec::new(),
    classifier: None,
});

#[derive(Serialize)]
struct Loaded<'a> {
    class_names: &'a [String],
    /// Channels, height and width of a picture.
    input: [usize; 3],
}

#[derive(Serialize)]
struct Answered {
    /// In the order of the class names.
    probabilities: Vec<f32>,
    unknown: bool,
    /// `null` if the record has no threshold.
    strangeness: Option<f32>,
}

#[derive(Serialize)]
struct Predicted {
    /// `[images, classes]`
    probabilities: Vec<f32>,
}

#[derive(Serialize)]
struct Failed {
    error: String,
}

// SAFETY of every `no_mangle` below: no other function of the module has the name. This is all the `unsafe`
// there is: the addresses handed out are followed by the caller alone, between two calls.

/// Makes the buffer `length` bytes long and returns its address, or 0 if there is not enough memory. The
/// address is valid until the next call.
#[unsafe(no_mangle)]
pub extern "C" fn reserve(length: usize) -> *mut u8 {
    let buffer = &mut state().buffer;
    buffer.clear();
    if buffer.try_reserve_exact(length).is_err() {
        return std::ptr::null_mut();
    }
    buffer.resize(length, 0);
    buffer.as_mut_ptr()
}

/// Returns the buffer's address, valid until the next call.
#[unsafe(no_mangle)]
pub extern "C" fn buffer() -> *const u8 {
    state().buffer.as_ptr()
}

/// Loads the record in the buffer; the reply is its class names and input size.
#[unsafe(no_mangle)]
pub extern "C" fn load() -> usize {
    reply(|state| {
        let classifier = Classifier::from_bytes(&state.buffer).map_err(|e| e.to_string())?;
        let metadata = state.classifier.insert(classifier).metadata();
        json(&Loaded {
            class_names: &metadata.class_names,
            input: metadata.architecture.input(),
        })
    })
}

/// Classifies the picture in the buffer: bytes `[channels * height * width]`, light on dark. The probabilities are
/// calibrated if the record has a calibration.
#[unsafe(no_mangle)]
pub extern "C" fn answer() -> usize {
    reply(|state| {
        let answer = classifier(state)?
            .answer(&state.buffer)
            .map_err(|e| e.to_string())?;
        let mut probabilities = vec![0.0; answer.top.len()];
        for (class, probability) in answer.top {
            probabilities[class] = probability;
        }
        json(&Answered {
            probabilities,
            unknown: answer.unknown,
            strangeness: answer.strangeness,
        })
    })
}

/// Replies with the uncalibrated probabilities of each of the pictures in the buffer, `[images, channels, height,
/// width]`.
#[unsafe(no_mangle)]
pub extern "C" fn predict_raw() -> usize {
    reply(|state| {
        let predicted = classifier(state)?.predict_raw(&state.buffer);
        let probabilities = predicted.map_err(|e| e.to_string())?;
        json(&Predicted { probabilities })
    })
}

/// Puts the reply, or the error, into the buffer and returns its length.
fn reply(make: impl FnOnce(&mut State) -> Result<Vec<u8>, String>) -> usize {
    let mut state = state();
    let made = make(&mut state).or_else(|error| json(&Failed { error }));
    state.buffer = made.unwrap_or_default();
    state.buffer.len()
}

fn classifier(state: &State) -> Result<&Classifier, String> {
    let classifier = state.classifier.as_ref();
    classifier.ok_or_else(|| "no record has been loaded".to_string())
}

fn json(reply: &impl Serialize) -> Result<Vec<u8>, String> {
    serde_json::to_vec(reply).map_err(|e| e.to_string())
}

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}
