# Completion of rapt for fish.
set -l commands recipes show train eval generate bench doctor
complete -c rapt -n "not __fish_seen_subcommand_from $commands" -f -a "$commands"
complete -c rapt -n "__fish_seen_subcommand_from show train" -f -a "(rapt recipes 2>/dev/null | awk 'NR > 1 {print \$1}')"
complete -c rapt -n "__fish_seen_subcommand_from show" -l config -d "a YAML file with every setting"
complete -c rapt -n "__fish_seen_subcommand_from train" -l resume -r -d "go on with an interrupted run"
complete -c rapt -n "__fish_seen_subcommand_from eval bench" -l json
complete -c rapt -n "__fish_seen_subcommand_from bench" -l threads -r
for option in prompt tokens temperature top-k top-p min-p repetition-penalty seed
  complete -c rapt -n "__fish_seen_subcommand_from generate" -l $option -r
end
complete -c rapt -n "__fish_seen_subcommand_from generate" -l no-cache
complete -c rapt -n "__fish_seen_subcommand_from generate" -l no-echo
