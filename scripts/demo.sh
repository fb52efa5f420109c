#!/usr/bin/env bash
# The demo: from nothing to a found moment, with the command line of every step. `make demo` builds the binary first.
# Everything lies under build/demo; what stands there is used again. Runs with bash 3.2.
set -euo pipefail
cd "$(dirname "$0")/.."
demo=build/demo
world=$demo/world

# show prints a command line as it would be typed.
show() {
  local word line='$'
  for word in "$@"; do
    case $word in
    '' | *[!A-Za-z0-9_./:=@%+,-]*) line="$line '$word'" ;;
    *) line="$line $word" ;;
    esac
  done
  printf '%s\n' "$line"
}

# run shows a command line and runs it.
run() {
  show "$@"
  "$@"
}

step() { printf '\n── %s\n' "$*"; }

# find_moment searches for a sentence that was written about one of the films, and shows what the world knows of it.
find_moment() {
  echo
  run sightline search "$1" --limit 3
  run grep -rh "\"caption\":\"$1\"" $world/A/moments
}

# What the encoder, the world or the run file made before one of them changed is of no use any more.
made_with=$(cat configs/demo.yaml encoder/tiny/checkpoint/model.safetensors dataset/world/world.go | cksum)
if [ -d $demo ] && [ "$(cat $demo/made-with 2>/dev/null)" != "$made_with" ]; then
  echo "the encoder, the world or configs/demo.yaml has changed: starting anew"
  rm -rf $demo
fi
mkdir -p $demo
echo "$made_with" >$demo/made-with

echo "To type the commands below yourself:"
printf '$ %s\n' 'export PATH="$PWD/bin:$PATH"'
export PATH="$PWD/bin:$PATH"
for setting in SIGHTLINE_ARCHIVE=$demo/archive SIGHTLINE_FEATURES=$demo/features SIGHTLINE_ENCODER=tiny SIGHTLINE_BACKEND=go; do
  run export $setting
done

step "Render a small world: MP4 clips with captions, longer films with subtitles. It is drawn, not filmed."
run sightline world $world

step "Decode its clips and encode their frames, like anybody's videos."
for part in train val test; do
  run sightline encode $world/A/$part.jsonl
done

step "Train a head on the training clips. The best epoch is chosen on the validation clips."
run sightline train configs/demo.yaml --out $demo/run

step "Measure it on 200 test clips: each sentence against all clips, each clip against all sentences."
run sightline eval --model untrained --model trained=$demo/run --data $world/A/test.jsonl

step "Make it the model that an archive is searched with, and add a folder of films to the archive."
run sightline model use $demo/run
run sightline add $world/A/moments/videos

step "Search for three moments. Below each answer stands what the world knows: file, start and end in seconds."
find_moment 'a little green rocket falls among the dunes'
find_moment 'a purple cottage on the ocean, the camera remains static'
find_moment 'in a town, a small blue moon with an emerald sailboat hopping, the camera pans left'

step "Done in $SECONDS s. All of it lies under $demo; a second run uses it again."
