//! Checks of the figures that a run has.

use super::evidence::{Evidence, HeldOut, standard_error};
use super::{Finding, Outcome, Text};
use crate::format::percent;

/// A larger gap between training and held-out accuracy is memorising.
const GAP: f64 = 0.05;
/// A smaller one is underfitting.
const NO_GAP: f64 = 0.005;
/// With this training accuracy there is little left to learn.
const LEARNT: f64 = 0.98;
/// Half a 95 % interval of a validation accuracy may be as wide as this.
const WIDE: f64 = 0.02;
/// Largest calibration error.
const CALIBRATED: f64 = 0.05;
/// Standard errors in half a 95 % interval.
const HALF_INTERVAL: f64 = 1.96;

pub fn memorising(run: &Evidence) -> Outcome {
    let (Some(trained), Some(held_out)) = (run.trained(), run.held_out()) else {
        return Outcome::NotMade(no_gap());
    };
    let is_wide = |trained: f64, held_out: HeldOut| {
        trained - held_out.accuracy > GAP.max(3.0 * held_out.error())
    };
    let at_end = run.at_end().filter(|(t, h)| is_wide(*t, *h));
    let ([en_when, pt_when], trained, held_out) = match at_end {
        _ if is_wide(trained, held_out) => ([String::new(), String::new()], trained, held_out),
        Some((trained, held_out)) => (later(run), trained, held_out),
        None => return Outcome::Clear,
    };
    let gap = trained - held_out.accuracy;
    let (train, other, [en, pt]) = (percent(trained), held_out.percent(), held_out.names());
    Outcome::Found(Finding {
        what: Text::new(
            format!(
                "{train} of the training images are right, but {other} of the {en} images{en_when}"
            ),
            format!(
                "a rede acerta {train} das imagens de treino, mas {other} das imagens {pt}{pt_when}"
            ),
        ),
        advice: Text::new(
            "give it more images, hold some out and stop early (configs/validated.toml), or set model.dropout or \
             augmentation.shift",
            "use mais imagens, separe algumas para validação com parada antecipada (configs/validated.toml), ou ajuste \
             model.dropout ou augmentation.shift",
        ),
        figures: vec![
            ("training_accuracy", trained),
            ("held_out_accuracy", held_out.accuracy),
            ("gap", gap),
        ],
    })
}

/// Returns, in both languages, that a gap opened after the epoch whose weights were kept.
fn later(run: &Evidence) -> [String; 2] {
    let best = run.manifest.best_epoch.unwrap_or_default();
    let last = run.epochs.last().map_or(0, |epoch| epoch.epoch);
    [
        format!(" after epoch {last}; the weights of epoch {best} were kept"),
        format!(" depois da época {last}; ficaram os pesos da época {best}"),
    ]
}

pub fn underfitting(run: &Evidence) -> Outcome {
    let (Some(trained), Some(held_out)) = (run.trained(), run.held_out()) else {
        return Outcome::NotMade(no_gap());
    };
    let gap = trained - held_out.accuracy;
    if gap >= NO_GAP || trained >= LEARNT {
        return Outcome::Clear;
    }
    let (train, other, [en, pt]) = (percent(trained), held_out.percent(), held_out.names());
    Outcome::Found(Finding {
        what: Text::new(
            format!(
                "{train} of the training images are right, no more than of the {en} images ({other})"
            ),
            format!(
                "a rede acerta {train} das imagens de treino, não mais que das imagens {pt} ({other})"
            ),
        ),
        advice: Text::new(
            "there is more to learn: train for more epochs, with a larger network, or at another learning rate \
             (trainer find-lr)",
            "ainda há o que aprender: treine por mais épocas, com uma rede maior ou com outra taxa de aprendizado \
             (trainer find-lr)",
        ),
        figures: vec![
            ("training_accuracy", trained),
            ("held_out_accuracy", held_out.accuracy),
            ("gap", gap),
        ],
    })
}

fn no_gap() -> Text {
    Text::new(
        "it needs the accuracy on training images, without dropout or augmentation, and on others",
        "é preciso a acurácia nas imagens de treino, sem dropout nem aumento de dados, e em outras",
    )
}

