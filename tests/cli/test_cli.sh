#!/bin/bash
# The command as a user types it. Usage: test_cli.sh PATH-OF-RAPT. Prints «N passed, N failed».
set -u
rapt=$(realpath "$1") || exit 1
here=$(realpath "$(dirname "${BASH_SOURCE[0]}")") || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
export RAPT_HOME=$work/home
gpt2=$(cd "$(dirname "$0")/../golden/gpt2-tiny" && pwd) || exit 1
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
for c in recipes show explain train sweep eval generate score translate rescore runs data align bench inspect convert embed doctor; do expect 0 "usage: rapt $c" '' "$rapt" "$c" --help; done
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

# Files of models.
expect 2 '' 'which file' "$rapt" inspect
expect 2 '' 'the model directory is missing' "$rapt" embed
expect 2 '' '--format is json, npy or csv' "$rapt" embed "$gpt2" --format xml
expect 1 '' 'gpt2 is no encoder' "$rapt" embed "$gpt2" "$gpt2/config.json"
printf 'plain text here' >plain.bin
expect 1 '' 'is neither GGUF nor safetensors' "$rapt" inspect plain.bin
expect 0 'transformer\.wte\.weight +F32 +1920 +\(30, 16\)' '' "$rapt" inspect "$gpt2"
expect 0 '"name": "transformer\.wte\.weight"' '' "$rapt" inspect "$gpt2/model.safetensors" --json
expect 2 '' 'into which' "$rapt" convert "$gpt2"
expect 2 '' 'is no type that rapt writes' "$rapt" convert "$gpt2" tiny.gguf --type q9
expect 2 '' 'number of bytes' "$rapt" convert "$gpt2" tiny.gguf --shard-size much
expect 0 'tiny\.gguf: GGUF version 3, 28 tensors' '' "$rapt" convert "$gpt2" tiny.gguf
expect 0 'blk\.1\.attn_qkv\.weight +F32 +3072 +\(48, 16\)' '' "$rapt" inspect tiny.gguf
expect 1 '' 'is there already' "$rapt" convert "$gpt2" tiny.gguf
expect 0 'tiny-again: .*, 28 tensors' '' "$rapt" convert tiny.gguf tiny-again --shard-size 10k
expect 0 'tensor_bytes' '' "$rapt" inspect tiny-again --json

