"""Checks an evidence folder with securesystemslib: every signed record in it, and the decision predicate by its JSON Schema.

Usage: verify_evidence.py FOLDER
Nothing of Chancery is used: the verifier is the DSSE implementation of the in-toto and TUF projects. A record is checked with the key that
it names, one of the folder's decision*.pem; what does not hold, or names a key that is not there, is told on a line of its own.
"""

import base64
import hashlib
import json
import pathlib
import re
import sys

import jsonschema
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

DECISION = "https://chancery.dev/attestation/decision/v1"
SCHEMA = pathlib.Path(__file__).parent.parent / "docs" / "decision-v1.schema.json"
VSA = "https://slsa.dev/verification_summary/v1"
PEM = re.compile("-----BEGIN PUBLIC KEY-----\n.*?\n-----END PUBLIC KEY-----", re.DOTALL)


class Bad(Exception):
    """What does not hold, in words."""


def keys_in(paths) -> dict:
    """Public keys as the library wants them, by their ids: the SHA-256 of the DER, whatever the file is called. A file may hold several."""
    keys = {}
    for path in paths:
        for pem in PEM.findall(path.read_text()):
            named = hashlib.sha256(base64.b64decode("".join(pem.splitlines()[1:-1]))).hexdigest()
            keys[named] = SSlibKey(named, "ecdsa", "ecdsa-sha2-nistp256", {"public": pem + "\n"})
    return keys


def verify(path: pathlib.Path, keys: dict) -> dict:
    """The statement in an envelope, after its signature was checked with the key that it names."""
    data = json.loads(path.read_text())
    named = data["signatures"][0].get("keyid", "")
    if named not in keys:
        known = ", ".join(sorted(keys)) or "none"
        raise Bad(f"it was signed with the key {named or '(not named)'}, which is not among the keys of this folder ({known})")
    envelope = Envelope.from_dict(data)
    try:
        envelope.verify([keys[named]], 1)
    except VerificationError:
        raise Bad(f"the signature is not that of the key {named}") from None
    return json.loads(envelope.payload)


def record(statement: dict, schema: dict) -> str:
    """What a record of the registry says."""
    predicate = statement["predicate"]
    if statement["predicateType"] == DECISION:
        try:
            jsonschema.validate(predicate, schema)
        except jsonschema.ValidationError as error:
            raise Bad(f"the decision does not fit its schema: {error.message}") from None
        return f"decision {predicate['decision']} {predicate['transition']['from']} -> {predicate['transition']['to']}"
    if statement["predicateType"] == VSA:
        return f"verification summary: {predicate['verificationResult']}"
    return f"approval by {predicate['by']['displayName']} as {predicate['role']}"


def main() -> int:
    folder = pathlib.Path(sys.argv[1])
    if not (folder / "envelopes").is_dir():
        print(f"{folder} is no evidence folder", file=sys.stderr)
        return 1
    schema = json.loads(SCHEMA.read_text())
    keys = keys_in(folder.glob("decision*.pem"))
    bad = []

    def check(path: pathlib.Path, say) -> None:
        try:
            print(f"securesystemslib: {path.name[:12]} {say()}")
        except Bad as reason:
            bad.append(f"{path.relative_to(folder)}: {reason}")

    envelopes = sorted((folder / "envelopes").glob("*.dsse.json"))
    if not envelopes:
        bad.append("there is no signed record in the folder")
    for path in envelopes:
        check(path, lambda path=path: record(verify(path, keys), schema))
    signed = sorted((folder / "signed-evidence").glob("*.ecdsa-p256-sha256.pem"))
    for pem in signed:
        path = pem.with_name(pem.name.split(".")[0] + ".dsse.json")
        check(path, lambda path=path, pem=pem: f"evidence {verify(path, keys_in([pem]))['predicateType']}")
    checked = {pem.name.split(".")[0] for pem in signed}
    for path in sorted((folder / "signed-evidence").glob("*.dsse.json")):
        if path.name.split(".")[0] not in checked:
            print(f"not checked: {path.relative_to(folder)}: no ECDSA key is registered for who signed it")
    for path in (folder / "payloads").iterdir():
        if hashlib.sha256(path.read_bytes()).hexdigest() != path.name:
            bad.append(f"{path.relative_to(folder)}: the document is not the one that its name says")
    if bad:
        print("\n".join(bad), file=sys.stderr)
        return 1
    print(f"{len(envelopes)} signed records, {len(signed)} signed pieces of evidence and every document hold")
    return 0


if __name__ == "__main__":
    sys.exit(main())
