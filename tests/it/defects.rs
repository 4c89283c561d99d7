//! Planted defects: a suite that would not notice a wrong rule proves nothing.
//!
//! Every defect of `tidemark_domain::defect` is planted in turn, and the random histories are compared with the auditor
//! as `oracle` does, until one differs.

use crate::results::{default_programme, finish, tidemark};

#[test]
fn a_defect_without_a_name_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let events = folder.path().join("events.jsonl");
    std::fs::write(&events, "").unwrap();
    let (code, said) = finish(tidemark(&default_programme(), &events, &folder.path().join("out")).args(["--defect", "no-such"]));
    assert!(code == 2 && said.contains("no-such"), "{code}: {said}");
}

#[cfg(not(feature = "checked"))]
#[test]
fn a_build_for_use_has_no_defects_to_plant() {
    use tidemark_domain::defect::{Defect, Defects};
    let folder = tempfile::tempdir().unwrap();
    let events = folder.path().join("events.jsonl");
    std::fs::write(&events, "").unwrap();
    for defect in Defect::ALL {
        assert_eq!(Defects::default().with(*defect), None);
        let out = folder.path().join("out");
        let (code, said) = finish(tidemark(&default_programme(), &events, &out).args(["--defect", defect.name()]));
        assert!(code == 2 && said.contains(defect.name()), "{code}: {said}");
    }
}

#[cfg(feature = "checked")]
mod planted {
    use std::path::Path;
    use std::sync::Arc;

    use tidemark::runtime::replay::{Quiet, Watcher, replay};
    use tidemark_domain::defect::{Defect, Defects};
    use tidemark_domain::time::Instant;

    use crate::auditor::{Expected, History, audit, compare, workload};
    use crate::results::options;

    /// A defect that so many histories do not show is not caught.
    const SEEDS: u64 = 60;

    /// What the auditor has to say about a history that was run with a defect.
    fn judge(history: &History, expected: &Expected, defect: Option<Defect>, folder: &Path) -> Result<(), String> {
        let (events, programmes) = history.write(folder).unwrap();
        let out = folder.join(defect.map_or("out", Defect::name));
        let mut options = options(&programmes, &events, &out);
        options.until = history.until.map(Instant);
        options.defects = defect.map_or_else(Defects::default, |defect| Defects::default().with(defect).unwrap());
        let watcher: Arc<dyn Watcher> = Arc::new(Quiet);
        replay(&options, &watcher).map_err(|failure| failure.to_string())?;
        compare::facts(expected, &out)
    }

    #[test]
    fn every_planted_defect_is_caught_by_the_auditor() {
        let mut missing: Vec<Defect> = Defect::ALL.to_vec();
        println!("{:<18} {:>4}  first difference", "defect", "seed");
        for seed in 0..SEEDS {
            if missing.is_empty() {
                break;
            }
            let folder = tempfile::tempdir().unwrap();
            let history = workload::history(seed);
            let expected = audit(&history);
            if let Err(difference) = judge(&history, &expected, None, folder.path()) {
                panic!("history {seed} differs without a defect:\n{difference}");
            }
            missing.retain(|defect| match judge(&history, &expected, Some(*defect), folder.path()) {
                Ok(()) => true,
                Err(text) => {
                    let first: String = text.lines().next().unwrap_or_default().chars().take(140).collect();
                    println!("{:<18} {seed:>4}  {first}", defect.name());
                    false
                }
            });
        }
        let names: Vec<&str> = missing.iter().map(|defect| defect.name()).collect();
        assert!(names.is_empty(), "{SEEDS} histories do not show {names:?}");
    }
}