# Scores: a worked example, ways to give files, what is refused.
printf 'the cat sat on the mat\nan old man\n' >ref.txt
printf 'on the mat the cat sat\nan old man\n' >hyp.txt
printf 'the cat sat on the mat\nan old men\n' >near.txt
printf '1-1 2-2 3p3\n' >gold.txt
printf '0-0 2-2 3-1\n' >links.txt
bleu='^BLEU\|nrefs:1\|case:mixed\|eff:no\|tok:13a\|smooth:exp\|version:[0-9.]+ = [0-9.]+ 100.0/85.7/60.0/16.7 \(BP = 1.000 ratio = 1.000 hyp_len = 9 ref_len = 9\)$'
expect 0 "$bleu" '' "$rapt" score ref.txt hyp.txt
expect 0 '^TER\|.* = 11\.11$' '' "$rapt" score ref.txt hyp.txt --metrics ter
expect 0 '^WER\|.* = 66\.67 \(S = 0 D = 3 I = 3 hyp_len = 9 ref_len = 9\)$' '' "$rapt" score ref.txt hyp.txt --metrics=wer
expect 0 '= 100\.0$' '' "$rapt" score ref.txt ref.txt --metrics chrf --chrf-word-order 2 --width 1
expect 0 '^ *chrF2\+\+\|nrefs:2' '' "$rapt" score ref.txt near.txt hyp.txt --references 2 --metrics bleu,chrf --chrf-word-order 2
"$rapt" score ref.txt hyp.txt --format json >file.json
"$rapt" score ref.txt --format json <hyp.txt >piped.json
"$rapt" score ref.txt - --format json <hyp.txt >dash.json
same 'a file and standard input score differently' file.json piped.json
same 'nothing and - score differently' piped.json dash.json
expect 0 '^BLEU 13a [0-9.]+$' '' python3 -c '
import json
s = json.load(open("file.json"))
print(s["name"], s["tok"], s["score"])'
"$rapt" score ref.txt hyp.txt --sentence-level --metrics ter >lines.txt
expect 0 'TER.* = 16\.67$' '' head -n 1 lines.txt
expect 0 'TER.* = 0\.00$' '' tail -n 1 lines.txt
expect 0 '^near\.txt .*\(p = [0-9.]+\)' '' "$rapt" score ref.txt hyp.txt near.txt --paired-bootstrap --samples 100
"$rapt" score ref.txt hyp.txt near.txt --paired-randomization --metrics bleu,wer --format json --threads 1 >one.json
"$rapt" score ref.txt hyp.txt near.txt --paired-randomization --metrics bleu,wer --format json --threads 2 >two.json
same 'a test depends on threads' one.json two.json
expect 0 '^hyp.txt None near.txt True$' '' python3 -c '
import json
a, b = json.load(open("one.json"))
print(a["system"], a["WER"]["p_value"], b["system"], 0 < b["BLEU"]["p_value"] <= 1)'
expect 0 ' \(μ = [0-9.]+ ± [0-9.]+\) ' '' "$rapt" score ref.txt hyp.txt --confidence --samples 50
expect 0 '^AER = 40\.00 \(precision = 66\.67 recall = 50\.00 links = 3 sure = 2 possible = 3\)$' '' "$rapt" score --alignment gold.txt links.txt --gold-first 1
expect 0 '"aer": 0,' 'never names word 0.*--gold-first 1' "$rapt" score --alignment gold.txt gold.txt --hyp-first 0 --format json
printf 'one\n\377\n' >broken.txt
: >blank.txt
expect 1 '' '^rapt: broken\.txt: line 2 is not UTF-8; convert the file with iconv$' "$rapt" score ref.txt broken.txt
expect 1 '' '^rapt: blank\.txt is empty' "$rapt" score blank.txt hyp.txt
expect 1 '' 'ref\.txt has 2 lines and gold\.txt has 1: line 2 of ref\.txt has no partner' "$rapt" score ref.txt gold.txt
printf '1-1 0-2\n' >zero.txt
expect 1 '' '^rapt: zero\.txt: line 1, column 5: word 0' "$rapt" score --alignment zero.txt links.txt --gold-first 1
expect 1 '' 'nowhere' "$rapt" score ref.txt nowhere
expect 2 '' 'which reference' "$rapt" score
expect 2 '' 'did you mean "bleu"' "$rapt" score ref.txt hyp.txt --metrics blue
expect 2 '' 'one of none, 13a' "$rapt" score ref.txt hyp.txt --tokenize 14
expect 2 '' 'whole number' "$rapt" score ref.txt hyp.txt --chrf-word-order 1.5
expect 2 '' 'unknown option' "$rapt" score ref.txt hyp.txt --fast
expect 2 '' 'one metric and one system' "$rapt" score ref.txt hyp.txt near.txt --sentence-level
expect 2 '' 'needs two of them' "$rapt" score ref.txt hyp.txt --paired-bootstrap
expect 2 '' 'needs as many files' "$rapt" score ref.txt --references 3
expect 2 '' 'read once' "$rapt" score - -
expect 2 '' 'beside the gold one' "$rapt" score --alignment gold.txt
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
printf 'a\n\0 b\n' >nul.en
expect 1 '' 'nul\.en:2: byte 1 of the line is NUL' "$rapt" align words.de nul.en
gzip -c words.en >cut.en.gz
truncate -s 40 cut.en.gz
expect 1 '' 'cut\.en\.gz: content byte [0-9]+: bad gzip data' "$rapt" align words.de cut.en.gz
expect 1 '' 'cut\.en\.gz: line 1 is not UTF-8; the file is packed: unpack it with gzip -d' "$rapt" score words.en cut.en.gz
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
expect 0 'beam.*tokens/s' '' "$rapt" bench --only beam --repeat 1
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

