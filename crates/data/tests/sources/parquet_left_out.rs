//! A build without the feature `parquet`.

use crate::{check_error, put};

#[test]
fn a_build_without_parquet_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let file = put(dir.path(), "data/train-00000-of-00001.parquet", "PAR1");
    let hint = "cargo run -p trainer --features parquet";
    check_error(
        &file,
        "mine",
        "is a Parquet file, and this build does not read them",
        hint,
    );
    put(dir.path(), "data/test-00000-of-00001.parquet", "PAR1");
    check_error(
        dir.path(),
        "mine",
        "data: has 2 Parquet files, and this build does not read them",
        hint,
    );
}
