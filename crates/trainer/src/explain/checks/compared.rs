//! Checks that need the run's data: counts of labels, duplicates, a linear network and a range test.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use data::{DataSet, ImageDataset};
use experiment::{Backend, ClassWeights};

use super::evidence::{Evidence, standard_error};
use super::linear::{self, EPOCHS};
use super::{Checked, Code, Finding, Outcome, Text};
use crate::configs;
use crate::failure::Failure;
use crate::format::percent;
use crate::learner::range_test::{self, Point, Range};
use crate::notice::{Notice, Notify};
use crate::session::{self, Prepared};

/// A class with so many times the images of another makes them imbalanced.
const IMBALANCED: usize = 3;
/// A learning rate is far off by this factor.
const FAR: f64 = 10.0;
/// The rates that are tried, and in how many steps.
const RATES: Range = Range {
    from: 1e-6,
    to: 10.0,
    steps: 300,
};

/// What the checks need.
struct Material<'a> {
    run: &'a Evidence,
    prepared: Prepared,
    train: ImageDataset,
    held_out: ImageDataset,
}

type Check = fn(&Material) -> Result<Outcome, Failure>;

/// Makes the checks, except for those that are `muted`. Without the run's config or data, it says why they are not made.
///
/// # Errors
/// When `data_dir` has no data, or a training fails.
pub fn all(
    run: &Evidence,
    folder: &Path,
    data_dir: Option<&Path>,
    muted: &[Code],
    notify: Notify,
) -> Result<Checked, Failure> {
    let checks: [(Code, Check); 5] = [
        (Code::Linear, linear),
        (Code::Imbalanced, imbalanced),
        (Code::MissingClass, missing_class),
        (Code::LearningRate, learning_rate),
        (Code::Duplicates, duplicates),
    ];
    let wanted: Vec<(Code, Check)> = checks
        .into_iter()
        .filter(|(code, _)| !muted.contains(code))
        .collect();
    if wanted.is_empty() {
        return Ok(Checked::new());
    }
    let material = match material(run, folder, data_dir, notify) {
        Ok(material) => material,
        Err(failure) if data_dir.is_some() => return Err(failure),
        Err(failure) => {
            notify(Notice::Warning(failure.sentence()));
            let why = Text::new(
                "the run's data is not at hand: --data-dir",
                "os dados da execução não foram encontrados: --data-dir",
            );
            let not_made = |(code, _)| (code, Outcome::NotMade(why.clone()));
            return Ok(wanted.into_iter().map(not_made).collect());
        }
    };
    wanted
        .into_iter()
        .map(|(code, check)| Ok((code, check(&material)?)))
        .collect()
}

fn material<'a>(
    run: &'a Evidence,
    folder: &Path,
    data_dir: Option<&Path>,
    notify: Notify,
) -> Result<Material<'a>, Failure> {
    let set = configs::with_data_dir(&[], data_dir)?;
    let mut experiment = configs::of_run(folder, &set)?;
    experiment.backend = Backend::Flex;
    let prepared = session::prepare(experiment, None, notify)?;
    let (count, seed) = (
        prepared.experiment.data.validation,
        prepared.experiment.seed,
    );
    let (train, held_out) = prepared.data.split(count, seed)?;
    Ok(Material {
        run,
        prepared,
        train,
        held_out,
    })
}

/// Trains a network without hidden layers and compares it on the images that the run was measured on.
fn linear(material: &Material) -> Result<Outcome, Failure> {
    let Some(ours) = material.run.held_out() else {
        return Ok(Outcome::NotMade(Text::new(
            "the run has no accuracy on validation or test images",
            "a execução não tem acurácia em imagens de validação nem de teste",
        )));
    };
    if material.prepared.experiment.model.hidden.is_empty() {
        return Ok(Outcome::NotMade(Text::new(
            "the network has no hidden layers itself",
            "a própria rede não tem camadas ocultas",
        )));
    }
    let images = if ours.is_validation {
        &material.held_out
    } else {
        &material.prepared.data.test
    };
    let theirs = linear::accuracy(&material.prepared, &material.train, images)?;
    // The two are measured on the same images: chance drives them apart by less than this.
    if ours.accuracy > theirs + standard_error(theirs, images.len()) {
        return Ok(Outcome::Clear);
    }
    let (us, them, [en, pt]) = (ours.percent(), percent(theirs), ours.names());
    Ok(Outcome::Found(Finding {
        what: Text::new(
            format!(
                "no better than a linear network: {us} of the {en} images are right; without hidden layers, {EPOCHS} epochs get {them}"
            ),
            format!(
                "não é melhor que uma rede linear: a rede acerta {us} das imagens {pt}; sem camadas ocultas, {EPOCHS} épocas acertam {them}"
            ),
        ),
        advice: Text::new(
            "the hidden layers gain nothing yet: train longer, choose another learning rate (trainer find-lr), or use the \
             linear network (model.hidden = [])",
            "as camadas ocultas ainda não trazem ganho: treine mais, escolha outra taxa de aprendizado (trainer find-lr) ou \
             use a rede linear (model.hidden = [])",
        ),
        figures: vec![("accuracy", ours.accuracy), ("linear_accuracy", theirs)],
    }))
}

