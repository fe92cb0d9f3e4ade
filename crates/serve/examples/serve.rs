//! Serves records: `cargo run -p serve --example serve -- [--listen ADDR] [--site FOLDER] RECORD.bpk...`
//!
//! Each is served under the name of its folder, `RUN` of `RUN/model.bpk`. `trainer serve` does the same for runs.

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use model::Record;
use serve::{Content, NamedRecord, Options, Server, StaticFile};

type Any = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Any> {
    let mut options = Options {
        listen: ([127, 0, 0, 1], 0).into(),
        ..Options::default()
    };
    let (mut records, mut site) = (Vec::new(), None);
    let mut args = env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or(format!("{arg} needs a value"));
        match arg.as_str() {
            "--listen" => options.listen = value()?.parse()?,
            "--site" => site = Some(PathBuf::from(value()?)),
            _ => records.push(PathBuf::from(arg)),
        }
    }
    let load = move || {
        Ok(Content {
            models: records
                .iter()
                .map(|file| named(file))
                .collect::<Result<_, _>>()?,
            site: site.as_deref().map(files).transpose()?.unwrap_or_default(),
        })
    };
    let server = Server::start(options, load)?;
    println!("http://{}", server.address());
    server.until_signal(|reloaded| match reloaded {
        Ok(()) => eprintln!("reloaded"),
        Err(error) => eprintln!("not reloaded: {error}"),
    })?;
    Ok(())
}

fn named(file: &Path) -> Result<NamedRecord, Any> {
    let folder = file.parent().and_then(Path::file_name);
    Ok(NamedRecord {
        name: folder
            .unwrap_or(file.as_os_str())
            .to_string_lossy()
            .into_owned(),
        record: Record::from_bytes(&fs::read(file)?)?,
    })
}

fn files(folder: &Path) -> Result<Vec<StaticFile>, Any> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if let (true, Some(name)) = (path.is_file(), path.file_name()) {
            files.push(StaticFile::new(name.to_string_lossy(), fs::read(&path)?));
        }
    }
    Ok(files)
}
