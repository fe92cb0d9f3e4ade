//! A record's metadata: of what a file says, what a person says, and what is assumed.

use std::collections::HashSet;

use model::calibration::Calibration;
use model::record::{BURN_VERSION, FORMAT_VERSION, PIXEL_DIVISOR};
use model::{Activation, Architecture, Metadata, Output};

use crate::error::printable;
use crate::{About, ExchangeError, Network, chain};

/// Longest class name, in bytes, as in a record.
const MAX_CLASS_NAME: usize = 256;

/// What a person says about a file; it comes before what the file says.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// Name of the experiment to be.
    pub name: String,
    /// Name of every class, in label order.
    pub class_names: Option<Vec<String>>,
    /// Height and width in pixels.
    pub input: Option<[usize; 2]>,
    /// Of the hidden layers.
    pub activation: Option<Activation>,
}

/// Returns the metadata of a record of `network`, and in plain words what had to be assumed.
///
/// # Errors
/// When what the file or the person says does not fit the weights.
pub fn metadata(network: &Network, told: &Told) -> Result<(Metadata, Vec<String>), ExchangeError> {
    let about = &network.about;
    let mut assumed = Vec::new();
    let widths = chain::widths(&network.tensors);
    let inputs = widths.first().copied().unwrap_or_default();
    let input = input(about, told, inputs, &mut assumed)?;
    let activation = activation(about, told, widths.len() <= 2, &mut assumed);
    let output = about.output.unwrap_or(Output::Softmax);
    let architecture = chain::architecture(&network.tensors, input, activation, output)?;
    let class_names = class_names(about, told, &architecture, &mut assumed)?;
    let is_fashion = class_names == data::fashion_mnist::CLASS_NAMES;
    let dataset = match &about.dataset {
        Some(name) if name != data::fashion_mnist::NAME || fits_fashion(&architecture) => {
            name.clone()
        }
        None if is_fashion => data::fashion_mnist::NAME.into(),
        _ => told.name.clone(),
    };
    let metadata = Metadata {
        format: FORMAT_VERSION,
        architecture,
        class_names,
        pixel_divisor: PIXEL_DIVISOR,
        dataset,
        dataset_sha256: about.dataset_sha256.clone().unwrap_or_default(),
        experiment: told.name.clone(),
        test: None,
        calibration: calibration(about)?,
        unknown: None,
        preparation: None,
        burn: BURN_VERSION.to_string(),
    };
    Ok((metadata, assumed))
}

fn input(
    about: &About,
    told: &Told,
    inputs: usize,
    assumed: &mut Vec<String>,
) -> Result<[usize; 2], ExchangeError> {
    let fits = |[height, width]: [usize; 2]| height.checked_mul(width) == Some(inputs);
    if let Some([height, width]) = told.input {
        if fits([height, width]) {
            return Ok([height, width]);
        }
        return Err(ExchangeError::Unsupported {
            what: format!("images of {height}x{width} do not fit the network's {inputs} inputs"),
            hint: "say what does: --input HEIGHTxWIDTH",
        });
    }
    if let Some(input) = about.input.filter(|input| fits(*input)) {
        return Ok(input);
    }
    let side = inputs.isqrt();
    if side * side != inputs {
        return Err(ExchangeError::Unsupported {
            what: format!("the file does not say the height and width of {inputs} pixels"),
            hint: "say them: --input HEIGHTxWIDTH",
        });
    }
    let but = about.input.map_or(String::new(), |[height, width]| {
        format!(", and the file's {height}x{width} does not fit")
    });
    assumed.push(format!(
        "images of {side}x{side}, since the network has {inputs} inputs{but}"
    ));
    Ok([side, side])
}

fn activation(
    about: &About,
    told: &Told,
    is_linear: bool,
    assumed: &mut Vec<String>,
) -> Activation {
    told.activation.or(about.activation).unwrap_or_else(|| {
        if !is_linear {
            assumed.push("activation relu; --activation NAME says otherwise".into());
        }
        Activation::Relu
    })
}

/// Returns whether a network takes images of Fashion-MNIST's size and has as many classes.
fn fits_fashion(architecture: &Architecture) -> bool {
    let size = [1, data::fashion_mnist::HEIGHT, data::fashion_mnist::WIDTH];
    architecture.input() == size && architecture.classes() == data::fashion_mnist::CLASS_NAMES.len()
}

fn calibration(about: &About) -> Result<Option<Calibration>, ExchangeError> {
    match about.calibration {
        Some(calibration) if !calibration.is_valid() => Err(ExchangeError::About {
            key: "calibration",
            reason: "its numbers are none that a calibration comes to".into(),
        }),
        calibration => Ok(calibration),
    }
}

fn class_names(
    about: &About,
    told: &Told,
    architecture: &Architecture,
    assumed: &mut Vec<String>,
) -> Result<Vec<String>, ExchangeError> {
    let classes = architecture.classes();
    if let Some(names) = &told.class_names {
        let wrong = |reason| ExchangeError::Unsupported {
            what: format!("the names of the classes cannot be used: {reason}"),
            hint: "name every class once, in the order of the labels: --classes A,B,...",
        };
        check_names(names, classes).map_err(wrong)?;
        return Ok(names.clone());
    }
    let mut but = String::new();
    if let Some(names) = &about.class_names {
        match check_names(names, classes) {
            Ok(()) => return Ok(names.clone()),
            Err(reason) => but = format!(", since the file's cannot be used: {reason}"),
        }
    }
    if fits_fashion(architecture) {
        assumed.push(format!(
            "the classes of Fashion-MNIST, since 28x28 pixels and {classes} outputs fit{but}; \
             --classes A,B,... says otherwise"
        ));
        return Ok(data::fashion_mnist::CLASS_NAMES.map(String::from).to_vec());
    }
    assumed.push(format!(
        "numbers for class names{but}; --classes A,B,... says otherwise"
    ));
    Ok((0..classes).map(|class| class.to_string()).collect())
}

/// Checks that there is one usable name for each class; returns what is wrong with them.
fn check_names(names: &[String], classes: usize) -> Result<(), String> {
    if names.len() != classes {
        return Err(format!("{} names for {classes} outputs", names.len()));
    }
    let mut known = HashSet::new();
    for name in names {
        let is_printable = !name.chars().any(char::is_control);
        if name.is_empty() || name.len() > MAX_CLASS_NAME || !is_printable {
            let name = printable(name);
            return Err(format!("\"{name}\" is empty, too long or unprintable"));
        }
        if !known.insert(name) {
            return Err(format!("\"{name}\" is there twice"));
        }
    }
    Ok(())
}
