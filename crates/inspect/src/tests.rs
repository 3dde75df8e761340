use super::*;
use crate::files::tests::Memory;
use proptest::prelude::*;
use serde_json::json;

const MLMODEL: &[u8] = include_bytes!("../tests/fixtures/MLmodel");
const CONDA: &[u8] = include_bytes!("../tests/fixtures/conda.yaml");
const PYTHON_ENV: &[u8] = include_bytes!("../tests/fixtures/python_env.yaml");
const REQUIREMENTS: &[u8] = include_bytes!("../tests/fixtures/requirements.txt");
const PICKLE: &[u8] = b"\x80\x04\x95\x47\x03\0\0\0\0\0\0\x8c\x1esklearn.linear_model._logistic\x94";

fn problems(inspection: &Inspection) -> Vec<(&str, &str)> {
    inspection.problems.iter().map(|problem| (problem.path.as_str(), problem.message.as_str())).collect()
}

#[test]
fn a_model_saved_by_mlflow_is_understood() {
    for base in ["", "model/"] {
        let path = |name: &str| format!("{base}{name}");
        let inspection = inspect(&Memory::new(&[
            (&path("MLmodel"), MLMODEL),
            (&path("conda.yaml"), CONDA),
            (&path("python_env.yaml"), PYTHON_ENV),
            (&path("requirements.txt"), REQUIREMENTS),
            (&path("model.pkl"), PICKLE),
        ]));
        assert_eq!(problems(&inspection), []);
        let formats: Vec<_> = inspection.files.iter().map(|file| file.format).collect();
        assert_eq!(formats, [Format::Yaml, Format::Yaml, Format::Pickle, Format::Yaml, Format::Text]);
        assert_eq!(inspection.flavour.as_deref(), Some("scikit-learn"));
        let framework = inspection.framework.as_ref().unwrap();
        assert_eq!((framework.name.as_str(), framework.version.as_deref()), ("scikit-learn", Some("1.9.1")));
        assert_eq!(inspection.signature.as_ref().unwrap().inputs.len(), 3);
        assert!(inspection.environment.as_ref().unwrap().pinned);
        let json = serde_json::to_value(&inspection).unwrap();
        assert_eq!(json["files"][2], json!({"path": path("model.pkl"), "size": PICKLE.len(), "format": "pickle"}));
        assert_eq!(json["signature"]["inputs"][0], json!({"name": "duration", "type": "double", "required": true}));
        assert_eq!(serde_json::from_value::<Inspection>(json).unwrap(), inspection);
    }
}

#[test]
fn the_framework_is_found_without_mlmodel() {
    let zip = b"PK\x03\x04xxxxxxxxxxxxxxxxxxxxxxarchive/data.pkl".as_slice();
    type Case<'a> = (Vec<(&'a str, &'a [u8])>, Option<&'a str>, Option<&'a str>);
    let cases: Vec<Case<'_>> = vec![
        (vec![("a.bin", PICKLE), ("requirements.txt", b"scikit-learn==1.5.0")], Some("scikit-learn"), Some("1.5.0")),
        (vec![("a.pkl", b"\x80\x04\x95\0\0\0\0\0\0\0\0\x8c\x0fxgboost.sklearn\x94")], Some("xgboost"), None),
        (vec![("a.pt", zip), ("requirements.txt", b"torch==2.3.0")], Some("pytorch"), Some("2.3.0")),
        (vec![("saved_model.pb", b"\x08\x01\x12\x90\x03\x0a\x10")], Some("tensorflow"), None),
        (vec![("m.onnx", b"\x08\x08\x12\x07pytorch")], Some("onnx"), None),
        (vec![("config.json", b"{\"transformers_version\": \"4.44.0\"}")], Some("transformers"), Some("4.44.0")),
        (vec![("config.json", b"{\"colour\": \"red\"}")], None, None),
        (vec![("MLmodel", b"flavors: {python_function: {}, my_flavor: {}}")], Some("my-flavor"), None),
        (vec![("MLmodel", b"flavors: {python_function: {loader_module: m}}")], Some("python-function"), None),
        (vec![("readme", b"hello")], None, None),
        (vec![], None, None),
    ];
    for (files, flavour, version) in cases {
        let inspection = inspect(&Memory::new(&files));
        assert_eq!(inspection.flavour.as_deref(), flavour, "{files:?}");
        assert_eq!(inspection.framework.and_then(|framework| framework.version).as_deref(), version, "{files:?}");
    }
}

