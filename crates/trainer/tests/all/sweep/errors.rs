//! What is wrong with a sweep's file or command line, and how that is said.

use crate::sweep::{TWO_RATES, desk};

#[test]
fn what_is_wrong_with_a_sweep_is_shown_where_it_stands() {
    let cases = [
        ("", "the file has no [sweep]"),
        (
            "[sweep]\nsed = 3\n",
            "s.toml:11:1: unknown key `sed` in [sweep]",
        ),
        ("[sweep]\nseeds = 0\n", "s.toml:11:9: `sweep.seeds` is 0"),
        (
            "[sweep]\nmetric = \"f1\"\n",
            "s.toml:11:10: unknown value \"f1\" for `sweep.metric`",
        ),
        (
            "[sweep]\nhalving = 1\n",
            "s.toml:11:11: `sweep.halving` is 1",
        ),
        (
            "[sweep]\ndraws = 3\n",
            "s.toml:11:9: `sweep.draws` has nothing to draw from",
        ),
        (
            "[sweep]\ngrid = 3\n",
            "s.toml:11:8: expected a table for `sweep.grid`",
        ),
        (
            "[sweep.grid]\nmodel.hiden = [[3]]\n",
            "s.toml:11:7: unknown key `hiden` in [model]",
        ),
        (
            "[sweep.grid]\nmodel.hidden = [3]\n",
            "s.toml:11:17: expected a list of whole numbers for `model.hidden`",
        ),
        (
            "[sweep.grid]\noptimizer.learning_rate = [1e-3, -1.0]\n",
            "s.toml:11:34: `optimizer.learning_rate` is -1.0",
        ),
        (
            "[sweep.grid]\noptimizer.learning_rate = 1e-3\n",
            "s.toml:11:11: expected values for `optimizer.learning_rate`",
        ),
        (
            "[sweep.grid]\noptimizer.learning_rate = []\n",
            "expected values for `optimizer.learning_rate`",
        ),
        (
            "[sweep.grid]\nseed = [1, 2]\n",
            "s.toml:11:1: `seed` cannot be a setting",
        ),
        (
            "[sweep.grid]\nname = [\"a\", \"b\"]\n",
            "s.toml:11:1: `name` cannot be a setting",
        ),
        (
            "[sweep.random]\nmodel.dropout = { from = 0.5, to = 0.1 }\n",
            "s.toml:11:17: `model.dropout` has no valid range",
        ),
        (
            "[sweep.random]\nmodel.dropout = { from = 0.0, to = 0.5, log = true }\n",
            "`model.dropout` has no valid range",
        ),
        (
            "[sweep.random]\nmodel.dropout = { from = 0.0, to = 0.5, lg = true }\n",
            "`model.dropout` has no valid range",
        ),
        (
            "[sweep.random]\nmodel.dropout = { from = \"a\", to = 0.5 }\n",
            "`model.dropout` has no valid range",
        ),
        (
            "[sweep.grid]\ndata.validation = [0]\n",
            "settings are compared on validation images, but `data.validation` is 0, and the files have none",
        ),
        (
            "[sweep]\nhalving = 2\n[sweep.grid]\nschedule.name = [\"constant\", \"cosine\"]\n",
            "a cosine or one_cycle schedule cannot be extended",
        ),
        (
            "[sweep]\nhalving = 2\n[sweep.grid]\nschedule.warmup_epochs = [0.5, 1.0]\n",
            "",
        ),
        (
            "[sweep]\nhalving = 4\n[sweep.grid]\nschedule.warmup_epochs = [0.0, 1.0, 1.5, 2.0]\n",
            "would end before the warm-up does",
        ),
        (
            "[sweep]\nseeds = 1000\n[sweep.random]\nmodel.dropout = { from = 0.0, to = 0.5 }\n[sweep.grid]\nmodel.hidden = [[1], [2]]\n",
            "has 20 settings and 20000 trainings",
        ),
        (
            "[sweep.grid]\ndata.dir = [\"tiny\", \"other\"]\n",
            "the settings have different data sets",
        ),
        (
            "[sweep.grid]\ndata.validation = [30, 60]\n",
            "the settings have different data sets",
        ),
        (
            "[sweep]\nmetric = \"loss\"\n[sweep.grid]\ntraining.loss = [\"cross_entropy\", \"quadratic\"]\n",
            "the settings have different losses",
        ),
        (
            "[sweep.grid]\nmodel.dropout = [0.1]\n[sweep.random]\nmodel.dropout = { from = 0.0, to = 0.5 }\n",
            "s.toml:13:7: `model.dropout` is also in [sweep.grid]",
        ),
    ];
    for (sweep, problem) in cases {
        let desk = desk(sweep);
        let said = desk.run(&["sweep", "s.toml", "--set", "training.epochs=4"]);
        if problem.is_empty() {
            assert_eq!(said.code, 0, "{sweep}: {}", said.stderr);
            continue;
        }
        assert_eq!(
            (said.code, said.stdout.as_str()),
            (2, ""),
            "{sweep}: {}",
            said.stderr
        );
        assert!(said.stderr.contains(problem), "{sweep}: {}", said.stderr);
        assert!(said.stderr.contains("hint: "), "{sweep}: {}", said.stderr);
        assert!(!desk.path("artifacts").exists(), "{sweep}");
    }
    let said = desk(TWO_RATES).run(&["train", "--config", "s.toml"]);
    assert_eq!(said.code, 2);
    assert!(
        said.stderr.contains("trainer sweep FILE"),
        "{}",
        said.stderr
    );
    for jobs in ["0", "-1", "many", "1000"] {
        assert_eq!(
            desk(TWO_RATES)
                .run(&["sweep", "s.toml", "--jobs", jobs])
                .code,
            2,
            "{jobs}"
        );
    }
}
