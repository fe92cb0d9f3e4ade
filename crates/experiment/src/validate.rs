//! Checks of keys against each other and against the data.

use data::fashion_mnist::{CLASS_NAMES, HEIGHT, WIDTH};

use crate::document::Document;
use crate::{ClassWeights, ConfigError, Decay, Experiment, Source, load};

/// Checks keys against each other, and the limits of the network.
///
/// The network is checked with Fashion-MNIST's sizes; the real data set is checked later.
pub(crate) fn between_keys(
    experiment: &Experiment,
    document: &Document,
) -> Result<(), ConfigError> {
    let Experiment {
        training,
        schedule,
        data,
        ..
    } = experiment;
    if schedule.warmup_epochs >= training.epochs as f64 {
        let (warmup, epochs) = (schedule.warmup_epochs, training.epochs);
        let message =
            format!("`schedule.warmup_epochs` is {warmup:?}, but `training.epochs` is {epochs}");
        return Err(ConfigError::new(message)
            .at(document.blame(&[("schedule", "warmup_epochs"), ("training", "epochs")]))
            .hint("the warm-up must end before the last epoch does"));
    }
    if let Some(watcher) = Watcher::of(experiment)
        && data.lacks_validation()
    {
        let what = watcher.what;
        return Err(ConfigError::new(format!(
            "{what} watches the validation images, but `data.validation` is 0"
        ))
        .at(document.blame(&[("data", "validation"), watcher.key]))
        .hint(format!(
            "set `data.validation`, for example to 5000, or {}",
            watcher.instead
        )));
    }
    let classes = data.classes.as_ref().map_or(CLASS_NAMES.len(), Vec::len);
    let network = experiment.architecture([1, HEIGHT, WIDTH], classes);
    network.validate().map_err(|error| {
        // Every key's own range was checked: only too many layers or parameters are left.
        ConfigError::new(error.to_string())
            .at(document.blame(&[("model", "hidden")]))
            .hint("use fewer or smaller hidden layers")
    })
}

/// What of an experiment needs validation images.
struct Watcher {
    /// What it is, for a message.
    what: &'static str,
    /// Table and key that ask for it.
    key: (&'static str, &'static str),
    /// What to do without validation images.
    instead: &'static str,
}

impl Watcher {
    /// Returns the first that `experiment` has.
    fn of(experiment: &Experiment) -> Option<Self> {
        if experiment.early_stopping.is_some() {
            return Some(Self {
                what: "early stopping",
                key: ("", "early_stopping"),
                instead: "remove [early_stopping]",
            });
        }
        matches!(experiment.schedule.decay, Decay::Plateau { .. }).then_some(Self {
            what: "the schedule `plateau`",
            key: ("schedule", "name"),
            instead: "choose another schedule",
        })
    }
}

impl Experiment {
    /// Checks an experiment that was not loaded from a file, by the same rules.
    ///
    /// # Errors
    /// The first mistake found.
    pub fn check(&self) -> Result<(), ConfigError> {
        let unwritable = |error: toml::ser::Error| ConfigError::new(error.to_string());
        let source = Source {
            label: self.name.clone(),
            text: self.to_toml().map_err(unwritable)?,
        };
        load(source, &[])
            .map(drop)
            .map_err(ConfigError::without_place)
    }

    /// Checks what depends on the number of training images, of those that the files set aside for validation, and of
    /// classes.
    ///
    /// # Errors
    /// When the validation split leaves no images, a batch would need more images than there are, early stopping or
    /// the schedule has none to watch, or the weights of the classes are not one for each.
    pub fn check_data(
        &self,
        train_images: usize,
        set_aside: usize,
        classes: usize,
    ) -> Result<(), ConfigError> {
        if let ClassWeights::Of(weights) = &self.training.class_weights
            && weights.len() != classes
        {
            let message = format!(
                "`training.class_weights` has {}, but there are {classes} classes",
                weights.len()
            );
            return Err(ConfigError::new(message)
                .hint("give one weight for each class, in the order of the labels"));
        }
        if train_images == 0 {
            return Err(ConfigError::new("the data set has no training images")
                .hint("check the folder `data.dir`"));
        }
        let held_out = self.data.validation;
        let left = train_images.saturating_sub(held_out);
        if left == 0 {
            let message =
                format!("`data.validation` holds out {held_out} of {train_images} training images");
            return Err(
                ConfigError::new(message).hint(format!("hold out 0 to {}", train_images - 1))
            );
        }
        if let Some(Watcher { what, instead, .. }) = Watcher::of(self)
            && held_out == 0
            && set_aside == 0
        {
            return Err(ConfigError::new(format!(
                "{what} watches the validation images, but `data.validation` is 0, and the files have none"
            ))
            .hint(format!(
                "set `data.validation` to a tenth of the images, or {instead}"
            )));
        }
        let batch = self.training.batch_size;
        if batch > left {
            let message = format!(
                "`training.batch_size` is {batch}, but there are {left} images to train on"
            );
            return Err(ConfigError::new(message).hint(format!("use 1 to {left}")));
        }
        Ok(())
    }
}
