//! Which format a file has, from its first bytes.
//!
//! The content decides. The name only chooses between readings that the first bytes cannot tell apart:
//! YAML from other text, a gzipped joblib file from other gzip. A file that is two formats at once
//! (a pickle with a zip behind it) is the concern of a scanner, not of this label.

mod protobuf;
mod text;

use serde::{Deserialize, Serialize};

/// How many bytes of a file [`detect`] wants.
pub const SAMPLE_BYTES: u64 = 4096;

/// The format of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// A Python pickle. Loading it runs code.
    Pickle,
    /// A joblib file: a pickle with arrays, plain or compressed. Loading it runs code.
    Joblib,
    /// A zip archive that is none of the zip based formats below.
    Zip,
    /// A PyTorch zip with `data.pkl`. Loading it can run code.
    Torch,
    /// A Keras 3 `.keras` zip.
    Keras,
    /// safetensors: tensors only.
    Safetensors,
    /// GGUF: tensors and metadata for llama.cpp.
    Gguf,
    /// An ONNX model (protobuf).
    Onnx,
    /// A TensorFlow SavedModel graph (protobuf).
    SavedModel,
    /// HDF5, among others Keras `.h5`.
    Hdf5,
    /// One NumPy array.
    Npy,
    /// JSON text.
    Json,
    /// YAML text.
    Yaml,
    /// A PMML model.
    Pmml,
    /// Other XML.
    Xml,
    /// Other UTF-8 text.
    Text,
    /// A gzip stream.
    Gzip,
    /// A tar archive.
    Tar,
    /// bzip2, xz, zstd, lz4 or 7z.
    Compressed,
    /// A program, a library or compiled Python.
    Executable,
    /// No bytes at all.
    Empty,
    /// None of these.
    Unknown,
}

/// Magic numbers that stand at the start of a file.
const MAGIC: [(&[u8], Format); 16] = [
    (b"7z\xbc\xaf\x27\x1c", Format::Compressed),
    (b"BZh", Format::Compressed),
    (b"\xfd7zXZ\0", Format::Compressed),
    (b"\x28\xb5\x2f\xfd", Format::Compressed),
    (b"\x04\x22\x4d\x18", Format::Compressed),
    (b"\x89HDF\r\n\x1a\n", Format::Hdf5),
    (b"\x93NUMPY", Format::Npy),
    (b"GGUF", Format::Gguf),
    (b"\x7fELF", Format::Executable),
    (b"MZ", Format::Executable),
    (b"\xfe\xed\xfa\xce", Format::Executable),
    (b"\xfe\xed\xfa\xcf", Format::Executable),
    (b"\xce\xfa\xed\xfe", Format::Executable),
    (b"\xcf\xfa\xed\xfe", Format::Executable),
    (b"\xca\xfe\xba\xbe", Format::Executable),
    (b"\xca\xfe\xba\xbf", Format::Executable),
];

/// The format of the file called `path` that begins with `sample` ([`SAMPLE_BYTES`]) and has `size` bytes.
#[must_use]
pub fn detect(path: &str, sample: &[u8], size: u64) -> Format {
    if size == 0 || sample.is_empty() {
        return Format::Empty;
    }
    if sample.starts_with(b"PK\x03\x04") || sample.starts_with(b"PK\x05\x06") {
        return zip(sample);
    }
    if sample.get(257..262) == Some(b"ustar") {
        return Format::Tar;
    }
    // Four bytes of text that happen to be a magic number are still text: `MZ` starts words too.
    if let Some((_, format)) = MAGIC.iter().find(|(magic, _)| sample.starts_with(magic))
        && (*format != Format::Executable || std::str::from_utf8(sample).is_err() || sample.contains(&0))
    {
        return *format;
    }
    if sample.starts_with(b"\x1f\x8b") {
        return if named_like_pickle(path) { Format::Joblib } else { Format::Gzip };
    }
    if is_zlib(sample) {
        return Format::Joblib;
    }
    if is_safetensors(sample, size) {
        return Format::Safetensors;
    }
    pickle(sample)
        .or_else(|| text::detect(path, sample, size))
        .or_else(|| protobuf::detect(sample))
        .or_else(|| is_compiled_python(sample).then_some(Format::Executable))
        .unwrap_or(Format::Unknown)
}

/// True when `needle` is somewhere in `bytes`.
pub(crate) fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len().max(1)).any(|window| window == needle)
}

fn zip(sample: &[u8]) -> Format {
    // The name follows the 30 bytes of the local header. torch.save puts `<folder>/data.pkl` first.
    if contains(sample, b"/data.pkl") {
        Format::Torch
    } else if contains(sample, b"config.json") && contains(sample, b"metadata.json") {
        Format::Keras
    } else {
        Format::Zip
    }
}

fn named_like_pickle(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    [".joblib", ".pkl", ".pickle", ".joblib.gz", ".pkl.gz"].iter().any(|ending| path.ends_with(ending))
}

/// A zlib stream has no other use as a file than joblib's `compress=`.
fn is_zlib(sample: &[u8]) -> bool {
    matches!(sample, [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..]) && (std::str::from_utf8(sample).is_err() || sample.contains(&0))
}

fn is_safetensors(sample: &[u8], size: u64) -> bool {
    let Some((length, rest)) = sample.split_first_chunk::<8>() else {
        return false;
    };
    let length = u64::from_le_bytes(*length);
    rest.first() == Some(&b'{') && length >= 2 && length <= size.saturating_sub(8)
}

