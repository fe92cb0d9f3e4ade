//! The shape of a convolutional network: the plain one, its limits, widths and layers.

use super::CnnConfig;
use crate::config::{
    Activation, ConfigError, Init, MAX_CLASSES, MAX_LAYERS, MAX_PARAMETERS, MAX_VALUES, MAX_WIDTH,
    Output,
};
use crate::mlp;
use crate::network::{FirstLayer, LayerSummary};
use crate::tensor::Tensor;

impl CnnConfig {
    /// Returns the plain network for `input` = (channels, height, width): two blocks of 32 and 64 channels, a hidden
    /// layer of 128, ReLU, softmax, Glorot weights.
    pub fn plain(input: [usize; 3], classes: usize) -> Self {
        Self {
            input,
            channels: vec![32, 64],
            convolutions: 1,
            kernel: 3,
            global_average: false,
            hidden: vec![128],
            classes,
            activation: Activation::Relu,
            output: Output::Softmax,
            dropout: 0.0,
            init: Init::GlorotUniform,
        }
    }

    /// Checks every limit; later code does not check again.
    ///
    /// # Errors
    /// The first limit that is exceeded.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let [channels, height, width] = self.input;
        if !(1..=MAX_WIDTH).contains(&height) || !(1..=MAX_WIDTH).contains(&width) {
            return Err(ConfigError::Input(height, width));
        }
        if ![1, 3].contains(&channels) {
            return Err(ConfigError::Channels(channels));
        }
        if ![3, 5].contains(&self.kernel) {
            return Err(ConfigError::Kernel(self.kernel));
        }
        let blocks = self.channels.len();
        let count = blocks.saturating_mul(self.convolutions);
        if !(1..=MAX_LAYERS).contains(&count) {
            return Err(ConfigError::Convolutions(count));
        }
        let side = height.min(width);
        if side.checked_shr(blocks as u32).unwrap_or(0) == 0 {
            return Err(ConfigError::Blocks {
                blocks,
                height,
                width,
            });
        }
        if let Some(&bad) = self.channels.iter().find(|c| !(1..=MAX_WIDTH).contains(*c)) {
            return Err(ConfigError::Width(bad));
        }
        if self.values().is_none_or(|values| values > MAX_VALUES) {
            return Err(ConfigError::Values);
        }
        self.validate_dense()
    }

    fn validate_dense(&self) -> Result<(), ConfigError> {
        if self.hidden.len() > MAX_LAYERS {
            return Err(ConfigError::Layers(self.hidden.len()));
        }
        if let Some(&bad) = self.hidden.iter().find(|h| !(1..=MAX_WIDTH).contains(*h)) {
            return Err(ConfigError::Width(bad));
        }
        if !(2..=MAX_CLASSES).contains(&self.classes) {
            return Err(ConfigError::Classes(self.classes));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(ConfigError::Dropout(self.dropout));
        }
        match self.parameters() {
            Some(count) if count <= MAX_PARAMETERS => Ok(()),
            _ => Err(ConfigError::Parameters),
        }
    }

    /// Returns channels in and out of every convolution, first to last.
    pub fn convolution_shapes(&self) -> Vec<[usize; 2]> {
        let [mut inputs, ..] = self.input;
        let mut shapes = Vec::new();
        for &outputs in &self.channels {
            for _ in 0..self.convolutions {
                shapes.push([inputs, outputs]);
                inputs = outputs;
            }
        }
        shapes
    }

    /// Returns height and width after so many blocks: each halves them, rounded down.
    fn size(&self, blocks: usize) -> [usize; 2] {
        let [_, height, width] = self.input;
        [height, width].map(|side| side.checked_shr(blocks as u32).unwrap_or(0))
    }

    /// Returns the number of values that dense layers see.
    fn features(&self) -> usize {
        let [height, width] = if self.global_average {
            [1, 1]
        } else {
            self.size(self.channels.len())
        };
        let last = self.channels.last().copied().unwrap_or(0);
        last.saturating_mul(height).saturating_mul(width)
    }

    /// Returns the number of values of an image between all convolutions, or `None` if it does not fit a `usize`.
    fn values(&self) -> Option<usize> {
        self.channels
            .iter()
            .enumerate()
            .try_fold(0usize, |sum, (block, channels)| {
                let [height, width] = self.size(block);
                let one = height.checked_mul(width)?.checked_mul(*channels)?;
                sum.checked_add(one.checked_mul(self.convolutions)?)
            })
    }

    /// Returns the widths of the dense layers, from what the convolutions give to the classes.
    pub fn widths(&self) -> Vec<usize> {
        [&[self.features()], &self.hidden[..], &[self.classes]].concat()
    }

    /// Returns the number of weights and biases, or `None` if it does not fit a `usize`.
    pub fn parameters(&self) -> Option<usize> {
        let taps = self.kernel.checked_mul(self.kernel)?;
        let convolutions = self.convolution_shapes().into_iter();
        let convolutions =
            convolutions.map(|[inputs, outputs]| [taps.saturating_mul(inputs), outputs]);
        let widths = self.widths();
        let layers = convolutions.chain(widths.array_windows().copied());
        layers.into_iter().try_fold(0usize, |sum, [i, o]| {
            sum.checked_add(i.checked_mul(o)?.checked_add(o)?)
        })
    }

    /// Returns the network as text: `28x28x1 -> 32 -> 64 -> 3136 -> 128 -> 10`.
    pub fn chain(&self) -> String {
        let [channels, height, width] = self.input;
        let convolutions = self
            .convolution_shapes()
            .into_iter()
            .map(|[_, outputs]| outputs);
        let widths: Vec<String> = convolutions
            .chain(self.widths())
            .map(|w| w.to_string())
            .collect();
        format!("{height}x{width}x{channels} -> {}", widths.join(" -> "))
    }

    /// Returns the layers in the order the data flows.
    pub fn summary(&self) -> Vec<LayerSummary> {
        let mut layers = Vec::new();
        let mut shapes = self.convolution_shapes().into_iter();
        for (block, &channels) in self.channels.iter().enumerate() {
            let [height, width] = self.size(block);
            for [inputs, outputs] in shapes.by_ref().take(self.convolutions) {
                let weights = self.kernel * self.kernel * inputs * outputs;
                layers.push(LayerSummary {
                    kind: "Conv2D",
                    output: vec![height, width, outputs],
                    parameters: weights + outputs,
                    multiply_adds: weights * height * width,
                });
                layers.push(plain(self.activation.name(), vec![height, width, outputs]));
            }
            let [height, width] = self.size(block + 1);
            layers.push(plain("MaxPooling2D", vec![height, width, channels]));
        }
        let flat = if self.global_average {
            "GlobalAveragePooling2D"
        } else {
            "Flatten"
        };
        layers.push(plain(flat, vec![self.features()]));
        layers.extend(mlp::dense_summary(
            &self.widths(),
            [self.activation.name(), self.output.name()],
            self.dropout,
        ));
        layers
    }

    /// Returns the first layer of the network with these `tensors`. Weights are `[kernel, kernel, in, out]`, row-major.
    pub(crate) fn first_layer<'a>(&self, tensors: &'a [Tensor]) -> Option<FirstLayer<'a>> {
        let [inputs, outputs] = *self.convolution_shapes().first()?;
        Some(FirstLayer {
            neurons: outputs,
            size: [self.kernel, self.kernel],
            is_output: false,
            values: &tensors.first()?.values,
            strides: [1, inputs * outputs],
        })
    }
}

/// Returns a layer without weights.
fn plain(kind: &'static str, output: Vec<usize>) -> LayerSummary {
    LayerSummary {
        kind,
        output,
        parameters: 0,
        multiply_adds: 0,
    }
}
