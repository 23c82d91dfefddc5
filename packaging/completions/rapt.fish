# Completion of rapt for fish.
set -l commands recipes show explain train sweep eval generate score translate rescore runs data align bench inspect convert embed doctor
complete -c rapt -n "not __fish_seen_subcommand_from $commands" -f -a "$commands"
complete -c rapt -n "__fish_seen_subcommand_from show explain train sweep" -f -a "(rapt recipes 2>/dev/null | awk 'NR > 1 {print \$1}')"
complete -c rapt -n "__fish_seen_subcommand_from show" -l config -d "a YAML file with every setting"
complete -c rapt -n "__fish_seen_subcommand_from explain" -l sentence -x -d "the words to walk through"
complete -c rapt -n "__fish_seen_subcommand_from explain" -l html -r -d "also write a page with heat maps"
complete -c rapt -n "__fish_seen_subcommand_from explain" -l out -r -d "also write explain.txt and explain.html there"
complete -c rapt -n "__fish_seen_subcommand_from explain" -l seed -x -d "of the weights"
complete -c rapt -n "__fish_seen_subcommand_from train" -l resume -r -d "go on with an interrupted run"
complete -c rapt -n "__fish_seen_subcommand_from recipes" -l verify -x -a "all (rapt recipes 2>/dev/null | awk 'NR > 1 {print \$1}')"
complete -c rapt -n "__fish_seen_subcommand_from recipes" -l seeds -x -d "of each recipe"
complete -c rapt -n "__fish_seen_subcommand_from recipes" -l out -r -d "where the runs go"
complete -c rapt -n "__fish_seen_subcommand_from sweep" -l jobs -x -d "runs at a time"
complete -c rapt -n "__fish_seen_subcommand_from sweep recipes" -l dry-run -d "only list the runs"
complete -c rapt -n "__fish_seen_subcommand_from sweep recipes" -l csv -r -d "also write the results"
complete -c rapt -n "__fish_seen_subcommand_from eval bench runs sweep recipes inspect" -l json
set -l verbs list path get check
complete -c rapt -n "__fish_seen_subcommand_from data; and not __fish_seen_subcommand_from $verbs" -f -a "$verbs"
complete -c rapt -n "__fish_seen_subcommand_from data; and __fish_seen_subcommand_from path get check" -f \
  -a "(rapt data list --json 2>/dev/null | sed -n 's/^.*{\"name\": \"\([^\"]*\)\".*/\1/p')"
complete -c rapt -n "__fish_seen_subcommand_from data; and __fish_seen_subcommand_from list" -l json
complete -c rapt -n "__fish_seen_subcommand_from data; and __fish_seen_subcommand_from get" -l force
complete -c rapt -n "__fish_seen_subcommand_from runs" -l recipe -x -a "(rapt recipes 2>/dev/null | awk 'NR > 1 {print \$1}')"
complete -c rapt -n "__fish_seen_subcommand_from runs" -l limit -x
complete -c rapt -n "__fish_seen_subcommand_from runs" -l plot -r -d "draw both losses into an SVG file"
complete -c rapt -n "__fish_seen_subcommand_from runs" -l prune -d "forget runs whose directory is gone"
complete -c rapt -n "__fish_seen_subcommand_from align" -l model -x -a "hmm ibm1"
complete -c rapt -n "__fish_seen_subcommand_from align" -l symmetrise -x -a "gdfa intersection union forward backward"
complete -c rapt -n "__fish_seen_subcommand_from align" -l rounds -x
complete -c rapt -n "__fish_seen_subcommand_from align" -l threads -x
for option in threads repeat seconds save-inputs
  complete -c rapt -n "__fish_seen_subcommand_from bench" -l $option -r
