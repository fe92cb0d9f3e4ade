//! `trainer explain step`

use std::io::Write;

use model::{Architecture, Loss};

use super::{Opened, called, language};
use crate::cli::ExplainStepArgs;
use crate::commands::{table, terminal};
use crate::explain::step::{self, Moved, Step, Trial};
use crate::explain::{Language, Subject};
use crate::failure::Failure;
use crate::saved;

/// A cost that falls by less than this share has hardly changed.
const HARDLY: f64 = 0.05;

/// Takes one step of gradient descent on a test image and prints what it does. Nothing is saved.
///
/// # Errors
/// When the run or the test image is not found, or the rate is none (exit code 2).
pub fn run(args: &ExplainStepArgs) -> Result<(), Failure> {
    let opened = Opened::new(&args.run, &args.common)?;
    let language = language(&args.common);
    let data = opened.data()?;
    let subject = opened.test_image(&data, args.test)?;
    let record = &opened.saved.record;
    let experiment = saved::experiment_of(&opened.saved);
    let step = step::of(record, experiment.as_ref(), &data, &subject, args.rate)?;
    if args.common.output.json {
        return Ok(terminal::json(&step)?);
    }
    let print = Print {
        step: &step,
        language,
        classes: &record.metadata.class_names,
        architecture: &record.metadata.architecture,
    };
    print.all(&subject)
}

struct Print<'a> {
    step: &'a Step,
    language: Language,
    classes: &'a [String],
    architecture: &'a Architecture,
}

