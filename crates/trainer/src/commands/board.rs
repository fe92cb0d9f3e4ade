//! The progress of a sweep on a terminal: one line per setting, redrawn as trainings progress.

use std::time::{Duration, Instant};

use experiment::{Metric, Setting, Sweep};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::format::counted;
use crate::sweep::conclusions::{described, mean};
use crate::sweep::rounds::Event;
use crate::sweep::statistics::Spread;

/// Maximum number of settings shown; if there are more, those in training and the best.
const MOST_ROWS: usize = 16;
/// Symbols for a training's progress, from just started to nearly done.
const LEVELS: [char; 7] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇'];
/// How often the time is redrawn.
const TICK: Duration = Duration::from_millis(500);

/// The table.
pub(super) struct Board {
    metric: Metric,
    seeds: Vec<u64>,
    rows: Vec<Row>,
    /// Trainings of this round: all, and finished.
    trainings: usize,
    ended: usize,
    /// Trainings that have finished since the table was made.
    ended_here: usize,
    started: Instant,
    head: ProgressBar, // a line is drawn only while its handle exists
    lines: Vec<ProgressBar>,
    foot: ProgressBar,
    all: MultiProgress,
}

/// A setting.
struct Row {
    name: String,
    cells: Vec<Cell>,
}

/// A training.
#[derive(Clone, Copy, PartialEq)]
enum Cell {
    /// Waiting while `epoch` is 0.
    Running {
        epoch: usize,
        epochs: usize,
        score: Option<f64>,
    },
    Done(Option<f64>),
    Failed,
}

impl Board {
    /// Returns the table of a sweep before its first event.
    pub fn new(sweep: &Sweep) -> Self {
        let all = MultiProgress::new();
        let text = ProgressStyle::with_template("{wide_msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let line = || all.add(ProgressBar::new_spinner().with_style(text.clone()));
        let head = line();
        let lines = (0..sweep.settings.len().min(MOST_ROWS))
            .map(|_| line())
            .collect();
        let clock = ProgressStyle::with_template("{msg}, {elapsed}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let foot = all.add(ProgressBar::new_spinner().with_style(clock));
        foot.enable_steady_tick(TICK);
        let row = |(number, setting): (usize, &Setting)| Row {
            name: format!("{number:>7}  {}", described(&setting.values)),
            cells: vec![Cell::waiting(setting.experiment.training.epochs); sweep.seeds.len()],
        };
        let mut board = Self {
            metric: sweep.metric,
            seeds: sweep.seeds.clone(),
            rows: (1..).zip(&sweep.settings).map(row).collect(),
            trainings: 0,
            ended: 0,
            ended_here: 0,
            started: Instant::now(),
            head,
            lines,
            foot,
            all,
        };
        board.draw();
        board
    }

    /// Shows an event.
    pub fn show(&mut self, event: &Event) {
        match event {
            Event::Round { trials, .. } => {
                (self.trainings, self.ended) = (trials.len(), 0);
                for (trial, epochs) in *trials {
                    self.set(trial.setting, trial.seed, Cell::waiting(*epochs));
                }
            }
            Event::Begun(_) => {}
            Event::Epoch(trial, metrics) => {
                let score = metrics.validation(self.metric);
                if let Some(Cell::Running {
                    epoch, score: last, ..
                }) = self.cell(trial.setting, trial.seed)
                {
                    (*epoch, *last) = (metrics.epoch, score);
                }
            }
            Event::Ended(trial, score) => {
                self.count(trial.setting, trial.seed);
                self.set(trial.setting, trial.seed, Cell::Done(*score));
            }
            Event::Failed(trial, _) => {
                self.count(trial.setting, trial.seed);
                self.set(trial.setting, trial.seed, Cell::Failed);
            }
        }
        self.draw();
    }

    fn count(&mut self, setting: usize, seed: u64) {
        self.ended += 1;
        let was_trained = matches!(
            self.cell(setting, seed),
            Some(Cell::Running { epoch: 1.., .. })
        );
        self.ended_here += usize::from(was_trained);
    }

    fn cell(&mut self, setting: usize, seed: u64) -> Option<&mut Cell> {
        let at = self.seeds.iter().position(|known| *known == seed)?;
        self.rows
            .get_mut(setting.checked_sub(1)?)?
            .cells
            .get_mut(at)
    }

    fn set(&mut self, setting: usize, seed: u64, cell: Cell) {
        if let Some(old) = self.cell(setting, seed) {
            *old = cell;
        }
    }

    fn draw(&mut self) {
        self.head.set_message(format!(
            "{:>7}  {:<44} {:<10} validation {}",
            "setting", "", "seeds", self.metric.label
        ));
        let mut rows: Vec<&Row> = self.rows.iter().collect();
        if rows.len() > MOST_ROWS {
            rows.sort_by(|a, b| a.rank(self.metric).total_cmp(&b.rank(self.metric)));
        }
        for (line, row) in self.lines.iter().zip(rows) {
            line.set_message(row.text());
        }
        let left = self.trainings.saturating_sub(self.ended);
        let mut foot = format!("{} of {}", self.ended, counted(self.trainings, "training"));
        if self.ended_here > 0 && left > 0 {
            let seconds = self.started.elapsed().as_secs() as usize * left / self.ended_here;
            foot += &format!(", about {} min left", seconds.div_ceil(60));
        }
        self.foot.set_message(foot);
    }
}

impl Row {
    /// Returns the sort key: settings in training first, then the best.
    fn rank(&self, metric: Metric) -> f64 {
        let is_trained = |cell: &Cell| matches!(cell, Cell::Running { epoch: 1.., .. });
        if self.cells.iter().any(is_trained) {
            return f64::NEG_INFINITY;
        }
        self.spread()
            .map_or(f64::INFINITY, |spread| metric.cost(spread.mean))
    }

    fn spread(&self) -> Option<Spread> {
        let scores = self.cells.iter().filter_map(|cell| match cell {
            Cell::Done(score) => *score,
            _ => None,
        });
        Spread::of(&scores.collect::<Vec<_>>())
    }

    fn text(&self) -> String {
        let cells: String = self.cells.iter().map(Cell::mark).collect();
        let name: String = self.name.chars().take(53).collect();
        let mut text = format!(
            "{name:<53} {cells:<10} {}",
            self.spread().map_or(String::new(), |s| mean(&s))
        );
        for cell in &self.cells {
            if let Cell::Running {
                epoch: epoch @ 1..,
                epochs,
                score: Some(score),
            } = cell
            {
                text += &format!("  [{epoch}/{epochs} {score:.4}]");
            }
        }
        text
    }
}

impl Cell {
    fn waiting(epochs: usize) -> Self {
        Self::Running {
            epoch: 0,
            epochs,
            score: None,
        }
    }

    fn mark(&self) -> char {
        match *self {
            Self::Running { epoch: 0, .. } => '·',
            Self::Running { epoch, epochs, .. } => {
                let level = epoch * LEVELS.len() / (epochs + 1);
                LEVELS.get(level).copied().unwrap_or('▇')
            }
            Self::Done(_) => '█',
            Self::Failed => '×',
        }
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        self.foot.finish_and_clear();
        let _ = self.all.clear(); // a closed stderr needs no clearing
    }
}
