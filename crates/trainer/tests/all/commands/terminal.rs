//! On a terminal: colours, the progress bar and the dashboard. `script` is the terminal.
#![cfg(target_os = "linux")]

use std::process::Command;

use crate::fixtures::{on_tiny, tiny};
use crate::program::{Desk, TRAINER};

/// Runs the program on a terminal of 120 x 40 cells; returns its exit code and all it shows.
fn on_terminal(desk: &Desk, args: &[&str], no_color: bool) -> (i32, String) {
    let words: Vec<String> = args.iter().map(|arg| format!("'{arg}'")).collect();
    let line = format!("stty rows 40 cols 120; '{TRAINER}' {}", words.join(" "));
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    desk.quieten(&mut command);
    command.env("TERM", "xterm-256color");
    if no_color {
        command.env("NO_COLOR", "1");
    }
    let output = command
        .output()
        .expect("`script` is needed: apt install bsdutils");
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!shown.contains("panicked"), "{shown}");
    (output.status.code().unwrap(), shown)
}

/// Whether there is a sequence that sets a colour or a style: ESC [ ... m.
fn has_colour(text: &str) -> bool {
    text.split("\u{1b}[").skip(1).any(|rest| {
        let end = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
        end.starts_with('m')
    })
}

#[test]
fn colours_go_to_a_terminal_unless_no_color_says_otherwise() {
    let desk = Desk::new();
    tiny(&desk);
    let training = |run| on_tiny(run, &["training.epochs=20"]);
    let commands: [(Vec<&str>, Vec<&str>, i32); 3] = [
        (vec!["evaluate", "nosuch"], vec!["evaluate", "nosuch"], 2),
        (vec!["--nonsense"], vec!["--nonsense"], 2),
        (training("colour"), training("plain"), 0),
    ];
    for (colour, plain, expect) in commands {
        let (code, shown) = on_terminal(&desk, &colour, false);
        assert_eq!(code, expect, "{shown}");
        assert!(has_colour(&shown), "{shown}");
        let (code, shown) = on_terminal(&desk, &plain, true);
        assert_eq!(code, expect, "{shown}");
        assert!(!has_colour(&shown), "{shown}");
    }
}

#[cfg(feature = "tui")]
#[test]
fn the_dashboard_and_the_bar_change_nothing_about_the_model() {
    let desk = Desk::new();
    tiny(&desk);
    let sets = [
        "training.epochs=5",
        "data.validation=60",
        "model.dropout=0.1",
    ];
    desk.ok(&on_tiny("pipe", &sets));
    let (code, shown) = on_terminal(&desk, &on_tiny("bar", &sets), false);
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("eta "), "a bar: {shown}");
    let dashboard = [&on_tiny("dashboard", &sets)[..], &["--tui"]].concat();
    let (code, shown) = on_terminal(&desk, &dashboard, false);
    assert_eq!(code, 0, "{shown}");
    let (entered, left) = ("\u{1b}[?1049h", "\u{1b}[?1049l");
    assert!(
        shown.contains(entered) && shown.contains(left),
        "the screen is given back: {shown}"
    );
    let after = shown.split(left).last().unwrap();
    assert!(after.contains("test accuracy "), "{after}");

    let model = |run: &str| std::fs::read(desk.path(run).join("model.bpk")).unwrap();
    assert!(model("pipe") == model("bar"));
    assert!(model("pipe") == model("dashboard"));
    assert_eq!(desk.text("dashboard/metrics.jsonl").lines().count(), 5);
}
