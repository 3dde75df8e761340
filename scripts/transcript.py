"""Makes a transcript of a story comparable: what differs from run to run becomes a word. Standard input to standard output.

Digests, ids, times, ports and the numbers of entries are replaced; lines that come in the order of digests or ids are sorted.
"""

import re
import sys

TIME = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?Z"
WORDS = [
    (r"\b[0-9a-f]{64}\b", "DIGEST"),
    (r"\b[a-z][0-9a-f]{32}\b", "ID"),
    (r"\b[0-9a-f]{40}\b", "COMMIT"),
    (r"\b[0-9a-f]{32}\b", "RUN"),
    (r"\b(?=[0-9a-f]*\d)[0-9a-f]{12}\b", "DIGEST"),
    (TIME, "TIME"),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
    (r"chancery\.local/[0-9a-f]{8}", "chancery.local/LOG"),
    (r"(?<!\w)(entry|Entry|ledger prove|--as-of|checkpoint) \d+\b", r"\1 N"),
    (r"\b\d+ (entries|checkpoints|payloads|derived rows|files?;|signed records|signed pieces)", r"N \1"),
    (r"(ledger entries: ) ?[\d, to]+$", r"\1 N"),
    (r"(--after) \w+", r"\1 CURSOR"),
    (r"^(\s+)\d+ +TIME", r"\1N  TIME"),
    (r"(TIME) +\d+$", r"\1  N"),
    (r"(\d+(?:\.\d+)? \w?i?B  TIME  )\d+$", r"\1N"),
    (r"(?<=\S) {2,}", "  "),
    (r" +$", ""),
]
# Lines whose order is that of random digests or ids, or of the clock's ticks.
UNORDERED = re.compile(r"^ +(openssl: |securesystemslib: |ID  |[a-z-]+\.[a-z-]+  )")


def main() -> None:
    lines, run = [], []
    for line in sys.stdin.read().splitlines():
        for pattern, word in WORDS:
            line = re.sub(pattern, word, line)
        if UNORDERED.match(line):
            run.append(line)
            continue
        lines += sorted(run) + [line]
        run = []
    print("\n".join(lines + sorted(run)))


if __name__ == "__main__":
    main()
