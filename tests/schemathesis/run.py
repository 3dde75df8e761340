"""Schemathesis against the running server, as each role.

Usage: run.py CHANCERY SCHEMATHESIS [EXAMPLES]

Starts CHANCERY (the program) on an empty data folder, plants a restricted model whose every text holds a secret word, and has
SCHEMATHESIS (its command) send requests made from the OpenAPI document as each role. Fails at a 5xx, at an answer that its schema does not allow,
at a request that should have been refused, and when the secret word is in an answer to a role that may not read the model.
"""

import base64
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

# Scoped roles hold for a team that owns nothing; they read no other team's restricted model.
BLIND = ["viewer", "contributor", "deployer", "owner@team:elsewhere", "approver:security@team:elsewhere"]
SEEING = ["owner", "approver:ai-governance", "incident", "auditor", "administrator"]
SECRET = "quetzalcoatlus"
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance,"
    "negative_data_rejection,unsupported_method,ignored_auth"
)


def call(address, token, method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(address + path, data=data, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        sys.exit(f"{method} {path}: {error.code} {error.read().decode()}")


def start(program, data, log):
    server = subprocess.Popen([program, "serve", "--data", data, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=log, text=True)
    greeting = server.stdout.readline()
    address = next(word for word in greeting.split() if word.startswith("http://"))
    for _ in range(100):
        token = pathlib.Path(data, "admin-token")
        if token.exists():
            return server, address, token.read_text().strip()
        time.sleep(0.1)
    sys.exit("the server gave no first token")


def plant(address, administrator):
    """A team, its restricted model, and a token for each role."""
    for team in ["hidden", "elsewhere"]:
        call(address, administrator, "POST", "/api/v1/teams", {"name": team})
    profile = {"ownership": {"owning_team": "hidden"}, "classification": "restricted", "description": SECRET}
    call(address, administrator, "POST", "/api/v1/models", {"name": SECRET, "kind": "model", **profile})
    tokens = {}
    for role in BLIND + SEEING[:-1]:
        name = "".join(letter if letter.isalnum() else "-" for letter in role)
        call(address, administrator, "POST", "/api/v1/users", {"name": name, "kind": "person", "roles": [role]})
        tokens[role] = call(address, administrator, "POST", "/api/v1/tokens", {"user": name})["secret"]
    # Last: it may end the access of the others.
    return {**tokens, "administrator": administrator}


def told(record):
    """Answers in which the secret word is, though the request did not hold it."""
    entries = json.loads(record.read_text())["log"]["entries"]
    if not entries:
        sys.exit("no request was recorded")
    for entry in entries:
        content = entry["response"].get("content", {})
        text = content.get("text") or ""
        if content.get("encoding") == "base64":
            text = base64.b64decode(text).decode(errors="replace")
        if SECRET in text and SECRET not in json.dumps(entry["request"]):
            yield f"{entry['request']['method']} {entry['request']['url']}: {text[:500]}"


def main():
    program, schemathesis = sys.argv[1], sys.argv[2]
    examples = sys.argv[3] if len(sys.argv) > 3 else "4"
    configuration = pathlib.Path(__file__).with_name("schemathesis.toml")
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        log = open(os.path.join(folder, "server.log"), "w")
        server, address, administrator = start(program, os.path.join(folder, "data"), log)
        try:
            for role, token in plant(address, administrator).items():
                record = pathlib.Path(folder, "record.har")
                command = [schemathesis, "--config-file", str(configuration), "run", f"{address}/api/v1/openapi.json"]
                command += ["--header", f"Authorization: Bearer {token}", "--phases", "coverage,fuzzing", "--max-examples", examples]
                command += ["--checks", CHECKS, "--continue-on-failure", "--request-timeout", "60", "--generation-database", "none", "--no-color"]
                command += ["--report", "har", "--report-har-path", str(record), "--warnings", "off"]
                begun = time.monotonic()
                run = subprocess.run(command, capture_output=True, text=True, cwd=folder)
                leaks = list(told(record)) if role in BLIND else []
                cases = next((line.strip() for line in run.stdout.splitlines() if "generated" in line), "no cases")
                print(f"{role}: {cases}, {time.monotonic() - begun:.0f} s", flush=True)
                if run.returncode or leaks or server.poll() is not None:
                    failed.append(role)
                    print(run.stdout[-8000:] + run.stderr[-2000:])
                    print("\n".join(["told what it may not read:", *leaks[:5]]) if leaks else "", flush=True)
        finally:
            server.terminate()
            server.wait(30)
    sys.exit(f"failed as {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
