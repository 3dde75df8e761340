"""Checks with public Python packages what the server signs and describes. Nothing of Chancery is used.

verify.py decision ENVELOPE KEY.pem SCHEMA   DSSE signature (securesystemslib) and predicate (jsonschema)
verify.py statement ENVELOPE KEY.pem       DSSE signature of any in-toto statement; a key of another algorithm than P-256 says so in its PEM
verify.py openapi DOCUMENT                   OpenAPI 3.1 (openapi-spec-validator)
"""

import json
import pathlib
import sys

import jsonschema
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey


def decision(envelope_file: str, key_file: str, schema_file: str) -> None:
    data = json.loads(pathlib.Path(envelope_file).read_text())
    pem = pathlib.Path(key_file).read_text()
    # The key id is a hint: the library only looks keys up by it.
    key = SSlibKey(data["signatures"][0]["keyid"], "ecdsa", "ecdsa-sha2-nistp256", {"public": pem})
    envelope = Envelope.from_dict(data)
    assert len(envelope.verify([key], 1)) == 1
    statement = json.loads(envelope.payload)
    assert statement["_type"] == "https://in-toto.io/Statement/v1", statement["_type"]
    assert statement["predicateType"] == "https://chancery.dev/attestation/decision/v1", statement["predicateType"]
    schema = json.loads(pathlib.Path(schema_file).read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(statement["predicate"])
    # A verifier that accepts anything proves nothing.
    envelope.payload = envelope.payload.replace(b'"decision"', b'"derision"')
    try:
        envelope.verify([key], 1)
    except VerificationError:
        print(statement["predicate"]["decision"])
        return
    raise AssertionError("a changed payload was accepted")


def statement(envelope_file: str, key_file: str) -> None:
    data = json.loads(pathlib.Path(envelope_file).read_text())
    public = load_pem_public_key(pathlib.Path(key_file).read_bytes())
    key = SSlibKey.from_crypto(public, data["signatures"][0]["keyid"])
    envelope = Envelope.from_dict(data)
    assert len(envelope.verify([key], 1)) == 1
    found = json.loads(envelope.payload)
    assert found["_type"] == "https://in-toto.io/Statement/v1" and all(subject["digest"] for subject in found["subject"])
    envelope.payload = envelope.payload.replace(b'"_type"', b'"_typo"')
    try:
        envelope.verify([key], 1)
    except VerificationError:
        print(found["predicateType"])
        return
    raise AssertionError("a changed payload was accepted")


def openapi(document_file: str) -> None:
    document = json.loads(pathlib.Path(document_file).read_text())
    assert document["openapi"].startswith("3.1"), document["openapi"]
    validate(document, cls=OpenAPIV31SpecValidator)
    print(len(document["paths"]))


if __name__ == "__main__":
    {"decision": decision, "statement": statement, "openapi": openapi}[sys.argv[1]](*sys.argv[2:])