fn pickle(sample: &[u8]) -> Option<Format> {
    // PROTO is followed by FRAME from protocol 4 on; below that by any opcode, the lowest of which is `(`.
    let with_protocol = matches!(sample, [0x80, 0..=5, next, ..] if *next >= b'(');
    if !with_protocol && !text::is_old_pickle(sample) {
        return None;
    }
    let joblib = contains(sample, b"joblib.numpy_pickle") || contains(sample, b"NumpyArrayWrapper");
    Some(if joblib { Format::Joblib } else { Format::Pickle })
}

/// CPython: a two byte version, then CR LF, then flags below 4.
fn is_compiled_python(sample: &[u8]) -> bool {
    matches!(sample, [_, _, b'\r', b'\n', 0..=3, 0, 0, 0, ..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn zip_entry(name: &str) -> Vec<u8> {
        let mut bytes = b"PK\x03\x04".to_vec();
        bytes.resize(26, 0);
        bytes.extend((name.len() as u16).to_le_bytes());
        bytes.extend([0, 0]);
        bytes.extend(name.as_bytes());
        bytes
    }

    fn tar() -> Vec<u8> {
        let mut bytes = vec![0; 512];
        bytes[0] = b'a';
        bytes[257..262].copy_from_slice(b"ustar");
        bytes
    }

    #[test]
    fn content_decides_the_format() {
        let keras = [zip_entry("metadata.json"), zip_entry("config.json")].concat();
        let cases: Vec<(&str, Vec<u8>, Format)> = vec![
            ("model.safetensors", b"\x80\x04\x95\x10\0\0\0\0\0\0\0\x8c".to_vec(), Format::Pickle),
            ("model.txt", b"\x80\x02csklearn.linear_model\nX\n".to_vec(), Format::Pickle),
            ("old", b"cos\nsystem\n(S'id'\ntR.".to_vec(), Format::Pickle),
            ("old", b"(dp0\nS'a'\np1\nI1\ns.".to_vec(), Format::Pickle),
            ("old", b"(lp0\nI1\na.".to_vec(), Format::Pickle),
            ("m.joblib", b"\x80\x04\x95\x10\0\0\0\0\0\0\0\x8c\x13joblib.numpy_pickle".to_vec(), Format::Joblib),
            ("m.joblib", b"\x78\x5e\x95\x54\xcf\x6b\x13".to_vec(), Format::Joblib),
            ("m.pkl.gz", b"\x1f\x8b\x08\0\0".to_vec(), Format::Joblib),
            ("data.csv.gz", b"\x1f\x8b\x08\0\0".to_vec(), Format::Gzip),
            ("model.pt", zip_entry("archive/data.pkl"), Format::Torch),
            ("model.bin", zip_entry("schema.json"), Format::Zip),
            ("model.keras", keras, Format::Keras),
            ("empty.zip", b"PK\x05\x06\0\0".to_vec(), Format::Zip),
            ("a.pkl", b"\x02\0\0\0\0\0\0\0{}".to_vec(), Format::Safetensors),
            ("m.gguf", b"GGUF\x03\0\0\0".to_vec(), Format::Gguf),
            ("m.h5", b"\x89HDF\r\n\x1a\n\0".to_vec(), Format::Hdf5),
            ("m.npy", b"\x93NUMPY\x01\0".to_vec(), Format::Npy),
            ("a.tar", tar(), Format::Tar),
            ("a.7z", b"7z\xbc\xaf\x27\x1c\0".to_vec(), Format::Compressed),
            ("lib.so", b"\x7fELF\x02\x01\x01\0".to_vec(), Format::Executable),
            ("a.pyc", b"\xa7\r\r\n\0\0\0\0\x01\x02\x03\xff".to_vec(), Format::Executable),
            ("m.onnx", b"\x08\x08\x12\x07pytorch\x1a\x05".to_vec(), Format::Onnx),
            ("saved_model.pb", b"\x08\x01\x12\x90\x03\x0a\x10".to_vec(), Format::SavedModel),
            ("config.json", b" {\"a\": 1}\n".to_vec(), Format::Json),
            ("MLmodel", b"flavors: {}\n".to_vec(), Format::Yaml),
            ("conda.yaml", b"name: x\n".to_vec(), Format::Yaml),
            ("m.pmml", b"<?xml version=\"1.0\"?>\n<PMML version=\"4.4\">".to_vec(), Format::Pmml),
            ("m.xml", b"<net name=\"x\"/>".to_vec(), Format::Xml),
            ("requirements.txt", b"numpy==1.26.4\n".to_vec(), Format::Text),
            ("words.txt", b"MZ is not always a program\n".to_vec(), Format::Text),
            ("nothing", Vec::new(), Format::Empty),
            ("noise", b"\xff\xfe\0\x01\x02".to_vec(), Format::Unknown),
        ];
        for (path, bytes, expected) in cases {
            assert_eq!(detect(path, &bytes, bytes.len() as u64), expected, "{path} {bytes:?}");
        }
    }

    #[test]
    fn a_sample_may_end_inside_a_character() {
        let text = "é".repeat(10);
        let cut = &text.as_bytes()[..19];
        assert_eq!(detect("a.txt", cut, 20), Format::Text);
        assert_eq!(detect("a.txt", cut, 19), Format::Unknown);
    }

    #[test]
    fn format_names_are_stable() {
        for (format, name) in [(Format::SavedModel, "saved-model"), (Format::Hdf5, "hdf5"), (Format::Npy, "npy")] {
            assert_eq!(serde_json::to_value(format).unwrap(), name);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(path in ".{0,20}", bytes in prop::collection::vec(any::<u8>(), 0..600), size: u64) {
            let _ = detect(&path, &bytes, size);
        }

        #[test]
        fn no_protobuf_panics(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let bytes = [b"\x08\x08".as_slice(), &bytes].concat();
            let _ = detect("m", &bytes, bytes.len() as u64);
        }
    }
}