#[test]
fn malformed_files_are_reported_by_name() {
    let large = vec![b'#'; mlmodel::MAX_MLMODEL_BYTES as usize + 1];
    let header = br#"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}"#;
    let truncated = [(header.len() as u64).to_le_bytes().as_slice(), header, b"x"].concat();
    let python: &[u8] = b"flavors: !!python/object/apply:os.system ['id']";
    for (path, bytes, expected) in [
        ("MLmodel", b"flavors: [".as_slice(), ""),
        ("MLmodel", python, "tag"),
        ("MLmodel", &large, "larger than 1048576 bytes"),
        ("MLmodel", b"flavors: {}\nsignature: {inputs: '[1]'}", "signature inputs, column 0: no `type`"),
        ("conda.yaml", b"a: {", ""),
        ("requirements.txt", b"\xff", "not UTF-8 text"),
        ("a.safetensors", &truncated, "the tensors take 2 bytes and the file has 1"),
        ("a.safetensors", PICKLE, "the header claims"),
        ("a.safetensors", b"", "shorter than 8 bytes"),
    ] {
        let inspection = inspect(&Memory::new(&[(path, bytes)]));
        let found = problems(&inspection);
        assert_eq!(found.len(), 1, "{path}: {found:?}");
        assert!(found[0].0 == path && found[0].1.contains(expected), "{found:?}");
    }
}

#[test]
fn listings_that_lie_are_reported() {
    struct Liar(Vec<FileEntry>);
    impl Files for Liar {
        fn list(&self) -> &[FileEntry] {
            &self.0
        }
        fn read(&self, _: &str, _: u64) -> std::io::Result<Vec<u8>> {
            Err(std::io::ErrorKind::PermissionDenied.into())
        }
    }
    let entry = |path: &str| FileEntry { path: path.to_owned(), size: 1 };
    let listing = ["../x", "a\0b", "model.pkl", "model.pkl"].map(entry).to_vec();
    let inspection = inspect(&Liar(listing));
    assert_eq!(inspection.files.len(), 1);
    let paths: Vec<_> = problems(&inspection).into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["../x", "a b", "model.pkl", "model.pkl"]);
    let many = (0..=files::MAX_FILES).map(|index| entry(&format!("{index:06}"))).collect();
    let inspection = inspect(&Liar(many));
    assert_eq!(inspection.files.len(), files::MAX_FILES);
    assert_eq!(inspection.problems.len(), MAX_PROBLEMS + 1);
    assert_eq!(inspection.problems[0].message, "more than 100000 files; the rest is not inspected");
    assert_eq!(inspection.problems.last().unwrap().message, "more problems, which are not listed");
}

#[test]
fn an_unreadable_environment_is_not_pinned() {
    let inspection = inspect(&Memory::new(&[("conda.yaml", b"a: {"), ("requirements.txt", b"numpy==1")]));
    assert!(!inspection.environment.unwrap().pinned);
}

#[test]
fn only_the_nearest_mlmodel_is_read() {
    let inspection = inspect(&Memory::new(&[("a/b/MLmodel", b"flavors: {onnx: {}}"), ("z/MLmodel", MLMODEL), ("z/notMLmodel", b"flavors: {}")]));
    assert_eq!(inspection.flavour.as_deref(), Some("scikit-learn"));
    assert_eq!(problems(&inspection), [("a/b/MLmodel", "another MLmodel file, which is not read")]);
}

proptest! {
    #[test]
    fn no_package_panics(contents in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 6)) {
        let names = ["MLmodel", "conda.yaml", "requirements.txt", "python_env.yaml", "a.safetensors", "config.json"];
        let files: Vec<_> = names.into_iter().zip(contents.iter().map(Vec::as_slice)).collect();
        let inspection = inspect(&Memory::new(&files));
        prop_assert_eq!(inspection.files.len(), names.len());
    }
}
