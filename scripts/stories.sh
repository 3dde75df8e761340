#!/usr/bin/env bash
# Runs the stories of the examples, each to its end, and compares what they show with docs/stories/.
#   scripts/stories.sh --check    fails, with the difference, when a story shows something else
#   scripts/stories.sh --update   writes the transcripts
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:---check}
case $what in --check | --update) ;; *) echo "usage: scripts/stories.sh --check|--update" >&2; exit 2 ;; esac
export NO_COLOR=1
out=target/stories
mkdir -p "$out" docs/stories

# transcript NAME COMMAND TITLE: tells a story and makes its document.
transcript() {
  local name=$1 command=$2 title=$3
  "$command" >"$out/$name.log" 2>"$out/$name.err" || { cat "$out/$name.log" "$out/$name.err" >&2; echo "the story \`$name\` did not come to its end" >&2; exit 1; }
  {
    printf '# %s\n\nWhat `%s` shows, written by `scripts/stories.sh --update` and compared by `make test`. ' "$title" "$command"
    printf 'Digests, ids, times and numbers of entries\nare replaced by words.\n\n```text\n'
    python3 scripts/transcript.py <"$out/$name.log" | sed '1{/^$/d}'
    printf '```\n'
  } >"$out/$name.md"
}
transcript classifier scripts/demo.sh "Story: a classifier of high risk"
transcript llm-system examples/support-assistant/story.sh "Story: an LLM system"

for name in classifier llm-system; do
  if [ "$what" = --update ]; then
    cp "$out/$name.md" "docs/stories/$name.md"
  elif ! diff -u "docs/stories/$name.md" "$out/$name.md"; then
    echo "the story \`$name\` shows something else: is that meant? then run scripts/stories.sh --update" >&2
    exit 1
  fi
done
