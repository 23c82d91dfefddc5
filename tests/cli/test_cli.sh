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
for c in recipes show explain train eval generate runs data align bench doctor; do expect 0 "usage: rapt $c" '' "$rapt" "$c" --help; done
expect 0 '^gpt ' '' "$rapt" recipes
expect 2 '' 'unexpected argument' "$rapt" recipes more
expect 0 'model\.layers' '' "$rapt" show gpt
expect 2 '' 'did you mean "gpt"' "$rapt" show gtp
expect 2 '' 'which recipe' "$rapt" explain
expect 2 '' 'did you mean "gpt"' "$rapt" explain gtp
expect 1 '' 'gpt has no explanation' "$rapt" explain gpt
expect 2 '' 'unknown option' "$rapt" explain formal-algorithms --slowly
expect 2 '' 'whole number' "$rapt" explain formal-algorithms --seed 1.5
expect 2 '' 'needs a value' "$rapt" explain formal-algorithms --html
expect 2 '' 'more than 8 words' "$rapt" explain formal-algorithms --sentence 'a b c d e f g h i'
expect 0 'attention\.c:[0-9]+' '' "$rapt" explain formal-algorithms --sentence 'we all like short words' --seed 3 --html page.html --out kept
cp out.txt walked.txt
expect 1 '' '' grep "$(printf '\033')" walked.txt
same 'what is kept differs from what is printed' walked.txt kept/explain.txt
same 'the two pages differ' page.html kept/explain.html
expect 0 - '' grep -q '</html>' page.html
expect 0 'out +' '' "$rapt" show formal-algorithms
cp out.txt shown.txt
expect 1 '' '' grep -E '^  (data|train\.)' shown.txt
expect 2 '' 'data' "$rapt" train formal-algorithms data=text.txt out=refused
expect 2 '' 'train\.steps' "$rapt" train formal-algorithms train.steps=3 out=refused
expect 1 - '' test -e refused
expect 0 'kernels' '' "$rapt" doctor
expect 2 '' 'which recipe' "$rapt" train
expect 2 '' 'did you mean "gpt"' "$rapt" train gptt
expect 2 '' 'model\.layers' "$rapt" train gpt model.layer=2
expect 2 '' 'train\.steps' "$rapt" train gpt train.steps=many
expect 2 '' 'unknown option' "$rapt" train gpt --fast
expect 2 '' 'did you mean "longest"' "$rapt" train gpt preset=longst
expect 0 'preset=NAME' '' "$rapt" show gpt
expect 2 '' '"preset"' "$rapt" train nplm preset=long
expect 2 '' 'does not divide' "$rapt" train gpt data=./none.txt out=never model.heads=3
expect 1 - '' test -e never
expect 1 '' 'none\.txt' "$rapt" train gpt data=./none.txt out=none
expect 1 '' '^rapt: ' "$rapt" train gpt data=/ out=folder
expect 1 '' 'nowhere' "$rapt" train --resume nowhere
expect 1 '' 'nowhere' "$rapt" eval nowhere -
expect 1 '' 'nowhere' "$rapt" generate nowhere
expect 2 '' 'which model' "$rapt" generate
expect 2 '' 'top-k' "$rapt" generate d --top-k lots

# Data sets: nothing here goes to the network, and the runs that fail for want of data are in another index.
data=$work/sets words=questions-words.txt
mkdir -p "$data/analogies" "$RAPT_HOME/data/custrev"
echo other >"$data/analogies/$words"
expect 2 '' 'list, path, get or check' "$rapt" data
expect 2 '' 'did you mean "check"' "$rapt" data chek
expect 2 '' 'unknown option "--json"' "$rapt" data path ptb --json
expect 2 '' 'which data set' "$rapt" data get
expect 2 '' 'unexpected argument' "$rapt" data list ptb
expect 2 '' 'did you mean "mnist"' env RAPT_DATA="$data" "$rapt" data path mnits
expect 2 '' 'no data set' "$rapt" data path ../sets
expect 0 '^ptb +[0-9.]+ +not here ' '' env RAPT_DATA="$data" "$rapt" data list
expect 0 '^analogies +0\.6  here ' '' env RAPT_DATA="$data" "$rapt" data list
"$rapt" data list --json >list.json
expect 0 '^0$' '' python3 -c 'import json; print(sum(not s["licence"] or s["bytes"] < 1 for s in json.load(open("list.json"))))'
expect 1 '' '`rapt data get ptb` fetches it \(licence: ' env RAPT_DATA="$data" "$rapt" data path ptb
expect 0 "^$data/analogies$" '' env RAPT_DATA="$data" "$rapt" data path analogies
expect 1 'wrong +analogies/questions-words.txt: .*6 bytes instead of' 'not what the table' env RAPT_DATA="$data" "$rapt" data check analogies
expect 1 '' 'comes before the cache' env RAPT_DATA="$data" "$rapt" data get analogies
expect 1 '' '1 of 1 files of blimp have no address.*https://' env RAPT_DATA= "$rapt" data get blimp
expect 1 '' '`rapt data get ptb` fetches it' env RAPT_DATA="$data" RAPT_HOME="$work/other" "$rapt" train nplm out=no-ptb
expect 1 '' 'is not there' env RAPT_DATA= RAPT_HOME="$work/other" "$rapt" train adam out=no-mnist
expect 2 '' 'no file or data set "none.txt"' env RAPT_HOME="$work/other" "$rapt" train gpt data=none.txt out=no-text
expect 1 '' 'is not there' env RAPT_DATA= "$rapt" data check custrev

