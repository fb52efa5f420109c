#!/usr/bin/env bash
# Times encoders and training steps here and in PyTorch, in turn, and prints the ratios. Needs a machine with nothing
# else to do. PyTorch runs where python3 has torch (python3-torch on Debian), with one thread and with all; ONNX Runtime
# where ONNXRUNTIME_SHARED_LIBRARY_PATH names its library and a C compiler is there.
#
# Usage: bench/compare.sh [workload …]    workloads: frames texts trainadapters trainseqlstm trainseqtransf traintight trainxpool trainxpoolclosed; none means all
set -euo pipefail
cd "$(dirname "$0")/.."
export GOEXPERIMENT=simd
python=${PYTHON:-python3}
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

pattern=$(IFS='|'; echo "$*")
go_bench() { # backend, build arguments…
  local backend=$1
  shift
  echo "timing $backend …" >&2
  SIGHTLINE_BACKEND=$backend go test "$@" -run '^$' -bench "(?i)^Benchmark(${pattern:-.*})\$" -benchtime 2s -count 3 ./bench \
    > "$results/$backend.log" || { cat "$results/$backend.log" >&2; exit 1; }
  # The fastest of the three rounds of at least two seconds, as "name seconds".
  awk '/^Benchmark/ { name = $1; sub(/^Benchmark/, "", name); sub(/-[0-9]+$/, "", name); name = tolower(name)
                      if (!(name in best) || $3 < best[name]) best[name] = $3 }
       END { for (name in best) print name, best[name] / 1e9 }' "$results/$backend.log" > "$results/$backend"
}

columns=()
if "$python" -c 'import torch' 2>/dev/null; then
  for threads in 1 $(nproc); do
    echo "timing PyTorch, threads: $threads …" >&2
    "$python" bench/torch_speed.py "$threads" "$@" > "$results/torch-$threads"
    columns+=("torch-$threads")
  done
else
  echo "no PyTorch to compare with: $python cannot import torch" >&2
fi
CGO_ENABLED=0 go_bench go
columns+=(go)
if [ -n "${ONNXRUNTIME_SHARED_LIBRARY_PATH:-}" ]; then
  CGO_ENABLED=1 go_bench onnx -tags onnx
  columns+=(onnx)
fi

cd "$results"
awk -v columns="${columns[*]}" '
  !($1 in seen) { seen[$1] = 1; names[++count] = $1 }
  { seconds[$1, FILENAME] = $2 }
  END {
    n = split(columns, column, " ")
    printf "%-15s", "seconds"
    for (i = 1; i <= n; i++) printf "%10s", column[i]
    for (i = 1; i <= n; i++) if (column[i] !~ /^torch/) printf "%16s", column[i] " × PyTorch"
    print ""
    for (k = 1; k <= count; k++) {
      name = names[k]
      printf "%-15s", name
      best = 0
      for (i = 1; i <= n; i++) {
        s = seconds[name, column[i]]
        printf "%10s", s == "" ? "-" : sprintf("%.3f", s)
        if (column[i] ~ /^torch/ && s != "" && (best == 0 || s < best)) best = s
      }
      for (i = 1; i <= n; i++) if (column[i] !~ /^torch/) {
        s = seconds[name, column[i]]
        printf "%16s", best == 0 || s == "" ? "-" : sprintf("%.2f", best / s)
      }
      print ""
    }
    print "fastest run of each; × PyTorch: how many times faster than the faster PyTorch"
  }' "${columns[@]}"
