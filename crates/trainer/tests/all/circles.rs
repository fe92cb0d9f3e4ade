//! No circle: a file may use files of its own folder freely, but files of different folders never use each
//! other in a circle. Who reads one of them need not know the other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// A module by its path from the crate, `["engine", "kernel"]`.
type Module = Vec<String>;

/// What each module uses: paths from the crate, as they are written in `use` and elsewhere.
type Uses = BTreeMap<Module, BTreeSet<Vec<String>>>;

#[test]
fn files_of_different_folders_use_each_other_in_no_circle() {
    let mut uses = Uses::new();
    read(
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")),
        &[],
        &mut uses,
    );
    assert!(uses.len() > 90, "{} files were found", uses.len());
    let edges: BTreeMap<&Module, BTreeSet<&Module>> = uses
        .iter()
        .map(|(module, paths)| (module, used(module, paths, &uses)))
        .collect();
    let count: usize = edges.values().map(BTreeSet::len).sum();
    assert!(count > 300, "{count} uses were found");
    let reach = |from| reachable(from, &edges);
    for module in uses.keys() {
        let there = reach(module);
        let circle = there
            .iter()
            .find(|other| folder(other) != folder(module) && reach(other).contains(module));
        assert_eq!(
            circle,
            None,
            "{} is used by what it uses",
            module.join("::")
        );
    }
}

fn folder(module: &[String]) -> &[String] {
    module.split_last().map_or(&[], |(_, folder)| folder)
}

/// Reads the modules of a folder.
fn read(path: &Path, module: &[String], uses: &mut Uses) {
    for entry in fs::read_dir(path).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        if entry.path().is_dir() {
            read(&entry.path(), &[module, &[name]].concat(), uses);
        } else if let Some(name) = name.strip_suffix(".rs") {
            if ["lib", "main", "tests"].contains(&name) {
                continue;
            }
            // `mod.rs` is in its folder as the files that it names are: it belongs to them.
            let this = [module, &[name.to_string()]].concat();
            let text = fs::read_to_string(entry.path()).unwrap();
            let code: Vec<&str> = text
                .split("#[cfg(test)]\n#[")
                .next()
                .unwrap()
                .lines()
                .map(|line| line.split("//").next().unwrap())
                .collect();
            uses.insert(this, paths(&code.join(" "), module));
        }
    }
}

/// Returns the paths in `code`, a file of the folder `folder`, that begin at this crate.
fn paths(code: &str, folder: &[String]) -> BTreeSet<Vec<String>> {
    let mut found = BTreeSet::new();
    for (start, begin) in [("crate::", vec![]), ("super::", folder.to_vec())] {
        for (at, _) in code.match_indices(start) {
            let before = code[..at].chars().next_back();
            if before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != ':') {
                tree(&code[at + start.len()..], &begin, &mut found);
            }
        }
    }
    found
}

/// Adds the paths of a use tree, `a::{self, b::c}`, to `found`; returns what follows it.
fn tree<'a>(code: &'a str, begin: &[String], found: &mut BTreeSet<Vec<String>>) -> &'a str {
    let code = code.trim_start();
    if let Some(mut rest) = code.strip_prefix('{') {
        loop {
            rest = tree(rest, begin, found).trim_start();
            match rest.strip_prefix(',') {
                Some(next) => rest = next,
                None => return rest.strip_prefix('}').unwrap_or(rest),
            }
        }
    }
    let end = code
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(code.len());
    let (name, rest) = code.split_at(end);
    let path = [begin, &[name.to_string()]].concat();
    match rest.strip_prefix("::") {
        Some(rest) if name == "super" => tree(rest, folder(begin), found),
        Some(rest) => tree(rest, &path, found),
        None => {
            found.insert(if name == "self" { begin.to_vec() } else { path });
            rest
        }
    }
}

/// Returns the modules that `paths` lead to: through a `mod.rs` to the file that it takes a name from.
fn used<'a>(
    module: &Module,
    paths: &BTreeSet<Vec<String>>,
    uses: &'a Uses,
) -> BTreeSet<&'a Module> {
    let target = |path: &Vec<String>| {
        for length in (1..=path.len()).rev() {
            if let Some((found, _)) = uses.get_key_value(&path[..length]) {
                return Some(found);
            }
            let hub = [&path[..length], &["mod".to_string()]].concat();
            if let Some((found, names)) = uses.get_key_value(&hub) {
                let name = path.get(length);
                let from = names
                    .iter()
                    .find(|names| names.last() == name && names.len() > length + 1);
                let file = from.and_then(|from| uses.get_key_value(&from[..length + 1]));
                return Some(file.map_or(found, |(file, _)| file));
            }
        }
        None
    };
    let is_hub = module.last().is_some_and(|name| name == "mod");
    paths
        .iter()
        .filter_map(target)
        .filter(|used| !(is_hub && folder(used) == folder(module)))
        .collect()
}

fn reachable<'a>(
    from: &'a Module,
    edges: &BTreeMap<&'a Module, BTreeSet<&'a Module>>,
) -> BTreeSet<&'a Module> {
    let mut there = BTreeSet::new();
    let mut next = vec![from];
    while let Some(module) = next.pop() {
        for used in edges.get(module).into_iter().flatten() {
            if there.insert(*used) {
                next.push(used);
            }
        }
    }
    there
}