# Word alignment.
for i in 1 2 3; do printf 'das haus\nein haus\nein buch\ndas buch ist klein\n'; done >words.de
for i in 1 2 3; do printf 'the house\na house\na book\nthe book is small\n'; done >words.en
expect 2 '' 'which two files' "$rapt" align words.de
expect 2 '' 'unexpected argument "c"' "$rapt" align a b c
expect 2 '' 'unknown option "--fast"' "$rapt" align a b --fast
expect 2 '' 'did you mean "hmm"' "$rapt" align words.de words.en --model hm
expect 2 '' 'did you mean "gdfa"' "$rapt" align words.de words.en --symmetrise=gdf
expect 2 '' 'from 1 to 1000' "$rapt" align words.de words.en --rounds 0
expect 0 '^0-0 1-1 2-2 3-3$' '' "$rapt" align words.de words.en
expect 0 '^0-0 1-1$' '' "$rapt" align words.de words.en --model ibm1 --symmetrise intersection --rounds 10
"$rapt" align words.de words.en --threads 1 >one.align
gzip -k words.de words.en
"$rapt" align words.de.gz words.en.gz --threads 3 >three.align
same 'alignment by one thread, and by three of gzipped files' one.align three.align
expect 0 '^12$' '' sh -c 'wc -l <one.align'
expect 1 '' 'cannot open it|No such file' "$rapt" align words.de nowhere.en
head -n 5 words.en >short.en
expect 1 '' 'words\.de has 12 lines and short\.en has 5; line 6 ' "$rapt" align words.de short.en
printf 'a\n\nb\n' >hole.en
expect 1 '' 'hole\.en:2: the line has no words' "$rapt" align words.de hole.en
printf 'a\nb \303\050\n' >bad.en
expect 1 '' 'bad\.en:2: byte 3 of the line \(0xc3\) is not UTF-8' "$rapt" align words.de bad.en
{ echo a; yes w | head -n 5000 | tr '\n' ' '; echo; } >long.en
expect 1 '' 'long\.en:2: the line has more than 1000 words' "$rapt" align words.de long.en
: >empty.en
expect 1 '' 'empty\.en: the file is empty' "$rapt" align words.de empty.en

expect 1 '' 'data is not UTF-8' "$rapt" train gpt data=./$'\xff' out=bytes
expect 0 '^gpt-0\.8m .*takes settings' '' "$rapt" bench --list
expect 0 '^matmul-64x64x32 .* us .*GFLOP/s' '' "$rapt" bench --only matmul-64x64x32 --repeat 2
expect 0 '"id": "mlp".*"repeats": 3,' '' "$rapt" bench --only mlp --repeat 3 --json
expect 0 '"loss": [0-9.]+' '' "$rapt" bench --only=gpt-0.8m --seconds 0.01 --threads 2 --json - bench.batch=2 model.width=16
expect 0 '^work' '' "$rapt" bench --only matmul-64x64x32 --only mlp --repeat 1 --json bench.json
expect 0 '"id": "mlp"' '' cat bench.json
expect 0 - '' "$rapt" bench --only mlp --repeat 1 --save-inputs mlp.safetensors
expect 0 '"input\.x".*"losses"' '' grep -a losses mlp.safetensors
expect 0 '^optimizers-adadelta .* params/s' '' "$rapt" bench optimizers --repeat 1
expect 2 '' 'rapt bench --list' "$rapt" bench optimizer
expect 0 '^linear .*GFLOP/s' '' "$rapt" bench mlp --profile --repeat 2
expect 2 '' 'one work' "$rapt" bench --profile
expect 1 '' 'several plans' "$rapt" bench decode --profile model.layers=1 model.width=16 model.heads=2
expect 2 '' 'did you mean "gpt-0.8m"' "$rapt" bench --only gpt-08m
expect 2 '' 'model\.layers' "$rapt" bench --only gpt-0.8m model.layer=2
expect 2 '' 'takes no settings' "$rapt" bench --only mlp bench.batch=2
expect 2 '' 'need one work' "$rapt" bench model.layers=2
expect 2 '' 'need one work' "$rapt" bench --save-inputs x.safetensors
expect 2 '' '--repeat needs' "$rapt" bench --repeat 0
expect 2 '' '--seconds needs' "$rapt" bench --seconds never
expect 2 '' '--only needs' "$rapt" bench --only
expect 2 '' 'unexpected argument' "$rapt" bench --fast
expect 1 - 'nowhere' "$rapt" bench --only mlp --repeat 1 --json nowhere/bench.json
expect 1 '' 'nowhere' "$rapt" bench --only mlp --repeat 1 --save-inputs nowhere/mlp.safetensors --json

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

