#!/usr/bin/env python3
"""A CI system's issuer of workload tokens, for the stories and for trying things out. A real one is that of GitHub, GitLab or Kubernetes.

  issuer.py new FOLDER                      makes FOLDER/key.pem and FOLDER/jwks.json
  issuer.py token FOLDER CLAIM=VALUE…       prints a token; iss, aud and sub are among the claims to give

ISSUER_CLOCK_OFFSET seconds are added to the time, for a registry whose clock is moved.
"""
import base64, json, os, sys, time, uuid
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def new(folder):
    folder.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    descriptor = os.open(folder / "key.pem", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
    point = key.public_key().public_numbers()
    member = {"kty": "EC", "crv": "P-256", "kid": "1", "use": "sig", "alg": "ES256",
              "x": encoded(point.x.to_bytes(32)), "y": encoded(point.y.to_bytes(32))}
    (folder / "jwks.json").write_text(json.dumps({"keys": [member]}))


def token(folder, claims):
    now = int(time.time()) + int(os.environ.get("ISSUER_CLOCK_OFFSET", "0"))
    claims = {"iat": now, "nbf": now, "exp": now + 300, "jti": str(uuid.uuid4())} | dict(claim.split("=", 1) for claim in claims)
    signed = ".".join(encoded(json.dumps(part).encode()) for part in ({"alg": "ES256", "kid": "1", "typ": "JWT"}, claims))
    key = serialization.load_pem_private_key((folder / "key.pem").read_bytes(), None)
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{signed}.{encoded(r.to_bytes(32) + s.to_bytes(32))}"


match sys.argv[1:]:
    case ["new", folder]:
        new(Path(folder))
    case ["token", folder, *claims]:
        print(token(Path(folder), claims))
    case _:
        sys.exit(__doc__)
