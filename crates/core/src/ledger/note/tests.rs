use super::*;

/// The first example of golang.org/x/mod/sumdb/note.
const GO_VKEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const GO_SEED: &str = "810a1402d5146c8d84f2443330f54080ebf98ee17d9c74f6252fc5d5c7283173";
const GO_NOTE: &str = "If you think cryptography is the answer to your problem,\n\
    then you don't know what your problem is.\n\
    \n\
    — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
/// Made with openssl from a seed of 32 bytes 0x01.
const GOLDEN_NOTE: &str = "text\n\n\
    — example.com/log m+XTxnlOYYB7v2Z0P31BmIZJv66GLWfWwFMwNh5SVj5R8P+PawZECG2DZPdOV+RNVE34zZXaETnt/4rYnc8IX9sAjwk=\n";
/// The text of the example of the C2SP document, with a blank line and letters beyond ASCII.
const QUASIMODO: &str = "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n";

fn signer(name: &str, seed: u8) -> Signer {
    Signer::new(name, &[seed; 32]).unwrap()
}

fn verifiers(signers: &[&Signer]) -> Vec<Verifier> {
    signers.iter().map(|signer| signer.verifier().clone()).collect()
}

fn signature_line(note: &str) -> &str {
    note.rsplit_once("\n\n").unwrap().1
}

#[test]
fn a_note_signed_by_go_opens_and_is_signed_alike() {
    let verifier: Verifier = GO_VKEY.parse().unwrap();
    assert_eq!(verifier.name(), "PeterNeumann");
    assert_eq!(verifier.to_string(), GO_VKEY);
    let text = open(GO_NOTE, &[verifier]).unwrap();
    let seed = hex::decode(GO_SEED).unwrap().try_into().unwrap();
    let signer = Signer::new("PeterNeumann", &seed).unwrap();
    assert_eq!(signer.sign(text).unwrap(), GO_NOTE);
}

#[test]
fn a_signed_note_opens_here_and_in_the_reference() {
    let signer = signer("example.com/log", 7);
    for text in [QUASIMODO, "\n", "a\n\n", "a\n\n— not a signature\n"] {
        let note = signer.sign(text).unwrap();
        assert_eq!(open(&note, &verifiers(&[&signer])), Ok(text));
        let vkey = signer.verifier().to_string();
        let reference = signed_note::StandardVerifier::new(&vkey).unwrap();
        let known = signed_note::VerifierList::new(vec![Box::new(reference)]);
        let parsed = signed_note::Note::from_bytes(note.as_bytes()).unwrap();
        assert_eq!(parsed.verify(&known).unwrap().0.len(), 1);
    }
}

#[test]
fn a_signed_note_is_the_one_that_openssl_makes() {
    let note = signer("example.com/log", 1).sign("text\n").unwrap();
    assert_eq!(note, GOLDEN_NOTE);
}

#[test]
fn only_well_formed_text_is_signed() {
    let signer = signer("example.com/log", 7);
    for text in ["", "no newline", "tab\t\n", "return\r\n", "nul\0\n"] {
        assert_eq!(signer.sign(text), Err(NoteError::Text), "{text:?}");
    }
}

#[test]
fn unknown_keys_are_ignored_and_known_wrong_signatures_refuse() {
    let (log, witness) = (signer("example.com/log", 1), signer("witness.example", 2));
    let same_name = signer("example.com/log", 3);
    let note = log.sign("text\n").unwrap();
    let witnessed = note.clone() + signature_line(&witness.sign("text\n").unwrap());
    let wrong = note.clone() + signature_line(&witness.sign("other\n").unwrap());
    let unsigned = Err(NoteError::Unsigned);
    for (note, known, expected) in [
        (&note, &[&log][..], Ok("text\n")),
        (&note, &[], unsigned.clone()),
        (&note, &[&witness], unsigned.clone()),
        (&note, &[&same_name], unsigned),
        (&note, &[&same_name, &log], Ok("text\n")),
        (&witnessed, &[&log], Ok("text\n")),
        (&witnessed, &[&witness], Ok("text\n")),
        (&witnessed, &[&log, &witness], Ok("text\n")),
        (&wrong, &[&log], Ok("text\n")),
        (&wrong, &[&log, &witness], Err(NoteError::WrongSignature("witness.example".to_owned()))),
    ] {
        assert_eq!(open(note, &verifiers(known)), expected, "{note}");
    }
}

#[test]
fn sixteen_signatures_are_accepted_and_a_flood_is_not() {
    let log = signer("example.com/log", 1);
    let note = log.sign("text\n").unwrap();
    let other = signer("other.example", 2).sign("text\n").unwrap();
    let with_lines = |count| note.clone() + &signature_line(&other).repeat(count);
    assert_eq!(open(&with_lines(15), &verifiers(&[&log])), Ok("text\n"));
    assert_eq!(open(&with_lines(99), &verifiers(&[&log])), Ok("text\n"));
    assert!(open(&with_lines(100), &verifiers(&[&log])).is_err());
}

#[test]
fn malformed_notes_are_refused() {
    let log = signer("example.com/log", 1);
    let note = log.sign("text\n").unwrap();
    for changed in [
        String::new(),
        "text\n".to_owned(),
        "text\n\n".to_owned(),
        note.replace("\n\n", "\n"),
        note.trim_end().to_owned(),
        note.clone() + "\n",
        note.clone() + "more\n",
        note.replace("— ", "- "),
        note.replace("— ", "—"),
        note.replace("example.com/log ", " "),
        note.replace("example.com/log ", "example.com/log  "),
        note.replace("=\n", "\n"),
        note.replace("text", "te\txt"),
        note.replace("text", "te\u{1}xt"),
        note.replace('\n', "\r\n"),
        "text\n\n— example.com/log AAAAAA==\n".to_owned(),
    ] {
        let opened = open(&changed, &verifiers(&[&log]));
        assert!(matches!(opened, Err(NoteError::Malformed(_))), "{changed:?}");
    }
    let changed_text = note.replace("text", "next");
    let opened = open(&changed_text, &verifiers(&[&log]));
    assert!(matches!(opened, Err(NoteError::WrongSignature(_))));
}

#[test]
fn malformed_keys_are_refused() {
    for vkey in [
        "",
        "PeterNeumann",
        "PeterNeumann+c74f20a3",
        "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeuman+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+AhpC2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10",
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW\n",
    ] {
        assert!(vkey.parse::<Verifier>().is_err(), "{vkey}");
    }
    for name in ["", "a b", "a+b", "a\u{2003}b", "a\nb", "a\u{1}b"] {
        assert!(Signer::new(name, &[1; 32]).is_err(), "{name:?}");
    }
}
