//! `trainer explain answer`

use std::io::Write;

use super::{Opened, called, language, write_picture};
use crate::cli::ExplainAnswerArgs;
use crate::commands::{table, terminal};
use crate::explain::answer::{self, Hidden, Occlusion, Reasons, Titles};
use crate::explain::{Language, Subject};
use crate::failure::Failure;
use crate::format::percent;

/// Classes that are listed.
const CLASSES: usize = 3;

/// Prints why a network gives its answer to a picture, and draws it if asked to.
///
/// # Errors
/// When the run, its data or the picture is not found, or the drawing cannot be written.
pub fn run(args: &ExplainAnswerArgs) -> Result<(), Failure> {
    let opened = Opened::new(&args.run, &args.common)?;
    let language = language(&args.common);
    let data = opened.data()?;
    let subject = match args.picture.test {
        Some(number) => opened.test_image(&data, number)?,
        None => opened.picture(&args.picture)?,
    };
    let inference = opened.inference()?;
    let reasons = answer::of(&opened.saved.record, &inference, &data.train, &subject)?;
    if let Some(out) = &args.out {
        let titles = titles(&reasons, &subject, language);
        let png = reasons.png(&titles, &subject, &data.train)?;
        write_picture(out, &png, opened.messages)?;
    }
    if args.common.output.json {
        return Ok(terminal::json(&reasons)?);
    }
    print(&reasons, &subject, language)
}

/// Returns the answer as a sentence.
fn sentence(reasons: &Reasons, subject: &Subject, language: Language) -> String {
    let (name, class) = (called(subject, language), &reasons.name);
    let p = reasons.probabilities.get(reasons.class).copied();
    let p = percent(p.unwrap_or_default().into());
    let label = reasons
        .label
        .and_then(|label| reasons.class_names.get(label));
    let verdict = match label {
        Some(label) if label == class => {
            language.pick(", which is right".into(), ", o que está certo".into())
        }
        Some(label) => language.pick(
            format!("; the true label is {label}"),
            format!("; o rótulo correto é {label}"),
        ),
        None => String::new(),
    };
    format!("{name}: {class} ({p}){verdict}")
}

fn titles(reasons: &Reasons, subject: &Subject, language: Language) -> Titles {
    Titles {
        heading: sentence(reasons, subject, language),
        picture: called(subject, language),
        occlusion: language
            .pick("what the answer depends on", "de que depende a resposta")
            .into(),
        nearest: language
            .pick("training image {}", "imagem de treino {}")
            .into(),
    }
}

fn print(reasons: &Reasons, subject: &Subject, language: Language) -> Result<(), Failure> {
    let mut out = terminal::out();
    writeln!(out, "{}", sentence(reasons, subject, language))?;
    if reasons.unknown == Some(true) {
        let text = language.pick(
            "unlike the training images: unknown",
            "diferente das imagens de treino: desconhecida",
        );
        writeln!(out, "{text}")?;
    }
    let both = reasons.class_names.iter().zip(&reasons.probabilities);
    let mut classes: Vec<(&String, &f32)> = both.collect();
    classes.sort_by(|a, b| b.1.total_cmp(a.1));
    for (class, p) in classes.into_iter().take(CLASSES) {
        writeln!(out, "  {class:<16} {p:.4}")?;
    }
    writeln!(out, "\n{}", occlusion(&reasons.occlusion, language))?;
    if let Some(hidden) = &reasons.hidden {
        print_hidden(&mut out, hidden, &reasons.name, language)?;
    }
    print_nearest(&mut out, reasons, language)
}

fn occlusion(map: &Occlusion, language: Language) -> String {
    let [row, column] = map.worst;
    let (cover, fall) = (map.cover, map.worst_fall);
    language.pick(
        format!(
            "covering {cover}x{cover} pixels hurts most at row {row}, column {column}: the probability falls by {fall:.4}"
        ),
        format!(
            "cobrir {cover}x{cover} pixels prejudica mais na linha {row}, coluna {column}: a probabilidade cai {fall:.4}"
        ),
    )
}

fn print_nearest(
    out: &mut impl Write,
    reasons: &Reasons,
    language: Language,
) -> Result<(), Failure> {
    let header = language.pick(
        ["nearest training images", "label", "distance"],
        ["imagens de treino mais próximas", "rótulo", "distância"],
    );
    let nearest = reasons.nearest.iter().map(|near| {
        let label = reasons.class_names.get(near.label).cloned();
        vec![
            near.index.to_string(),
            label.unwrap_or_default(),
            format!("{:.4}", near.distance),
        ]
    });
    writeln!(out)?;
    table::write(out, &header, &[1], &nearest.collect::<Vec<_>>())?;
    Ok(())
}

fn print_hidden(
    out: &mut impl Write,
    hidden: &Hidden,
    class: &str,
    language: Language,
) -> Result<(), Failure> {
    let text = language.pick(
        format!("what the last hidden layer says for {class}:"),
        format!("o que a última camada oculta diz a favor de {class}:"),
    );
    writeln!(out, "\n{text}")?;
    let header = language.pick(
        ["neuron", "activation", "weight", "contribution"],
        ["neurônio", "ativação", "peso", "contribuição"],
    );
    let rows: Vec<Vec<String>> = hidden
        .neurons
        .iter()
        .map(|voice| {
            vec![
                voice.neuron.to_string(),
                format!("{:.4}", voice.activation),
                format!("{:+.4}", voice.weight),
                format!("{:+.4}", voice.contribution),
            ]
        })
        .collect();
    table::write(out, &header, &[], &rows)?;
    let (total, bias, sum) = (hidden.total, hidden.bias, hidden.sum);
    let text = language.pick(
        format!("all neurons {total:+.4}, bias {bias:+.4}: weighted sum {sum:.4}"),
        format!("todos os neurônios {total:+.4}, viés {bias:+.4}: soma ponderada {sum:.4}"),
    );
    Ok(writeln!(out, "{text}")?)
}
