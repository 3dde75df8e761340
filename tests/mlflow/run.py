"""Runs the scenarios against one server, with the client that is installed. One line for each; fails when one fails or none ran.

    run.py URL [--token TOKEN] [--mode warn|enforce|reference] [--viewer TOKEN] [--approver TOKEN] [--pid PID] [--only WORD]
"""

import argparse
import logging
import os
import sys
import time
import traceback
import warnings

parser = argparse.ArgumentParser()
parser.add_argument("url")
parser.add_argument("--token", help="of a person who may register, transition and delete")
parser.add_argument("--viewer", help="token of a person who may only read")
parser.add_argument("--approver", help="token of another person, who approves in the role `product` and lowers risk tiers")
parser.add_argument("--mode", choices=["warn", "enforce", "reference"], default="warn", help="`reference` is `mlflow server` itself")
parser.add_argument("--pid", type=int, help="process of the server, for the scenarios that watch its memory")
parser.add_argument("--only", help="scenarios with this word in their names")
arguments = parser.parse_args()

os.environ.update(
    MLFLOW_TRACKING_URI=arguments.url,
    MLFLOW_REGISTRY_URI=arguments.url,
    MLFLOW_DISABLE_TELEMETRY="true",
    MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR="false",
    MLFLOW_HTTP_REQUEST_MAX_RETRIES="2",
    GIT_PYTHON_REFRESH="quiet",
)
warnings.filterwarnings("ignore")

import mlflow  # noqa: E402  (it reads the environment)

import kit  # noqa: E402
import scenarios  # noqa: E402,F401  (it fills the list)

logging.getLogger("mlflow").setLevel(logging.ERROR)
# The client says on standard error what it registered.
sys.stderr = open(os.devnull, "w")  # noqa: SIM115


def holds(scenario) -> bool:
    """Runs one scenario and says how it went."""
    world.fresh(scenario.name)
    kit.login(arguments.token)
    start = time.monotonic()
    try:
        scenario.run(world)
    except Exception:
        print(f"FAILED {scenario.name}\n{traceback.format_exc()}", flush=True)
        return False
    finally:
        world.tidy()
    print(f"ok {time.monotonic() - start:6.2f}s {scenario.name}", flush=True)
    return True


world = kit.World(arguments.url, arguments.mode, token=arguments.token, users={"viewer": arguments.viewer, "approver": arguments.approver}, pid=arguments.pid, soak="CHANCERY_SOAK" in os.environ)
wanted = [
    found
    for found in kit.SCENARIOS
    if (arguments.only or "") in found.name
    and kit.MAJOR in found.clients
    and (found.only is None if world.is_reference else world.mode in found.modes)
]
results = [holds(found) for found in wanted]
print(f"mlflow {mlflow.__version__}, {arguments.mode}: {sum(results)} passed, {len(results) - sum(results)} failed")
sys.exit(0 if results and all(results) else 1)
