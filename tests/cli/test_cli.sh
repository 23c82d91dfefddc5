#!/bin/bash
# The command as a user types it. Usage: test_cli.sh PATH-OF-RAPT. Prints «N passed, N failed».
set -u
rapt=$(realpath "$1") || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
export RAPT_HOME=$work/home
cd "$work" || exit 1
passed=0 failed=0

# expect CODE PATTERN-IN-STDOUT PATTERN-IN-STDERR COMMAND…; an empty pattern wants nothing there, «-» anything.
expect() {
  local code=$1 out=$2 err=$3 got bad=
  shift 3
  "$@" >out.txt 2>err.txt </dev/null
  got=$?
  [ "$got" -eq "$code" ] || bad="exit code $got instead of $code"
  check out.txt "$out" || bad="$bad; standard output lacks «$out»"
  check err.txt "$err" || bad="$bad; standard error lacks «$err»"
  if [ -z "$bad" ]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "failed: $*: $bad"
    head -n 5 out.txt err.txt
  fi
}
check() {
  case $2 in
  -) true ;;
  '') [ ! -s "$1" ] ;;
  *) grep -qE -- "$2" "$1" ;;
  esac
}
same() { # same WHAT FILE FILE
  if cmp -s "$2" "$3"; then passed=$((passed + 1)); else failed=$((failed + 1)) && echo "failed: $1"; fi
}

expect 2 '' 'usage: rapt' "$rapt"
expect 0 'usage: rapt' '' "$rapt" --help
expect 0 '^rapt [0-9]+\.[0-9]+\.[0-9]+$' '' "$rapt" --version
expect 2 '' 'did you mean "train"' "$rapt" trian
for c in recipes show train eval generate bench doctor; do expect 0 "usage: rapt $c" '' "$rapt" "$c" --help; done
expect 0 '^gpt ' '' "$rapt" recipes
expect 2 '' 'unexpected argument' "$rapt" recipes more
expect 0 'model\.layers' '' "$rapt" show gpt
expect 2 '' 'did you mean "gpt"' "$rapt" show gtp
expect 0 'kernels' '' "$rapt" doctor
expect 2 '' 'which recipe' "$rapt" train
expect 2 '' 'did you mean "gpt"' "$rapt" train gptt
expect 2 '' 'model\.layers' "$rapt" train gpt model.layer=2
expect 2 '' 'train\.steps' "$rapt" train gpt train.steps=many
expect 2 '' 'unknown option' "$rapt" train gpt --fast
expect 2 '' 'does not divide' "$rapt" train gpt data=./none.txt out=never model.heads=3
expect 1 - '' test -e never
expect 1 '' 'none\.txt' "$rapt" train gpt data=./none.txt out=none
expect 1 '' '^rapt: ' "$rapt" train gpt data=/ out=folder
expect 1 '' 'nowhere' "$rapt" train --resume nowhere
expect 1 '' 'nowhere' "$rapt" eval nowhere -
expect 1 '' 'nowhere' "$rapt" generate nowhere
expect 2 '' 'which model' "$rapt" generate
expect 2 '' 'top-k' "$rapt" generate d --top-k lots

for i in $(seq 300); do echo "line $i: the cat sat on mat $((i * 7 % 13))."; done >text.txt
small="model.layers=1 model.width=16 model.heads=2 model.context=16 train.batch=4 train.warmup=2 train.evals=2 train.sample_tokens=20"
# shellcheck disable=SC2086
expect 0 'validation loss' 'done: one' "$rapt" train gpt data=text.txt out=one train.steps=40 $small
expect 1 '' 'holds a run already' "$rapt" train gpt data=text.txt out=one
expect 1 '' 'too short' "$rapt" train gpt data=text.txt out=two model.context=100000 $small model.context=100000
for f in config.json model.safetensors tokenizer.json metrics.jsonl loss.svg report.html; do
  expect 0 - '' test -s "one/$f"
done
expect 0 'perplexity' '' "$rapt" eval one text.txt
expect 0 '^\{"loss": ' '' "$rapt" eval one text.txt --json
echo "Ω" >omega.txt
expect 2 '' 'not in the vocabulary' "$rapt" eval one omega.txt
expect 0 'the cat' '' "$rapt" generate one --prompt 'the cat' --tokens 30 --seed 5
cp out.txt first.txt
expect 0 - '' "$rapt" generate one --prompt 'the cat' --tokens 30 --seed 5
same 'the same seed gives another text' first.txt out.txt
expect 0 - '' "$rapt" generate one --prompt 'the cat' --tokens 30 --seed 5 --no-cache
same 'the text differs without the cache' first.txt out.txt
expect 1 - 'standard output' sh -c "exec '$rapt' recipes >/dev/full"

"$rapt" show gpt --config | sed -e 's/^data:.*/data: text.txt/; s/^out:.*/out: yaml/; s/steps: 2000/steps: 5/; s/layers: 4/layers: 1/; s/width: 128/width: 16/; s/context: 64/context: 16/' >my.yaml
expect 0 'validation loss' 'done: yaml' "$rapt" train my.yaml
printf 'recipe: gpt\ntrain:\n  step: 3\n' >bad.yaml
expect 2 '' 'bad.yaml:3.*train.steps' "$rapt" train bad.yaml
printf 'recipe: [gpt]\n' >list.yaml
expect 1 '' 'list.yaml:1' "$rapt" train list.yaml

# Ctrl-C saves; going on gives the weights of the run that was never stopped.
# shellcheck disable=SC2086
expect 0 - - "$rapt" train gpt data=text.txt out=whole train.steps=400 train.sample_every=0 $small
# shellcheck disable=SC2086
"$rapt" train gpt data=text.txt out=part train.steps=400 train.sample_every=0 $small >/dev/null 2>err.txt &
for _ in $(seq 200); do
  [ -s part/metrics.jsonl ] && break
  sleep 0.01
done
kill -INT $! 2>/dev/null
wait $!
expect 0 - 'done: part' "$rapt" train --resume part
same 'an interrupted run ends in other weights' whole/model.safetensors part/model.safetensors

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