# Translation: a tiny model with numbers of no meaning, and words for it.
golden=$here/../golden
cp -r "$golden/rnnsearch-tiny" pair && mkdir -p pair/source_tokenizer
words_json() { # words_json FIRST-LETTER COUNT: a tokenizer of special tokens and words such as a4, a5 …
  python3 - "$@" <<'END'
import json, sys
words = ["<s>", "<pad>", "</s>", "<unk>"] + [f"{sys.argv[1]}{i}" for i in range(4, int(sys.argv[2]))]
added = [{"id": i, "content": w, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
          "special": True} for i, w in enumerate(words[:4])]
print(json.dumps({"version": "1.0", "added_tokens": added, "normalizer": None,
                  "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": None, "decoder": None,
                  "model": {"type": "WordLevel", "vocab": {w: i for i, w in enumerate(words)}, "unk_token": "<unk>"}}))
END
}
words_json s 17 >pair/source_tokenizer/tokenizer.json
words_json t 19 >pair/tokenizer.json
few=(--min-length 3 --max-length 6) # or this model would end at once
printf 's4 s5 s6\n\ns7 other s9 s10 s11\ns4\n' >source.txt
expect 2 '' 'which model' "$rapt" translate
expect 2 '' 'beam needs a whole number' "$rapt" translate pair --beam 1.5
expect 2 '' 'beam needs' "$rapt" translate pair --beam
expect 2 '' 'more than --beam' "$rapt" translate pair --beam 2 --nbest 3
expect 2 '' 'do not divide' "$rapt" translate pair --groups 3
expect 2 '' 'format is text or json' "$rapt" translate pair --format xml
expect 2 '' 'alignments is moses' "$rapt" translate pair --alignments all
expect 2 '' 'unknown option' "$rapt" translate pair --fast
expect 2 '' 'behind --ensemble' "$rapt" translate pair source.txt "${few[@]}" more.txt
expect 2 '' 'both come from' "$rapt" translate pair --score -
expect 1 '' 'nowhere' "$rapt" translate nowhere source.txt
expect 1 '' 'missing\.txt' "$rapt" translate pair missing.txt
expect 1 '' 'is a language model' "$rapt" translate one source.txt
expect 1 - 'the model translates' "$rapt" generate pair
expect 0 - '' "$rapt" translate pair source.txt "${few[@]}"
cp out.txt plain.txt
expect 0 '^4$' '' sh -c 'wc -l <plain.txt'
expect 0 '^$' '' sed -n 2p plain.txt
expect 0 '^t[0-9]+( t[0-9]+|<unk>)*' '' sed -n 1p plain.txt
expect 0 '' '' "$rapt" translate pair source.txt "${few[@]}" --batch 1 -o written.txt
same 'what -o writes differs, or the size of batches matters' plain.txt written.txt
expect 0 - '' sh -c "cat source.txt | '$rapt' translate pair ${few[*]}"
same 'a pipe differs from a file' plain.txt out.txt
expect 0 - '' sh -c "printf 's4 s5 s6\r\n\r\ns7 other s9 s10 s11\r\ns4' | '$rapt' translate pair - ${few[*]}"
same 'ends of lines matter' plain.txt out.txt
expect 0 - '' "$rapt" translate pair source.txt "${few[@]}" --ensemble pair
same 'a model with itself differs from itself' plain.txt out.txt
expect 0 - '' "$rapt" translate pair source.txt "${few[@]}" --nbest 3
cp out.txt list.txt
expect 0 '^0 \|\|\| t.* \|\|\| -[0-9.]+$' '' head -n 1 list.txt
expect 0 '^10$' '' sh -c 'wc -l <list.txt'
expect 0 '^1 \|\|\|  \|\|\| 0\.000000$' '' grep '^1 ' list.txt
# Lists of this model and of nobody, with columns of models.
"$rapt" translate pair source.txt "${few[@]}" --nbest 3 >pair.nbest
expect 0 - '' "$rapt" rescore pair.nbest
"$rapt" translate pair source.txt "${few[@]}" >best.txt
same 'the score of the lists does not keep their order' out.txt best.txt
printf '0 ||| t5 t6 ||| 1 0 ||| 0\n0 ||| t7 t8 t9 t10 ||| 0 1 ||| 0\n1 ||| t4 t5 t6 t7 ||| 0 2 ||| 0\n1 ||| t9 t10 ||| 2 0 ||| 0\n' >own.nbest
printf 's4 s5\ns6\n' >own.src; printf 't7 t8 t9 t10\nt4 t5 t6 t7\n' >own.ref; printf 'f2 1\n' >own.weights
expect 2 '' 'which n-best lists' "$rapt" rescore
expect 2 '' 'unexpected argument "b"' "$rapt" rescore a b
expect 2 '' 'unknown option "--fast"' "$rapt" rescore own.nbest --fast
expect 2 '' 'model needs --source' "$rapt" rescore own.nbest --model pair
expect 2 '' 'how much do the models weigh' "$rapt" rescore own.nbest --model pair --source own.src
expect 2 '' 'needs --tune-reference' "$rapt" rescore own.nbest --tune own.nbest
expect 2 '' 'save-weights without --tune' "$rapt" rescore own.nbest --save-weights w
expect 2 '' 'needs --tune-source' "$rapt" rescore own.nbest --model pair --source own.src --tune own.nbest --tune-reference own.ref
expect 2 '' 'whole number from 1 to 1000' "$rapt" rescore own.nbest --starts 0
expect 2 '' 'model needs a model directory' "$rapt" rescore own.nbest --model
expect 1 '' 'nowhere\.nbest' "$rapt" rescore nowhere.nbest
expect 1 '' 'source\.txt:1: the line does not begin' "$rapt" rescore source.txt
expect 1 '' 'no column "f3"' sh -c "echo 'f3 1' >bad.weights; '$rapt' rescore own.nbest --weights bad.weights"
expect 1 '' '"name weight" is expected' sh -c "echo 'f2' >bad.weights; '$rapt' rescore own.nbest --weights bad.weights"
expect 1 '' 'is a language model' "$rapt" rescore own.nbest --model one --source own.src --weights own.weights
expect 0 - '' "$rapt" rescore own.nbest --weights own.weights
same 'weights do not choose' out.txt own.ref
expect 0 - 'BLEU 100\.00 on own\.nbest: score .* f2 .* model1 .* model2 ' "$rapt" rescore own.nbest --model pair --model pair,pair \
  --source own.src --tune own.nbest --tune-source own.src --tune-reference own.ref --save-weights found.weights
