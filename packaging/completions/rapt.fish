# Completion of rapt for fish.
set -l commands recipes show explain train eval generate runs bench doctor
complete -c rapt -n "not __fish_seen_subcommand_from $commands" -f -a "$commands"
complete -c rapt -n "__fish_seen_subcommand_from show explain train" -f -a "(rapt recipes 2>/dev/null | awk 'NR > 1 {print \$1}')"
complete -c rapt -n "__fish_seen_subcommand_from show" -l config -d "a YAML file with every setting"
complete -c rapt -n "__fish_seen_subcommand_from explain" -l sentence -x -d "the words to walk through"
complete -c rapt -n "__fish_seen_subcommand_from explain" -l html -r -d "also write a page with heat maps"
complete -c rapt -n "__fish_seen_subcommand_from explain" -l out -r -d "also write explain.txt and explain.html there"
complete -c rapt -n "__fish_seen_subcommand_from explain" -l seed -x -d "of the weights"
complete -c rapt -n "__fish_seen_subcommand_from train" -l resume -r -d "go on with an interrupted run"
complete -c rapt -n "__fish_seen_subcommand_from eval bench runs" -l json
complete -c rapt -n "__fish_seen_subcommand_from bench" -l threads -r
complete -c rapt -n "__fish_seen_subcommand_from runs" -l recipe -x -a "(rapt recipes 2>/dev/null | awk 'NR > 1 {print \$1}')"
complete -c rapt -n "__fish_seen_subcommand_from runs" -l limit -x
complete -c rapt -n "__fish_seen_subcommand_from runs" -l plot -r -d "draw both losses into an SVG file"
complete -c rapt -n "__fish_seen_subcommand_from runs" -l prune -d "forget runs whose directory is gone"
for option in prompt tokens temperature top-k top-p min-p repetition-penalty seed
  complete -c rapt -n "__fish_seen_subcommand_from generate" -l $option -r
end
complete -c rapt -n "__fish_seen_subcommand_from generate" -l no-cache
complete -c rapt -n "__fish_seen_subcommand_from generate" -l no-echo