fn imbalanced(material: &Material) -> Result<Outcome, Failure> {
    let counts = material.train.label_counts();
    let present = || counts.iter().enumerate().filter(|(_, count)| **count > 0);
    let (Some((most, &largest)), Some((least, &smallest))) = (
        present().max_by_key(|(_, count)| **count),
        present().min_by_key(|(_, count)| **count),
    ) else {
        return Ok(Outcome::Clear);
    };
    let weighted = material.prepared.experiment.training.class_weights != ClassWeights::None;
    if largest < IMBALANCED * smallest || weighted {
        return Ok(Outcome::Clear);
    }
    let (most, least) = (
        name(&material.prepared.data, most),
        name(&material.prepared.data, least),
    );
    Ok(Outcome::Found(Finding {
        what: Text::new(
            format!(
                "the classes are imbalanced: \"{most}\" has {largest} training images, \"{least}\" {smallest}"
            ),
            format!(
                "as classes estão desbalanceadas: \"{most}\" tem {largest} imagens de treino, \"{least}\" {smallest}"
            ),
        ),
        advice: Text::new(
            "collect more of the rare ones or weigh them more (training.class_weights = \"balanced\"), and compare by \
             macro_f1 instead of accuracy",
            "reúna mais imagens das classes raras ou dê a elas mais peso (training.class_weights = \"balanced\") e compare \
             por macro_f1 em vez de acurácia",
        ),
        figures: vec![("largest", largest as f64), ("smallest", smallest as f64)],
    }))
}

fn missing_class(material: &Material) -> Result<Outcome, Failure> {
    let counts = material.train.label_counts();
    let missing: Vec<String> = (0..)
        .zip(&counts)
        .filter(|(_, count)| **count == 0)
        .map(|(class, _)| format!("\"{}\"", name(&material.prepared.data, class)))
        .collect();
    let Some(first) = missing.first() else {
        return Ok(Outcome::Clear);
    };
    let (number, of) = (missing.len(), counts.len());
    Ok(Outcome::Found(Finding {
        what: Text::new(
            format!("{number} of {of} classes have no training images: {first} is the first"),
            format!("{number} de {of} classes não têm imagens de treino: {first} é a primeira"),
        ),
        advice: Text::new(
            "a class that was never shown is never the answer: add images of it, or take it out of data.classes",
            "uma classe que nunca foi mostrada nunca será a resposta: inclua imagens dela ou tire-a de data.classes",
        ),
        figures: vec![("missing", number as f64), ("classes", of as f64)],
    }))
}

fn name(data: &DataSet, class: usize) -> &str {
    data.class_names.get(class).map_or("", String::as_str)
}

/// Makes a range test and compares the learning rate with its suggestion.
fn learning_rate(material: &Material) -> Result<Outcome, Failure> {
    let points = range_test::run(material.prepared.job(), material.train.clone(), RATES)?;
    let Some(suggestion) = range_test::suggestion(&points) else {
        return Ok(Outcome::NotMade(Text::new(
            "the loss did not fall at any learning rate that was tried",
            "a perda não caiu com nenhuma taxa de aprendizado testada",
        )));
    };
    let rate = material.prepared.experiment.optimizer.learning_rate();
    let factor = rate / suggestion;
    let is_near = (1.0 / FAR..=FAR).contains(&factor);
    if is_near || (factor > 1.0 && falls_further(&points, suggestion, rate)) {
        return Ok(Outcome::Clear);
    }
    let times = if factor > 1.0 { factor } else { 1.0 / factor };
    let (above, acima) = if factor > 1.0 {
        ("above", "acima")
    } else {
        ("below", "abaixo")
    };
    Ok(Outcome::Found(Finding {
        what: Text::new(
            format!(
                "the learning rate {rate:e} is {times:.0} times {above} the one at which the loss falls fastest, {suggestion:.1e}"
            ),
            format!(
                "a taxa de aprendizado {rate:e} está {times:.0} vezes {acima} daquela em que a perda cai mais rápido, {suggestion:.1e}"
            ),
        ),
        advice: Text::new(
            format!(
                "compare both: --set optimizer.learning_rate={suggestion:.1e} (trainer find-lr shows the curve)"
            ),
            format!(
                "compare as duas: --set optimizer.learning_rate={suggestion:.1e} (trainer find-lr mostra a curva)"
            ),
        ),
        figures: vec![("learning_rate", rate), ("suggestion", suggestion)],
    }))
}

/// Returns whether the loss at `rate` is lower than at `suggestion`, which is below it: a test of a few hundred steps
/// suggests too little where the loss falls fast and then on.
fn falls_further(points: &[Point], suggestion: f64, rate: f64) -> bool {
    let at = |rate: f64| points.iter().find(|point| point.rate >= rate);
    let losses = at(suggestion).zip(at(rate));
    losses.is_some_and(|(before, after)| after.smoothed < before.smoothed)
}

/// Looks for images that are in two of training, validation and test.
fn duplicates(material: &Material) -> Result<Outcome, Failure> {
    let parts = [
        &material.train,
        &material.held_out,
        &material.prepared.data.test,
    ];
    let mut first_seen: HashMap<&[u8], usize> = HashMap::new();
    let mut shared: HashSet<&[u8]> = HashSet::new();
    for (part, images) in parts.iter().enumerate() {
        for i in 0..images.len() {
            let image = images.image(i);
            if *first_seen.entry(image).or_insert(part) != part {
                shared.insert(image);
            }
        }
    }
    let count = shared.len();
    if count == 0 {
        return Ok(Outcome::Clear);
    }
    Ok(Outcome::Found(Finding {
        what: Text::new(
            format!("{count} images are in two of training, validation and test, byte by byte"),
            format!(
                "{count} imagens estão em mais de um dos conjuntos de treino, validação e teste, byte a byte"
            ),
        ),
        advice: Text::new(
            "what was seen in training tests nothing: remove them (trainer data audit lists them)",
            "o que foi visto no treino não testa nada: remova-as (trainer data audit lista quais são)",
        ),
        figures: vec![("images", count as f64)],
    }))
}
