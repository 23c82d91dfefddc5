# Completion of rapt for bash.
_rapt() {
  local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]}
  if [ "$COMP_CWORD" -eq 1 ]; then
    mapfile -t COMPREPLY < <(compgen -W "recipes show train eval generate bench doctor --help --version" -- "$word")
    return
  fi
  local words=--help
  case $command in
  show) words="--config --help $(rapt recipes 2>/dev/null | awk 'NR > 1 {print $1}')" ;;
  train) words="--resume --help $(rapt recipes 2>/dev/null | awk 'NR > 1 {print $1}')
    $(rapt show "${COMP_WORDS[2]}" 2>/dev/null | sed -n 's/^  \([a-z][a-z0-9_.]*\) .*/\1=/p')" ;;
  eval) words="--json --help" ;;
  generate) words="--prompt --tokens --temperature --top-k --top-p --min-p --repetition-penalty --seed --no-cache --no-echo --help" ;;
  bench) words="--threads --json --help" ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word"; compgen -f -- "$word")
  [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace
}
complete -o filenames -F _rapt rapt