same 'tuning does not find the references' out.txt own.ref
expect 0 - '' "$rapt" rescore own.nbest --model pair --model pair,pair --source own.src --weights found.weights
same 'the weights that were found choose otherwise' out.txt own.ref
"$rapt" translate pair own.src --score own.ref >forced.txt
printf 'model1 1\n' >model.weights
"$rapt" rescore own.nbest --model pair --source own.src --weights model.weights --nbest 9 >all.nbest
expect 0 - '' sh -c "python3 -c \"
forced = [float(x) for x in open('forced.txt')]
lists = [line.rstrip().split(' ||| ') for line in open('all.nbest')]
assert len(lists) == 4
for n, text in enumerate(open('own.ref')):
    features = [f.split() for i, t, f, s in lists if i == str(n) and t == text.strip()][0]
    assert len(features) == 4 and abs(float(features[3]) - forced[n]) < 1e-5, (features, forced)
\""
printf '0 ||| the cat sat ||| 0\n0 ||| cat the the ||| 0\n' >lm.nbest; printf 'lm1 1\n' >lm.weights
expect 0 '^0 \|\|\| (the cat sat|cat the the) \|\|\| 0 -[0-9.]+ \|\|\| -[0-9.]+$' '' "$rapt" rescore lm.nbest --lm one --weights lm.weights --nbest 1
expect 1 '' '2 n-best lists for 1 lines|n-best lists' sh -c "head -1 own.src >short.src; '$rapt' rescore own.nbest --model pair --source short.src --weights model.weights"
expect 0 '^t.* \|\|\| 0-0|1-0|2-0' '' "$rapt" translate pair source.txt "${few[@]}" --alignments moses
expect 0 '^t.* \|\|\|( [0-4])+$' '' "$rapt" translate pair source.txt "${few[@]}" --alignments hard
expect 0 '^(0\.[0-9]+ ){3}0\.[0-9]+$' '' "$rapt" translate pair source.txt "${few[@]}" --alignments matrix
expect 0 - '' "$rapt" translate pair source.txt "${few[@]}" --nbest 2 --format json
cp out.txt objects.txt
expect 0 '^4 2 True$' '' python3 -c 'import json
rows = [json.loads(line) for line in open("objects.txt")]
best = rows[0]["translations"][0]
print(len(rows), len(rows[3]["translations"]), len(best["alignment"]) == len(best["tokens"]) == len(best["log_probabilities"])
      and abs(sum(best["log_probabilities"]) - best["log_probability"]) < 1e-4)'
