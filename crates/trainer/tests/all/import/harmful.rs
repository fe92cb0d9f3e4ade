//! Files made to do harm: none is believed, and nothing in one is executed.

use std::process::Command;

use exchange::archive;

use crate::program::{Desk, Said, TRAINER};

/// Returns a zip of one file.
fn zipped(name: &str, content: &[u8]) -> Vec<u8> {
    archive::write(&[(name.into(), content.to_vec())])
}

fn npy(header: &str) -> Vec<u8> {
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes()].concat()
}

/// Small files that say they are large: none is believed, whatever memory there is.
#[test]
fn declared_sizes_are_not_believed() {
    let header = r#"{"0.weight":{"dtype":"F32","shape":[1099511627776,1099511627776],"data_offsets":[0,8]}}"#;
    let length = (header.len() as u64).to_le_bytes();
    let array = npy(
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776, 1099511627776), }\n",
    );
    // A tensor "w" with dims [2^40, 2^20], the type FLOAT and eight bytes; a node that multiplies by it.
    let part = |field: u8, bytes: &[u8]| [&[field << 3 | 2, bytes.len() as u8], bytes].concat();
    let tensor = [
        b"\x08\x80\x80\x80\x80\x80\x20\x08\x80\x80\x40\x10\x01",
        &part(8, b"w")[..],
        &part(9, &[0; 8]),
    ]
    .concat();
    let node = [
        part(1, b"x"),
        part(1, b"w"),
        part(2, b"y"),
        part(4, b"MatMul"),
    ]
    .concat();
    let graph = [part(11, &part(1, b"x")), part(5, &tensor), part(1, &node)].concat();
    let onnx = [&[0x08, 0x08][..], &part(7, &graph)].concat();
    let files = [
        (
            "huge.safetensors",
            [&length[..], header.as_bytes(), &[0; 8]].concat(),
        ),
        (
            "header.safetensors",
            [&0x7fff_ffffu64.to_le_bytes()[..5], b"\0\0\0{"].concat(),
        ),
        ("huge.npz", zipped("0.weight.npy", &array)),
        ("huge.onnx", onnx),
        (
            "text.pt",
            zipped("a/data.pkl", b"\x80\x02X\xff\xff\xff\xff"),
        ),
        ("deep.pt", zipped("a/data.pkl", &[b'('; 1 << 20])),
        ("long.pt", zipped("a/data.pkl", &[b'}'; (1 << 20) + 1])),
    ];
    let desk = Desk::new();
    for (name, bytes) in files {
        desk.write(name, bytes);
        // 4 GB of addresses, of which the program itself reserves some.
        let mut command = Command::new("sh");
        command.args([
            "-c",
            "ulimit -v 4000000; exec \"$@\"",
            "sh",
            TRAINER,
            "import",
            name,
            "--as",
            "x",
        ]);
        desk.quieten(&mut command);
        let said = Said::of(&mut command);
        assert_eq!(said.code, 1, "{name}: {said:?}");
        assert!(
            said.stderr.contains("error: ") && said.stderr.contains("hint: "),
            "{name}: {said:?}"
        );
    }
}

/// Python's own pickles would run this. Here it is named, and not run.
#[test]
fn a_pickle_that_calls_something_is_not_executed() {
    let desk = Desk::new();
    let calls: [&[u8]; 3] = [
        b"\x80\x02cos\nsystem\nX\x0b\x00\x00\x00touch ownedq\x00\x85R.",
        b"\x80\x02cbuiltins\neval\nX\x01\x00\x00\x001\x85R.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x0btouch owned\x85R.",
    ];
    for (call, name) in calls
        .into_iter()
        .zip(["os.system", "builtins.eval", "os.system"])
    {
        desk.write("bad.pt", zipped("bad/data.pkl", call));
        let said = desk.run(&["import", "bad.pt", "--as", "bad"]);
        assert_eq!(said.code, 1);
        assert!(
            said.stderr.contains(&format!("a call of `{name}`")),
            "{}",
            said.stderr
        );
        assert!(!desk.path("owned").exists() && !desk.path("artifacts").exists());
    }
}
