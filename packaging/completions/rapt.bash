# Completion of rapt for bash.
_rapt() {
  local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]}
  if [ "$COMP_CWORD" -eq 1 ]; then
    mapfile -t COMPREPLY < <(compgen -W "recipes show explain train eval generate runs data align bench doctor --help --version" -- "$word")
    return
  fi
  local words=--help
  case $command in
  show) words="--config --help $(rapt recipes 2>/dev/null | awk 'NR > 1 {print $1}')" ;;
  explain) words="--sentence --seed --html --out --help $(rapt recipes 2>/dev/null | awk 'NR > 1 {print $1}')" ;;
  train) words="--resume --help $(rapt recipes 2>/dev/null | awk 'NR > 1 {print $1}')
    $(rapt show "${COMP_WORDS[2]}" 2>/dev/null | sed -n 's/^  \([a-z][a-z0-9_.]*\) .*/\1=/p')" ;;
  eval) words="--json --help" ;;
  generate) words="--prompt --tokens --temperature --top-k --top-p --min-p --repetition-penalty --seed --no-cache --no-echo --help" ;;
  data)
    if [ "$COMP_CWORD" -eq 2 ]; then
      words="list path get check --help"
    else
      words="--json --force $(rapt data list --json 2>/dev/null | sed -n 's/^.*{"name": "\([^"]*\)".*/\1/p')"
    fi
    ;;
  align) words="--model --symmetrise --rounds --threads --help hmm ibm1 gdfa intersection union forward backward" ;;
  runs) words="--recipe --limit --json --plot --prune --help" ;;
  bench)
    words="--list --only --profile --threads --repeat --seconds --json --save-inputs --help $(rapt bench --list 2>/dev/null | awk '{print $1}')"
    ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word"; compgen -f -- "$word")
  [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace
}
complete -o filenames -F _rapt rapt
