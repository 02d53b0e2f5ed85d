//! Imports go down only, in the order that the architecture's picture shows.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Modules that stand in one directory, and whom each imports.
type Graph = BTreeMap<String, BTreeSet<String>>;

#[test]
fn imports_go_down_only() {
    let picture = fs::read_to_string("../docs/explanation/architecture.md").unwrap();
    let (_, picture) = picture.split_once("```layers\n").unwrap();
    let (picture, _) = picture.split_once("```").unwrap();
    let layers: Vec<BTreeSet<&str>> = picture
        .lines()
        .map(|line| line.split('|').map(str::trim).collect())
        .collect();
    let layer = |module: &str| {
        let found = layers.iter().position(|layer| layer.contains(module));
        found.unwrap_or_else(|| panic!("{module} is not in the picture of architecture.md"))
    };
    let graphs = graphs();
    for (module, imported) in &graphs[""] {
        for other in imported {
            assert!(
                layer(module) < layer(other),
                "{module} imports {other}, which is not below it"
            );
        }
    }
    assert_eq!(
        layers.iter().flatten().count(),
        graphs[""].len(),
        "the picture shows what is there"
    );
}

#[test]
fn no_modules_import_each_other_in_a_circle() {
    for (directory, graph) in graphs() {
        for start in graph.keys() {
            let mut reached = BTreeSet::new();
            let mut next = vec![start];
            while let Some(module) = next.pop() {
                for other in &graph[module] {
                    assert_ne!(
                        other, start,
                        "{start} in src/{directory} imports itself through {module}"
                    );
                    if reached.insert(other) {
                        next.push(other);
                    }
                }
            }
        }
    }
}

/// The graph of each directory below `src`, whose modules include what is below them.
fn graphs() -> BTreeMap<String, Graph> {
    let mut files = Vec::new();
    collect(Path::new("src"), &mut Vec::new(), &mut files);
    assert!(files.len() > 100, "src was read");
    let modules: BTreeSet<Vec<String>> = files.iter().map(|(module, _)| module.clone()).collect();
    let mut graphs: BTreeMap<String, Graph> = BTreeMap::new();
    for (module, text) in &files {
        if let Some((name, directory)) = module.split_last() {
            let graph = graphs.entry(directory.join("/")).or_default();
            graph.entry(name.clone()).or_default();
        }
        for imported in imports(module, text) {
            let common = module.iter().zip(&imported).take_while(|(a, b)| a == b);
            let common = common.count();
            let (Some(from), Some(to)) = (module.get(common), imported.get(common)) else {
                continue;
            };
            if modules.contains(&imported[..=common]) {
                let graph = graphs.entry(module[..common].join("/")).or_default();
                graph.entry(from.clone()).or_default().insert(to.clone());
                graph.entry(to.clone()).or_default();
            }
        }
    }
    graphs
}

fn collect(directory: &Path, module: &mut Vec<String>, files: &mut Vec<(Vec<String>, String)>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            module.push(name);
            collect(&path, module, files);
            module.pop();
        } else if name != "lib" {
            let mut module = module.clone();
            module.extend((name != "mod").then_some(name));
            files.push((module, fs::read_to_string(&path).unwrap()));
        }
    }
}

/// Full paths of what a module names, without its comments and its tests.
fn imports(module: &[String], text: &str) -> Vec<Vec<String>> {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let code: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect();
    let code = code.join("\n");
    let mut found = Vec::new();
    for (prefix, base) in [
        ("crate::", &[][..]),
        ("backupservice::", &[][..]),
        ("super::", &module[..module.len().saturating_sub(1)]),
    ] {
        for (at, _) in code.match_indices(prefix) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            for path in paths(&code[at + prefix.len()..]) {
                found.push([base, &path].concat());
            }
        }
    }
    found
}

/// `a::b::C` is one path; `{a, b::C}` are two. What stands deeper in braces is left out.
fn paths(text: &str) -> Vec<Vec<String>> {
    let path = |text: &str| -> Vec<String> {
        let end = text.find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':');
        let text = &text[..end.unwrap_or(text.len())];
        text.split("::").map(str::to_owned).collect()
    };
    match text.strip_prefix('{') {
        Some(list) => {
            let list = list.split('}').next().unwrap_or_default();
            list.split(',').map(|item| path(item.trim())).collect()
        }
        None => vec![path(text)],
    }
}

#[test]
fn details_of_problems_are_for_the_journal_only() {
    let mut files = Vec::new();
    collect(Path::new("src"), &mut Vec::new(), &mut files);
    let revealing = files.iter().filter(|(_, text)| {
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        code.contains(".reveal()")
    });
    let revealing: Vec<_> = revealing.map(|(module, _)| module.join("/")).collect();
    assert_eq!(revealing, ["report/journal"]);
}
