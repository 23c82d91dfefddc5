# Completion of rapt for bash.
_rapt() {
  local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]}
  if [ "$COMP_CWORD" -eq 1 ]; then
    mapfile -t COMPREPLY < <(compgen -W "recipes show explain train sweep eval generate score translate rescore runs data align bench inspect convert embed doctor --help --version" -- "$word")
    return
  fi
  local words=--help
  case $command in
  show) words="--config --help $(rapt recipes 2>/dev/null | awk 'NR > 1 {print $1}')" ;;
  explain) words="--sentence --seed --html --out --help $(rapt recipes 2>/dev/null | awk 'NR > 1 {print $1}')" ;;
  train) words="--resume --help $(rapt recipes 2>/dev/null | awk 'NR > 1 {print $1}')
    $(rapt show "${COMP_WORDS[2]}" 2>/dev/null | sed -n 's/^  \([a-z][a-z0-9_.]*\) .*/\1=/p')" ;;
  recipes)
    if [ "${COMP_WORDS[COMP_CWORD - 1]}" = --verify ]; then
      words="all $(rapt recipes 2>/dev/null | awk 'NR > 1 {print $1}')"
    else
      words="--verify --seeds --out --dry-run --json --csv --help"
    fi
    ;;
  sweep) words="--jobs --dry-run --json --csv --help $(rapt recipes 2>/dev/null | awk 'NR > 1 {print $1}')
    $(rapt show "${COMP_WORDS[2]}" 2>/dev/null | sed -n 's/^  \([a-z][a-z0-9_.]*\) .*/\1=/p')" ;;
  eval) words="--json --help" ;;
  generate) words="--prompt --tokens --temperature --top-k --top-p --min-p --repetition-penalty --seed --no-cache --no-echo --frames --tempo --out --help" ;;
  translate)
    case ${COMP_WORDS[COMP_CWORD - 1]} in
    --penalty) words="power gnmt" ;;
    --stopping) words="estimate first never" ;;
    --alignments) words="moses hard matrix" ;;
    --format) words="text json" ;;
    *) words="--beam --nbest --length-penalty --penalty --coverage --stopping --max-length --max-ratio --min-length --groups --diversity --no-repeat --prefix --ban-unknown --replace-unknown --sample --temperature --top-k --top-p --min-p --seed --ensemble --score --alignments --format --batch -o --help" ;;
    esac
    ;;
  score)
    case ${COMP_WORDS[COMP_CWORD - 1]} in
    --tokenize) words="none 13a intl char zh" ;;
    --smooth-method) words="none floor add-k exp" ;;
    --metrics) words="bleu chrf ter wer per bleu,chrf,ter" ;;
    --format) words="text json" ;;
    *)
      words="--metrics --references --lowercase --tokenize --smooth-method --smooth-value --chrf-word-order --chrf-char-order
        --chrf-beta --chrf-whitespace --chrf-eps-smoothing --ter-normalized --ter-no-punct --ter-asian-support
        --ter-case-sensitive --sentence-level --confidence --paired-bootstrap --paired-randomization --samples --seed
        --threads --format --width --alignment --gold-first --hyp-first --help"
      ;;
    esac
    ;;
  data)
    if [ "$COMP_CWORD" -eq 2 ]; then
      words="list path get check --help"
    else
      words="--json --force $(rapt data list --json 2>/dev/null | sed -n 's/^.*{"name": "\([^"]*\)".*/\1/p')"
    fi
    ;;
  align) words="--model --symmetrise --rounds --threads --help hmm ibm1 gdfa intersection union forward backward" ;;
  rescore)
    words="--model --lm --source --tune --tune-source --tune-reference --starts --seed --save-weights --weights --nbest -o --help"
    ;;
  runs) words="--recipe --limit --json --plot --prune --help" ;;
  inspect) words="--json --all --help" ;;
  embed) words="--format --pooling --normalize --no-normalize --threads --help" ;;
  convert)
    if [ "${COMP_WORDS[COMP_CWORD - 1]}" = --type ]; then
      words="f32 f16 bf16 q8_0 q5_0 q4_0 q4_k q5_k q6_k"
    else
      words="--type --shard-size --force --help"
    fi
    ;;
  bench)
    words="--list --only --profile --threads --repeat --seconds --json --save-inputs --help $(rapt bench --list 2>/dev/null | awk '{print $1}')"
    ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word"; compgen -f -- "$word")
  [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace
}
complete -o filenames -F _rapt rapt