impl Print<'_> {
    fn all(&self, subject: &Subject) -> Result<(), Failure> {
        let (step, language) = (self.step, self.language);
        let mut out = terminal::out();
        let label = self.classes.get(step.label).map_or("", String::as_str);
        let name = called(subject, language);
        let right = language.pick("true label", "rótulo correto");
        writeln!(out, "{name}, {right}: {label}")?;
        let gradient = language.pick(
            "length of the gradient of its cost, over all weights and biases",
            "norma do gradiente do seu custo, sobre todos os pesos e vieses",
        );
        writeln!(
            out,
            "{gradient} ({}): {:.4}\n",
            step.parameters, step.gradient
        )?;
        let [before, after] = step.cost;
        let cost = match step.loss {
            Loss::CrossEntropy => language.pick("cross-entropy", "entropia cruzada"),
            Loss::Quadratic => language.pick("quadratic cost", "custo quadrático"),
        };
        let text = language.pick(
            "after one step at learning rate",
            "depois de um passo com taxa de aprendizado",
        );
        let verdict = if after < before {
            language.pick("lower", "menor")
        } else {
            language.pick(
                "higher: the step was too large",
                "maior: o passo foi grande demais",
            )
        };
        let rate = step.rate;
        writeln!(
            out,
            "{cost}: {before:.4}; {text} {rate}: {after:.4} ({verdict})\n"
        )?;
        self.outputs(&mut out)?;
        self.moved(&mut out)?;
        self.trials(&mut out)
    }

    fn outputs(&self, out: &mut impl Write) -> Result<(), Failure> {
        let header = self
            .language
            .pick(["output", "before", "after"], ["saída", "antes", "depois"]);
        let [before, after] = &self.step.outputs;
        let both = self.classes.iter().zip(before.iter().zip(after));
        let rows: Vec<Vec<String>> = both
            .map(|(class, (before, after))| {
                vec![class.clone(), format!("{before:.4}"), format!("{after:.4}")]
            })
            .collect();
        table::write(out, &header, &[], &rows)?;
        Ok(writeln!(out)?)
    }

    fn moved(&self, out: &mut impl Write) -> Result<(), Failure> {
        let header = self.language.pick(
            ["weights that moved most", "before", "after", "moved by"],
            ["pesos que mais mudaram", "antes", "depois", "mudança"],
        );
        let row = |moved: &Moved| {
            let [before, after] = moved.value;
            vec![
                self.place(moved),
                format!("{before:+.6}"),
                format!("{after:+.6}"),
                format!("{:+.6}", after - before),
            ]
        };
        let rows: Vec<Vec<String>> = self.step.moved.iter().map(row).collect();
        table::write(out, &header, &[], &rows)?;
        Ok(writeln!(out)?)
    }

    /// Returns in words where a weight is.
    fn place(&self, moved: &Moved) -> String {
        let language = self.language;
        let (architecture, tensors) = (self.architecture, self.architecture.tensors());
        let [channels, _, width] = architecture.input();
        let is_output = |tensor: &str| {
            let last = tensors.last().and_then(|last| last.name.rsplit_once('.'));
            last.map(|(layer, _)| layer) == tensor.rsplit_once('.').map(|(layer, _)| layer)
        };
        let parts: Vec<&str> = moved.tensor.split('.').collect();
        let ["layers", layer, kind] = parts[..] else {
            return format!("{} {:?}", moved.tensor, moved.index);
        };
        let layer: usize = layer.parse().unwrap_or_default();
        let neuron = moved.index.last().copied().unwrap_or_default();
        let to = match self
            .classes
            .get(neuron)
            .filter(|_| is_output(&moved.tensor))
        {
            Some(class) => format!("\"{class}\""),
            None => language.pick(format!("neuron {neuron}"), format!("neurônio {neuron}")),
        };
        let from = match moved.index.first() {
            _ if kind == "bias" => language.pick("bias".into(), "viés".into()),
            Some(pixel) if layer == 0 && channels == 1 => {
                let [row, column] = [pixel / width, pixel % width];
                language.pick(
                    format!("pixel at row {row}, column {column}"),
                    format!("pixel na linha {row}, coluna {column}"),
                )
            }
            Some(input) if layer == 0 => {
                language.pick(format!("value {input}"), format!("valor {input}"))
            }
            from => {
                let input = from.copied().unwrap_or_default();
                language.pick(format!("neuron {input}"), format!("neurônio {input}"))
            }
        };
        let at = language.pick("layer", "camada");
        format!("{at} {}: {from} -> {to}", layer + 1)
    }

    fn trials(&self, out: &mut impl Write) -> Result<(), Failure> {
        let (count, [others, _]) = self.step.others;
        let header = self.language.pick(
            [
                "learning rate".into(),
                "its cost".into(),
                format!("mean cost of {count} training images"),
                String::new(),
            ],
            [
                "taxa de aprendizado".into(),
                "seu custo".into(),
                format!("custo médio de {count} imagens de treino"),
                String::new(),
            ],
        );
        let [before, _] = self.step.cost;
        let none = self.language.pick("no step", "sem passo");
        let mut rows = vec![vec![
            none.to_string(),
            format!("{before:.4}"),
            format!("{others:.4}"),
            String::new(),
        ]];
        rows.extend(self.step.trials.iter().map(|trial| {
            vec![
                trial.rate.to_string(),
                format!("{:.4}", trial.cost),
                format!("{:.4}", trial.others),
                self.verdict(trial).to_string(),
            ]
        }));
        let header: Vec<&str> = header.iter().map(String::as_str).collect();
        table::write(out, &header, &[3], &rows)?;
        Ok(())
    }

    /// Returns what a step at another rate does.
    fn verdict(&self, trial: &Trial) -> &'static str {
        let ([before, _], (_, [others, _])) = (self.step.cost, self.step.others);
        if trial.cost > before {
            self.language
                .pick("the cost rises: too large", "o custo sobe: grande demais")
        } else if trial.others > others {
            self.language.pick(
                "this picture gains, the others lose",
                "esta imagem ganha, as outras perdem",
            )
        } else if before - trial.cost < HARDLY * before {
            self.language.pick("hardly any change", "quase nada muda")
        } else {
            ""
        }
    }
}
