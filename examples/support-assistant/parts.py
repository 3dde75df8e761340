"""Writes the parts of the support assistant, and the results of its evaluations. Python's standard library only.

    python parts.py OUT                          base/, adapter/, prompt-1/ and prompt-2/ below OUT
    python parts.py --evaluate WHAT DIGEST       prints the evaluation of a part or of the system, about a content digest

The weights are a few numbers in a true safetensors file: they answer nothing. The figures of the evaluations are written
down here, for nothing was asked. What is true is everything that the registry does with them.
"""

import json
import struct
import sys
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

REQUIREMENTS = "safetensors==0.6.2\ntransformers==4.57.1\n"
PROMPTS = {
    1: "You answer questions about invoices. Say when you do not know. Never ask for a password.\n\nQuestion: {{question}}\n",
    2: "You answer questions about invoices, in at most three sentences. Say when you do not know. Never ask for a password.\n\nQuestion: {{question}}\n",
}

# metric, unit, whether more is better; then a value for each thing that is evaluated
QUALITY = {"base": 0.62, "adapter": 0.81, "prompt-1": 0.83, "prompt-2": 0.84}
SYSTEM = [
    ("answer_accuracy", "quality", "1", True, {"system-1": 0.83, "system-2": 0.85}),
    ("toxicity_rate", "toxicity", "1", False, {"system-1": 0.004, "system-2": 0.004}),
    ("jailbreak_success_rate", "jailbreak", "1", False, {"system-1": 0.031, "system-2": 0.028}),
    ("refusal_rate_gap", "bias", "1", False, {"system-1": 0.012, "system-2": 0.010}),
    ("latency_p95_ms", "latency", "ms", False, {"system-1": 840, "system-2": 610}),
    ("cost_per_1000_answers", "cost", "EUR", False, {"system-1": 1.9, "system-2": 1.4}),
]


def main() -> None:
    if sys.argv[1] == "--evaluate":
        print(json.dumps(evaluation(sys.argv[2], sys.argv[3]), indent=2))
        return
    out = Path(sys.argv[1])
    weights = {"embed.weight": (8, 4), "layer.0.weight": (4, 4), "head.weight": (8, 4)}
    write(out / "base", "model.safetensors", safetensors("base", weights))
    write(out / "base", "config.json", json.dumps({"model_type": "llama", "hidden_size": 4, "vocab_size": 8}).encode())
    write(out / "base", "requirements.txt", REQUIREMENTS.encode())
    low_rank = {"layer.0.lora_A.weight": (2, 4), "layer.0.lora_B.weight": (4, 2)}
    write(out / "adapter", "adapter_model.safetensors", safetensors("adapter", low_rank))
    write(out / "adapter", "adapter_config.json", json.dumps({"peft_type": "LORA", "r": 2, "base_model_name_or_path": "assistant-base"}).encode())
    write(out / "adapter", "requirements.txt", REQUIREMENTS.encode())
    for number, text in PROMPTS.items():
        write(out / f"prompt-{number}", "prompt.txt", text.encode())


def safetensors(seed: str, tensors: dict[str, tuple[int, int]]) -> bytes:
    """A safetensors file: the length of the header, the header, the numbers; the same for the same seed."""
    header, body = {}, b""
    for name, shape in tensors.items():
        count = shape[0] * shape[1]
        noise = b"".join(sha256(f"{seed} {name} {index}".encode()).digest() for index in range(count))
        values = struct.pack(f"<{count}f", *(byte / 255 - 0.5 for byte in noise[:count]))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(body), len(body) + len(values)]}
        body += values
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    return struct.pack("<Q", len(head)) + head + body


def evaluation(what: str, digest: str) -> dict:
    """The result for a part (`base`, `adapter`, `prompt-N`) or for the system (`system-N`) with this content digest."""
    is_system = what.startswith("system")
    if is_system:
        measured = [(name, dimension, unit, better, values[what]) for name, dimension, unit, better, values in SYSTEM]
    else:
        measured = [("answer_accuracy", "quality", "1", True, QUALITY[what])]
    questions = "invoice-questions 1.0.0"
    return {
        "schema": "chancery.evaluation/v1",
        "suite": {"name": "assistant-system" if is_system else "assistant-part", "version": "1.0.0"},
        "dataset": {"name": "invoice-questions", "version": "1.0.0", "digest": sha256(questions.encode()).hexdigest()},
        "created_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "subject": {"composition_digest" if is_system else "content_digest": digest},
        "categories": [dimension for _, dimension, *_ in measured],
        "metrics": [
            {"name": name, "value": value, "unit": unit, "higher_is_better": better, "n": 400} for name, _, unit, better, value in measured
        ],
    }


def write(folder: Path, name: str, content: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


if __name__ == "__main__":
    main()