end
complete -c rapt -n "__fish_seen_subcommand_from bench" -l list -d "the works"
complete -c rapt -n "__fish_seen_subcommand_from bench" -l profile -d "time of one work, op by op"
complete -c rapt -n "__fish_seen_subcommand_from bench" -f -a "(rapt bench --list 2>/dev/null | awk '{print \$1}')"
complete -c rapt -n "__fish_seen_subcommand_from bench" -l only -x -a "(rapt bench --list 2>/dev/null | awk '{print \$1}')"
complete -c rapt -n "__fish_seen_subcommand_from score" -l metrics -x -a "bleu chrf ter wer per bleu,chrf,ter"
complete -c rapt -n "__fish_seen_subcommand_from score" -l tokenize -x -a "13a intl zh char none"
complete -c rapt -n "__fish_seen_subcommand_from score" -l smooth-method -x -a "exp floor add-k none"
complete -c rapt -n "__fish_seen_subcommand_from score" -l format -x -a "text json"
complete -c rapt -n "__fish_seen_subcommand_from score" -l alignment -r -d "error rate of word alignments"
for option in references smooth-value chrf-word-order chrf-char-order chrf-beta samples seed threads width gold-first hyp-first
  complete -c rapt -n "__fish_seen_subcommand_from score" -l $option -x
end
for option in lowercase chrf-whitespace chrf-eps-smoothing ter-normalized ter-no-punct ter-asian-support ter-case-sensitive \
    sentence-level confidence paired-bootstrap paired-randomization
  complete -c rapt -n "__fish_seen_subcommand_from score" -l $option
end
for option in prompt tokens temperature top-k top-p min-p repetition-penalty seed frames tempo out
  complete -c rapt -n "__fish_seen_subcommand_from generate" -l $option -r
end
complete -c rapt -n "__fish_seen_subcommand_from generate" -l no-cache
complete -c rapt -n "__fish_seen_subcommand_from generate" -l no-echo
for option in beam nbest length-penalty coverage max-length max-ratio min-length groups diversity no-repeat temperature top-k top-p min-p seed batch prefix
  complete -c rapt -n "__fish_seen_subcommand_from translate" -l $option -x
end
for option in ensemble score
  complete -c rapt -n "__fish_seen_subcommand_from translate" -l $option -r
end
for option in model lm source tune tune-source tune-reference weights save-weights
  complete -c rapt -n "__fish_seen_subcommand_from rescore" -l $option -r
end
for option in starts seed nbest
  complete -c rapt -n "__fish_seen_subcommand_from rescore" -l $option -x
end
complete -c rapt -n "__fish_seen_subcommand_from rescore" -s o -r -d "written when all is done"
complete -c rapt -n "__fish_seen_subcommand_from translate" -s o -r -d "written when all is done"
complete -c rapt -n "__fish_seen_subcommand_from translate" -l penalty -x -a "power gnmt"
complete -c rapt -n "__fish_seen_subcommand_from translate" -l stopping -x -a "estimate first never"
complete -c rapt -n "__fish_seen_subcommand_from translate" -l alignments -x -a "moses hard matrix"
complete -c rapt -n "__fish_seen_subcommand_from translate" -l format -x -a "text json"
complete -c rapt -n "__fish_seen_subcommand_from translate" -l sample -d "draws instead of searching"
complete -c rapt -n "__fish_seen_subcommand_from translate" -l ban-unknown
complete -c rapt -n "__fish_seen_subcommand_from translate" -l replace-unknown
complete -c rapt -n "__fish_seen_subcommand_from inspect" -l all -d "arrays whole"
complete -c rapt -n "__fish_seen_subcommand_from embed" -l format -x -a "json npy csv"
complete -c rapt -n "__fish_seen_subcommand_from embed" -l pooling -x -a "mean cls max pooler"
complete -c rapt -n "__fish_seen_subcommand_from embed" -l normalize -d "to length 1"
complete -c rapt -n "__fish_seen_subcommand_from embed" -l no-normalize -d "as the states are"
complete -c rapt -n "__fish_seen_subcommand_from embed" -l threads -x
complete -c rapt -n "__fish_seen_subcommand_from convert" -l type -x -a "f32 f16 bf16 q8_0 q5_0 q4_0 q4_k q5_k q6_k"
complete -c rapt -n "__fish_seen_subcommand_from convert" -l shard-size -x -d "bytes of a file of a directory"
complete -c rapt -n "__fish_seen_subcommand_from convert" -l force -d "replace what is there"
