"""Checks an evidence folder with securesystemslib: every signed record in it, and the decision predicate by its JSON Schema.

Usage: verify_evidence.py FOLDER
Nothing of Chancery is used: the verifier is the DSSE implementation of the in-toto and TUF projects.
"""

import hashlib
import json
import pathlib
import sys

import jsonschema
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey

DECISION = "https://chancery.dev/attestation/decision/v1"
SCHEMA = pathlib.Path(__file__).parent.parent / "docs" / "decision-v1.schema.json"


VSA = "https://slsa.dev/verification_summary/v1"


def key(pem: str) -> SSlibKey:
    """The public key as the library wants it."""
    return SSlibKey("decision", "ecdsa", "ecdsa-sha2-nistp256", {"public": pem})


def verify(path: pathlib.Path, public: SSlibKey) -> dict:
    """The statement in an envelope, after its signature was checked."""
    data = json.loads(path.read_text())
    # The library identifies keys by keyid; ours is the SHA-256 of the public key and is not a security input.
    signer = SSlibKey(data["signatures"][0]["keyid"], public.keytype, public.scheme, public.keyval)
    envelope = Envelope.from_dict(data)
    accepted = envelope.verify([signer], 1)
    assert len(accepted) == 1, path
    return json.loads(envelope.payload)


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    public = key((folder / "decision.pem").read_text())
    schema = json.loads(SCHEMA.read_text())
    envelopes = sorted((folder / "envelopes").glob("*.dsse.json"))
    assert envelopes, "no signed record in the folder"
    for path in envelopes:
        statement = verify(path, public)
        predicate = statement["predicate"]
        if statement["predicateType"] == DECISION:
            jsonschema.validate(predicate, schema)
            print(f"securesystemslib: {path.name[:12]} decision {predicate['decision']} {predicate['transition']['from']} -> {predicate['transition']['to']}")
        elif statement["predicateType"] == VSA:
            print(f"securesystemslib: {path.name[:12]} verification summary: {predicate['verificationResult']}")
        else:
            print(f"securesystemslib: {path.name[:12]} approval by {predicate['by']['displayName']} as {predicate['role']}")
    signed = sorted((folder / "signed-evidence").glob("*.ecdsa-p256-sha256.pem"))
    for path in signed:
        statement = verify(path.with_name(path.name.split(".")[0] + ".dsse.json"), key(path.read_text()))
        print(f"securesystemslib: {path.name[:12]} evidence {statement['predicateType']}")
    for path in (folder / "payloads").iterdir():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name, path
    print(f"{len(envelopes)} signed records, {len(signed)} signed pieces of evidence and every document hold")


if __name__ == "__main__":
    main()
