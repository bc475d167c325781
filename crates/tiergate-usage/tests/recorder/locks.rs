//! Two processes and one folder.

use tiergate_usage::recorder::Durability;

use crate::child::{Child, ONE_AT_A_TIME, Task, finish};
use crate::office::{Office, wait_for};

fn says(task: &Task, folder: &std::path::Path, office: &Office) -> String {
    let output = finish(task, folder, office.address());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_second_process_is_refused_with_the_folder_and_the_remedy_and_a_killed_one_leaves_no_lock() {
    let _alone = ONE_AT_A_TIME
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    let office = Office::open();
    let task = Task::Record {
        first: 0,
        durability: Durability::Os,
    };
    let first = Child::start(&task, folder.path(), office.address());
    wait_for("a record", || office.acknowledged() > 0);
    let said = says(&Task::Open, folder.path(), &office);
    assert!(said.contains("is in use by another recorder"), "{said}");
    assert!(
        said.contains(&folder.path().display().to_string()),
        "{said}"
    );
    assert!(
        said.contains("give each process a folder of its own"),
        "{said}"
    );
    first.kill();
    let said = says(&Task::Open, folder.path(), &office);
    assert!(said.contains("opened"), "{said}");
}
