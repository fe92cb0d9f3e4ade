//! ONNX: a graph of operators, <https://github.com/onnx/onnx/blob/main/docs/IR.md>.
//!
//! Reading order: [`write`](fn@write) (a file) → [`read`](fn@read) (its graph, step by step) → `operators` (what each
//! operator means, read and written) → `value` (what is computed between two steps) → `message` (the few messages
//! of `onnx.proto` that are needed).
//!
//! Written is `pixels [batch, height, width]`, 0 to 1 → Flatten → Gemm → Relu → Gemm → Softmax →
//! `probabilities [batch, classes]`, with what is known of the network in `metadata_props`.

mod message;
mod operators;
mod read;
mod value;
mod write;

pub use read::read;
pub use write::write;

/// What errors call the format.
const FORMAT: &str = "ONNX";
/// Fields of the messages, from `onnx.proto`,
/// <https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>.
mod field {
    pub mod model {
        pub const IR_VERSION: u64 = 1;
        pub const PRODUCER_NAME: u64 = 2;
        pub const PRODUCER_VERSION: u64 = 3;
        pub const GRAPH: u64 = 7;
        pub const OPSET_IMPORT: u64 = 8;
        pub const METADATA_PROPS: u64 = 14;
    }
    pub mod opset {
        pub const VERSION: u64 = 2;
    }
    pub mod entry {
        pub const KEY: u64 = 1;
        pub const VALUE: u64 = 2;
    }
    pub mod graph {
        pub const NODE: u64 = 1;
        pub const NAME: u64 = 2;
        pub const INITIALIZER: u64 = 5;
        pub const INPUT: u64 = 11;
        pub const OUTPUT: u64 = 12;
    }
    pub mod node {
        pub const INPUT: u64 = 1;
        pub const OUTPUT: u64 = 2;
        pub const NAME: u64 = 3;
        pub const OP_TYPE: u64 = 4;
        pub const ATTRIBUTE: u64 = 5;
    }
    pub mod attribute {
        pub const NAME: u64 = 1;
        pub const F: u64 = 2;
        pub const I: u64 = 3;
        pub const S: u64 = 4;
        pub const T: u64 = 5;
        pub const TYPE: u64 = 20;
        /// The value of `TYPE` for a whole number.
        pub const INT: u64 = 2;
    }
    pub mod tensor {
        pub const DIMS: u64 = 1;
        pub const DATA_TYPE: u64 = 2;
        pub const FLOAT_DATA: u64 = 4;
        pub const NAME: u64 = 8;
        pub const RAW_DATA: u64 = 9;
        pub const DOUBLE_DATA: u64 = 10;
        pub const EXTERNAL_DATA: u64 = 13;
        pub const DATA_LOCATION: u64 = 14;
        /// Values of `DATA_TYPE`.
        pub const FLOAT: u64 = 1;
        pub const UINT8: u64 = 2;
        pub const FLOAT16: u64 = 10;
        pub const DOUBLE: u64 = 11;
        pub const BFLOAT16: u64 = 16;
    }
    pub mod value {
        pub const NAME: u64 = 1;
        pub const TYPE: u64 = 2;
        /// In `TypeProto`.
        pub const TENSOR_TYPE: u64 = 1;
        /// In `TypeProto.Tensor`.
        pub const ELEM_TYPE: u64 = 1;
        pub const SHAPE: u64 = 2;
        /// In `TensorShapeProto`.
        pub const DIM: u64 = 1;
        /// In `TensorShapeProto.Dimension`.
        pub const DIM_VALUE: u64 = 1;
        pub const DIM_PARAM: u64 = 2;
    }
}