expect 0 - '' "$rapt" translate pair source.txt "${few[@]}" --sample --seed 3 --nbest 2
cp out.txt drawn.txt
expect 0 - '' "$rapt" translate pair source.txt "${few[@]}" --sample --seed 3 --nbest 2 --batch 1
same 'draws depend on the batch' drawn.txt out.txt
expect 0 - '' "$rapt" translate pair source.txt "${few[@]}" --sample --seed 4 --nbest 2
expect 1 - '' cmp -s drawn.txt out.txt
expect 0 '^t5 t6' '' "$rapt" translate pair source.txt "${few[@]}" --prefix 't5 t6'
sed 2d source.txt >full.txt
sed 2d plain.txt >targets.txt
expect 0 '^-[0-9.]+$' '' "$rapt" translate pair full.txt --score targets.txt
expect 0 '^-[0-9.]+ \|\|\|( [0-9]+-[0-9]+)+$' '' "$rapt" translate pair full.txt --score targets.txt --alignments moses
expect 0 '"translations": \[\{"text": "t' '' "$rapt" translate pair full.txt --score targets.txt --format json
expect 1 '' 'source\.txt has 4 lines and targets\.txt 3' "$rapt" translate pair source.txt --score targets.txt
printf 's4\n\377s5\ns4 s4 s4 s4 s4 s4 s4 s4 s4 s4 s4 s4 s4 s4 s4 s4\ns4\n' >faulty.txt
expect 1 - '^rapt: faulty.txt: line 2: byte 0 is not valid UTF-8; convert' "$rapt" translate pair faulty.txt "${few[@]}"
expect 1 - 'line 3: 16 tokens and the end' "$rapt" translate pair faulty.txt "${few[@]}"
expect 1 - '2 lines have no result' "$rapt" translate pair faulty.txt "${few[@]}"
expect 0 '^4$' '' sh -c "'$rapt' translate pair faulty.txt ${few[*]} 2>/dev/null | wc -l"
expect 1 '"line": 2, "error": "line 2' 'line 2' "$rapt" translate pair faulty.txt "${few[@]}" --format json
expect 1 '' 'nowhere/out' "$rapt" translate pair source.txt "${few[@]}" -o nowhere/out.txt
expect 0 '' '' "$rapt" translate pair source.txt "${few[@]}" -o /dev/null
expect 0 - '' test -c /dev/null
echo kept >kept.txt
expect 1 '' 'is a language model' "$rapt" translate one source.txt -o kept.txt
expect 0 '^kept$' '' cat kept.txt
expect 1 - 'standard output' sh -c "exec '$rapt' translate pair source.txt ${few[*]} >/dev/full"
# One line at a time, each answered before the next is there.
mkfifo asks
"$rapt" translate pair "${few[@]}" <asks >answers.txt 2>err.txt &
exec 7>asks
echo 's4 s5 s6' >&7
for _ in $(seq 200); do
  [ -s answers.txt ] && break
  sleep 0.02
done
cp answers.txt first.txt
exec 7>&-
wait $!
head -n 1 plain.txt >wanted.txt
same 'a line waits for the next one' wanted.txt first.txt
# Typed on a terminal: a prompt, the answer, the end by Ctrl-D.
expect 0 - - sh -c "(printf 's4 s5 s6\n'; sleep 1; printf '\004') | script -qec \"'$rapt' translate pair ${few[*]}\" typed.txt"
tr -d '\r' <typed.txt >typed-lines.txt
expect 0 '^> ' '' grep '^> ' typed-lines.txt
expect 0 - '' grep -xE "(> )?$(cat wanted.txt)" typed-lines.txt

"$rapt" show gpt --config | sed -e 's/^data:.*/data: text.txt/; s/^out:.*/out: yaml/; s/steps: 2000/steps: 5/; s/layers: 4/layers: 1/; s/width: 128/width: 16/; s/context: 64/context: 16/' >my.yaml
expect 0 'validation loss' 'done: yaml' "$rapt" train my.yaml
printf 'recipe: gpt\ntrain:\n  step: 3\n' >bad.yaml
expect 2 '' 'bad.yaml:3.*train.steps' "$rapt" train bad.yaml
printf 'recipe: [gpt]\n' >list.yaml
expect 1 '' 'list.yaml:1' "$rapt" train list.yaml

# Music: files of both kinds, the standard output unless it is a terminal, options of the other kind of model.
echo '{"train": [[[60], [67]], [[67], [60]]], "valid": [[[60], [67]]], "test": [[[67], [60]]]}' >pieces.json
expect 0 'test' 'done: tune' "$rapt" train gru-music data=pieces.json out=tune train.steps=3 train.batch=2
expect 0 - '' "$rapt" generate tune --frames 8 --seed 3 --out song.mid
expect 0 '^MThd' '' "$rapt" generate tune --frames 8 --seed 3
same 'MIDI differs from MIDI' out.txt song.mid
expect 0 - '' "$rapt" generate tune --frames 2 --tempo 600 --out song.wav
expect 0 '^RIFF' '' head -c 4 song.wav
expect 1 '' 'neither in' "$rapt" generate tune --out song.mp3
expect 2 '' 'writes music, not text' "$rapt" generate tune --prompt hm
expect 2 '' 'writes text, not music' "$rapt" generate one --frames 3
expect 2 - - script -qec "'$rapt' generate tune" terminal.txt
expect 0 'say --out FILE.mid' '' cat terminal.txt
expect 1 '' 'the model writes music' "$rapt" eval tune text.txt

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