pub fn majority(run: &Evidence) -> Outcome {
    let Some(table) = &run.tested else {
        return Outcome::NotMade(Text::new(
            "the run has no predictions for test images",
            "a execução não tem previsões para imagens de teste",
        ));
    };
    let predictions = &table.predictions;
    let images = predictions.len();
    let mut counts = vec![0usize; predictions.classes];
    for &label in &predictions.labels {
        if let Some(count) = counts.get_mut(usize::from(label)) {
            *count += 1;
        }
    }
    let most = counts.iter().copied().enumerate().max_by_key(|(_, n)| *n);
    let (class, count) = most.unwrap_or_default();
    let share = count as f64 / images.max(1) as f64;
    let right = |i: &usize| {
        let label = predictions.labels.get(*i).copied().map(usize::from);
        Some(predictions.top(*i).0) == label
    };
    let accuracy = (0..images).filter(right).count() as f64 / images.max(1) as f64;
    if accuracy > share + 2.0 * standard_error(share, images) {
        return Outcome::Clear;
    }
    let name = table.class_names.get(class).map_or("", String::as_str);
    let (ours, theirs) = (percent(accuracy), percent(share));
    Outcome::Found(Finding {
        what: Text::new(
            format!(
                "no better than always the same answer: {ours} of the test images are right; always \"{name}\" gets {theirs}"
            ),
            format!(
                "não é melhor que responder sempre o mesmo: a rede acerta {ours} das imagens de teste; sempre \"{name}\" acerta {theirs}"
            ),
        ),
        advice: Text::new(
            "nothing was learnt: look at the images and labels (trainer data audit) and at the learning rate (trainer \
             find-lr)",
            "nada foi aprendido: confira imagens e rótulos (trainer data audit) e a taxa de aprendizado (trainer find-lr)",
        ),
        figures: vec![("accuracy", accuracy), ("majority", share)],
    })
}

pub fn best_is_last(run: &Evidence) -> Outcome {
    let Some(best) = run.manifest.best_epoch else {
        return Outcome::NotMade(no_validation());
    };
    let last = run.epochs.last().map_or(0, |epoch| epoch.epoch);
    if best < last || last < 2 {
        return Outcome::Clear;
    }
    let more = 2 * last;
    Outcome::Found(Finding {
        what: Text::new(
            format!(
                "the best epoch is the last one, {last}: the validation images were still getting better"
            ),
            format!(
                "a melhor época é a última, {last}: o resultado nas imagens de validação ainda melhorava"
            ),
        ),
        advice: Text::new(
            format!("train it further: trainer resume RUN --set training.epochs={more}"),
            format!("continue o treino: trainer resume RUN --set training.epochs={more}"),
        ),
        figures: vec![("best_epoch", best as f64), ("epochs", last as f64)],
    })
}

pub fn small_validation(run: &Evidence) -> Outcome {
    let Some(held_out) = run.held_out().filter(|held_out| held_out.is_validation) else {
        return Outcome::NotMade(no_validation());
    };
    let half = HALF_INTERVAL * held_out.error();
    if half <= WIDE {
        return Outcome::Clear;
    }
    let images = held_out.images;
    let points = format!("{:.1}", 100.0 * half);
    let share = held_out.accuracy;
    let needed = (share * (1.0 - share) * (HALF_INTERVAL / WIDE).powi(2)).ceil();
    Outcome::Found(Finding {
        what: Text::new(
            format!(
                "with {images} validation images, chance alone moves the accuracy by {points} points either way: closer results cannot be told apart"
            ),
            format!(
                "com {images} imagens de validação, só o acaso move a acurácia em {points} pontos para mais ou para menos: resultados mais próximos não se distinguem"
            ),
        ),
        advice: Text::new(
            format!(
                "hold out {needed} images or more (data.validation) or compare several seeds (trainer sweep)"
            ),
            format!(
                "separe {needed} imagens ou mais (data.validation) ou compare várias sementes (trainer sweep)"
            ),
        ),
        figures: vec![
            ("images", images as f64),
            ("accuracy", share),
            ("half_interval", half),
        ],
    })
}

fn no_validation() -> Text {
    Text::new(
        "the run has no validation images",
        "a execução não tem imagens de validação",
    )
}

pub fn calibration(run: &Evidence) -> Outcome {
    let test = run.manifest.test.as_ref();
    let Some(error) = test.and_then(|test| test.calibrated_ece.or(test.ece)) else {
        return Outcome::NotMade(Text::new(
            "the run was not evaluated on test images",
            "a execução não foi avaliada em imagens de teste",
        ));
    };
    if error <= CALIBRATED {
        return Outcome::Clear;
    }
    let points = format!("{:.1}", 100.0 * error);
    Outcome::Found(Finding {
        what: Text::new(
            format!(
                "the probabilities are {points} points off, on average, from the share of answers that are right"
            ),
            format!(
                "as probabilidades diferem em média {points} pontos da proporção de respostas certas"
            ),
        ),
        advice: Text::new(
            "hold images out, by which they are calibrated: --set data.validation=5000",
            "separe imagens para calibrá-las: --set data.validation=5000",
        ),
        figures: vec![("calibration_error", error)],
    })
}