# The index of runs: all of the above that began, newest first.
expect 2 '' 'unknown option' "$rapt" runs --all
expect 2 '' 'with which other one' "$rapt" runs one
expect 2 '' 'not "four" too' "$rapt" runs one two four
expect 2 '' '--limit needs' "$rapt" runs --limit 0
expect 2 '' '--limit needs' "$rapt" runs --limit
expect 2 '' '--plot draws two' "$rapt" runs --plot p.svg
expect 2 '' 'stands alone' "$rapt" runs --prune --json
expect 2 '' 'did you mean "gpt"' "$rapt" runs --recipe gtp
expect 0 '' 'no runs of adam' "$rapt" runs --recipe adam
expect 0 '^\[\]$' '' "$rapt" runs --recipe adam --json
expect 0 "^[0-9a-f]{8} +gpt +done +400 +[0-9.]+ +[0-9.]+ +- +[0-9.]+ +20[0-9-]+ [0-9:]+ +$work/part\$" '' "$rapt" runs
expect 0 "gpt +failed +- .*$work/none\$" '' "$rapt" runs
expect 0 - '' "$rapt" runs --limit 1
grep -c . out.txt >lines.txt
echo 2 >two.txt
same '--limit 1 is not a title and a run' lines.txt two.txt
grep -q "$work/part\$" out.txt || { failed=$((failed + 1)) && echo "failed: the newest run is not the first"; }
expect 0 'no settings differ' '' "$rapt" runs whole part
expect 0 '^train\.steps +40 +400$' 'both.svg' "$rapt" runs one part --plot both.svg
expect 0 'svg' '' head -c 200 both.svg
expect 1 '' 'did you mean "whole"' "$rapt" runs whoel part
expect 1 - 'metrics.jsonl' "$rapt" runs whole none --plot none.svg
expect 1 - '' test -e none.svg
"$rapt" runs --json >runs.json
expect 0 '^400 done gpt$' '' python3 -c '
import json
run = json.load(open("runs.json"))[0]
print(run["steps"], run["state"], run["recipe"])
assert json.loads(run["settings"])["model.width"] == "16" and run["figure"] > 0 and len(run["id"]) == 16'
"$rapt" runs one part --json >pair.json
expect 0 '40.*400' '' python3 -c 'import json; print(json.load(open("pair.json"))["settings"]["train.steps"])'
id=$(python3 -c 'import json; print(json.load(open("runs.json"))[0]["id"][:9])')
expect 0 "$work/part" '' "$rapt" runs "$id" one
# A terminal of 50 columns gets lines of 50 characters.
expect 0 - - script -qec "stty cols 50; '$rapt' runs" terminal.txt
tr -d '\r' <terminal.txt | grep -v '^Script' | awk 'length > 50' >long.txt
expect 0 '' '' cat long.txt
expect 0 '^id +recipe' '' cat terminal.txt
# Killed: lost, until it goes on.
# shellcheck disable=SC2086
"$rapt" train gpt data=text.txt out=killed train.steps=400000 $small >/dev/null 2>&1 &
for _ in $(seq 200); do
  [ -s killed/metrics.jsonl ] && break
  sleep 0.01
done
expect 0 'running .*/killed$' '' "$rapt" runs --limit 1
kill -9 $!
wait $! 2>/dev/null
expect 0 'lost .*/killed$' '' "$rapt" runs --limit 1
# What steers a terminal is not printed.
mkdir "$(printf 'odd\033[2Jname')"
expect 1 - - "$rapt" train gpt data=./none.txt out="$(printf 'odd\033[2Jname')"
expect 0 'odd\?\[2Jname$' '' "$rapt" runs --limit 1
expect 0 'odd.u001b\[2Jname' '' "$rapt" runs --limit 1 --json
rm -r odd* killed
expect 0 'forgot 2 runs' '' "$rapt" runs --prune
expect 0 'forgot 0 runs' '' "$rapt" runs --prune
# A damaged index is an error here and a note there.
head -c 3000 /dev/zero >home/runs.db
expect 1 '' "^rapt: $work/home/runs\.db" "$rapt" runs
# shellcheck disable=SC2086
expect 0 'validation loss' 'not noted in the index of runs: .*home/runs\.db' "$rapt" train gpt data=text.txt out=unnoted train.steps=3 $small

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