# Sweeps: refused early, planned, done, continued, stopped; a run that fails does not end the others.
expect 2 '' 'which recipe' "$rapt" sweep
expect 2 '' 'did you mean "gpt"' "$rapt" sweep gtp seed=1,2
expect 2 '' 'more than 10000 runs' "$rapt" sweep gpt data=text.txt seed=1..1000000000
expect 2 '' 'did you mean "train.lr"' "$rapt" sweep gpt data=text.txt train.lrr=1,2
expect 2 '' 'a number is needed' "$rapt" sweep gpt data=text.txt train.lr=1,x
expect 2 '' '--jobs needs' "$rapt" sweep gpt --jobs 0
expect 1 - '' test -e sweeps
# shellcheck disable=SC2086
expect 0 '^4 runs, 4 to do$' '' "$rapt" sweep gpt data=text.txt train.lr=1e-3,1e-2 seed=1..2 train.steps=4 $small --dry-run
expect 1 - '' test -e sweeps
# shellcheck disable=SC2086
expect 0 '^1e-3 +all +[0-9.]+ ± [0-9.e-]+ ' 'done: sweeps/gpt' "$rapt" sweep gpt data=text.txt train.lr=1e-3,1e-2 seed=1..2 train.steps=4 $small --csv table.csv
same 'results.csv differs from --csv' table.csv sweeps/gpt/results.csv
expect 0 '</svg>' '' cat sweeps/gpt/sweep.html
# shellcheck disable=SC2086
"$rapt" sweep gpt data=text.txt train.lr=1e-3,1e-2 seed=1..3 train.steps=4 $small --json >sweep.json 2>sweep.err
expect 0 '^6 2 3$' '' python3 -c '
import json
sweep = json.load(open("sweep.json"))
print(len(sweep["runs"]), len(sweep["combinations"]), sweep["combinations"][1]["done"])'
expect 0 '^2$' '' grep -c begins sweep.err
# shellcheck disable=SC2086
expect 1 '' 'train\.steps is "4" there and "5" here' "$rapt" sweep gpt data=text.txt train.lr=1e-3,1e-2 train.steps=5 $small seed=1,2
printf x >short.txt
# shellcheck disable=SC2086
expect 1 '^short\.txt +- +failed +- +the text is too short' 'done: swept' "$rapt" sweep gpt data=short.txt,text.txt out=swept train.steps=4 $small
# shellcheck disable=SC2086
"$rapt" sweep gpt data=text.txt seed=1 out=slow train.steps=400 train.sample_every=0 $small >out.txt 2>err.txt &
for _ in $(seq 400); do
  [ -s slow/run/metrics.jsonl ] && break
  sleep 0.01
done
kill -INT $! 2>/dev/null
wait $!
# shellcheck disable=SC2086
expect 0 '^1 run: 1 done' 'done: slow' "$rapt" sweep gpt data=text.txt seed=1 out=slow train.steps=400 train.sample_every=0 $small
same 'a sweep that was stopped ends in other weights' whole/model.safetensors slow/run/model.safetensors
expect 2 '' 'did you mean "gpt"' "$rapt" recipes --verify gpt,gtp
expect 2 '' 'only --verify' "$rapt" recipes --seeds 2
expect 2 '' '--seeds needs' "$rapt" recipes --verify all --seeds 0
expect 0 '^gpt +3 +skipped +data set tinyshakespeare is missing, .rapt data get tinyshakespeare' '' env RAPT_DATA=nowhere "$rapt" recipes --verify gpt,formal-algorithms --dry-run
expect 0 ' 1 to do: 1 minutes on two slow cores$' '' env RAPT_DATA=nowhere "$rapt" recipes --verify gpt,formal-algorithms --dry-run
expect 0 '^gpt +- +skipped ' 'done: verified' env RAPT_DATA=nowhere "$rapt" recipes --verify gpt --out verified
rm -r sweeps swept slow verified
expect 0 'forgot' '' "$rapt" runs --prune

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
