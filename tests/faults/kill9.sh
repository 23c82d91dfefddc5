#!/bin/bash
# kill -9 at random moments of a training that saves all the time: what is on disk always loads and goes on.
# Usage: kill9.sh PATH-OF-RAPT [TIMES [SEED]]
set -u
rapt=$(realpath "$1") times=${2:-50}
RANDOM=${3:-$(date +%s)}
echo "seed of the moments: ${3:-now}, $times kills"
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
export RAPT_HOME=$work/home
cd "$work" || exit 1
for i in $(seq 200); do echo "line $i: the cat sat on mat $((i * 7 % 13))."; done >text.txt
start() {
  "$rapt" train gpt data=text.txt out=run model.layers=1 model.width=16 model.heads=2 model.context=16 train.batch=2 train.warmup=2 \
    train.evals=1 train.eval_every=3 train.sample_every=0 train.sample_tokens=0 train.save_every=1 train.steps=1000000 train.threads=1 >/dev/null 2>err.txt &
}
loaded=0
for i in $(seq "$times"); do
  if [ -s run/checkpoint.safetensors ]; then "$rapt" train --resume run >/dev/null 2>err.txt & else rm -rf run && start; fi
  pid=$!
  sleep "0.$(printf %03d $((20 + RANDOM % 180)))"
  if ! kill -9 "$pid" 2>/dev/null; then
    echo "kill $i: the run had ended by itself: $(cat err.txt)"
    exit 1
  fi
  wait "$pid" 2>/dev/null
  if [ -s run/model.safetensors ]; then
    "$rapt" eval run text.txt >/dev/null 2>err.txt || { echo "kill $i: the model does not load: $(cat err.txt)"; exit 1; }
    loaded=$((loaded + 1))
  fi
done
echo "$loaded of $times times there was a model, and it loaded each time"
[ "$loaded" -gt $((times / 2)) ]
