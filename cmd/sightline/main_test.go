package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/x448/float16"

	"sightline/feature/npy"
	"sightline/train"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"sightline": main})
}

// TestScript runs the scripts in testdata/script, which say what the command line does. Beside testscript's own commands
// they have these:
//
//	exits CODE sightline ARG…     runs sightline and compares the exit code
//	json PATH VALUE               the last stdout is one JSON value and nothing else, and holds VALUE at PATH (a.0.b;
//	                              len is the length of a list)
//	matrix FILE ROWS COLS [KIND]  writes similarities that put text i next to video i mod COLS; as features they do it too.
//	                              KIND is float16, or nan or zero for a first row of such
//	longcaption FILE WORDS [VIDEO]  writes a caption of so many words for the video x, or for that file
//	await FILE                    waits until FILE is there
//	films FOLDER N                renders the first N test films of the world's domain A as videos with subtitles
//	taskfilm FOLDER               renders the first test film of a task of the world's domain A, with its steps in steps.txt
//	momentmodel FOLDER RATE [ENCODER]  writes a moment model with fresh weights, of the built-in encoder or as if of another
//	hub REPOSITORY FOLDER         starts a Hugging Face Hub on loopback that offers a model
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
			for _, name := range []string{"clip", "bert"} {
				models, err := filepath.Abs(filepath.Join("..", "..", "encoder", name, "testdata"))
				if err != nil {
					return err
				}
				env.Setenv(strings.ToUpper(name), models)
			}
			return nil
		},
		Condition: func(condition string) (bool, error) {
			if condition == "short" {
				return testing.Short(), nil
			}
			return false, fmt.Errorf("unknown condition %q", condition)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "json": jsonAt, "matrix": matrix, "longcaption": longCaption, "await": await, "hub": offerModel,
			"films": films, "taskfilm": taskFilm, "momentmodel": writeMomentModel,
		},
	})
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND ARG…")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		code = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if want := args[0]; strconv.Itoa(code) != want {
		ts.Fatalf("exit code %d, want %s", code, want)
	}
}

func jsonAt(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: json PATH VALUE")
	}
	decoder := json.NewDecoder(strings.NewReader(ts.ReadFile("stdout")))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		ts.Fatalf("stdout is no JSON: %v", err)
	}
	if decoder.More() {
		ts.Fatalf("stdout holds more than one JSON value")
	}
	for part := range strings.SplitSeq(args[0], ".") {
		switch v := value.(type) {
		case map[string]any:
			var there bool
			if value, there = v[part]; !there {
				ts.Fatalf("%s: there is no %q", args[0], part)
			}
		case []any:
			if part == "len" {
				value = len(v)
				continue
			}
			i, err := strconv.Atoi(part)
			if err != nil || i >= len(v) {
				ts.Fatalf("%s: no element %s in a list of %d", args[0], part, len(v))
			}
			value = v[i]
		default:
			ts.Fatalf("%s: %q is in no object", args[0], part)
		}
	}
	if got := fmt.Sprint(value); (got == args[1]) == neg {
		ts.Fatalf("%s is %s, want %s (not: %v)", args[0], got, args[1], neg)
	}
}

func matrix(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 && len(args) != 4 {
		ts.Fatalf("usage: matrix FILE ROWS COLS [float16|nan|zero]")
	}
	rows, err := strconv.Atoi(args[1])
	ts.Check(err)
	cols, err := strconv.Atoi(args[2])
	ts.Check(err)
	data := make([]float32, rows*cols)
	for i := range data {
		data[i] = float32(i*7919%1000) / 1000 // below 1, without ties in a small matrix
	}
	for i := range rows {
		data[i*cols+i%cols] = 2
	}
	kind := strings.Join(args[3:], "")
	var text bytes.Buffer
	switch kind {
	case "float16":
		fmt.Fprintf(&text, "\x93NUMPY\x01\x00\x76\x00%-117s\n", fmt.Sprintf("{'descr': '<f2', 'fortran_order': False, 'shape': (%d, %d), }", rows, cols))
		for _, v := range data {
			ts.Check(binary.Write(&text, binary.LittleEndian, float16.Fromfloat32(v).Bits()))
		}
	case "nan":
		data[0] = float32(math.NaN())
	case "zero":
		clear(data[:cols])
	}
	if kind != "float16" {
		ts.Check(npy.Write(&text, []int{rows, cols}, data))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), text.Bytes(), 0o666))
}

func longCaption(ts *testscript.TestScript, _ bool, args []string) {
	pair := map[string]string{"id": "x"}
	switch len(args) {
	case 2:
	case 3:
		pair = map[string]string{"video": args[2]}
	default:
		ts.Fatalf("usage: longcaption FILE WORDS [VIDEO]")
	}
	count, err := strconv.Atoi(args[1])
	ts.Check(err)
	vocabulary := strings.Fields("the man and the dog ran over the hill again")
	words := make([]string, count)
	for i := range words {
		words[i] = vocabulary[i%len(vocabulary)]
	}
	pair["caption"] = strings.Join(words, " ")
	line, err := json.Marshal(pair)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), append(line, '\n'), 0o666))
}

func await(ts *testscript.TestScript, _ bool, args []string) {
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
			return
		}
	}
	ts.Fatalf("%s did not appear", args[0])
}

// The run files that config init prints must say nothing but the defaults, about every key that counts.
func TestStarterRunIsTheDefaults(t *testing.T) {
	for _, task := range []string{"retrieval", train.Captions} {
		want, err := starterRun(task)
		if err != nil {
			t.Fatal(err)
		}
		text, err := starterText(want)
		if err != nil {
			t.Fatal(err)
		}
		run, err := train.ParseConfig(text)
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if !run.Equal(want) {
			t.Errorf("it reads as\n%s\nwant\n%s", run.YAML(), want.YAML())
		}
		ofRetrieval := false
		for line := range strings.Lines(string(want.YAML())) {
			key, _, _ := strings.Cut(strings.TrimSpace(line), ":")
			if line[0] != ' ' {
				ofRetrieval = task != "retrieval" && slices.Contains([]string{"tower", "head", "parts", "mask_duplicates"}, key)
			}
			if !ofRetrieval && !bytes.Contains(text, []byte(key+":")) {
				t.Errorf("the key %s is not in it", key)
			}
		}
	}
}

func TestHelpHasExamples(t *testing.T) {
	root := newRoot(&app{})
	for _, cmd := range root.Commands() {
		if cmd.Name() == "help" || cmd.Name() == "completion" {
			continue
		}
		for _, verb := range append(cmd.Commands(), cmd) {
			if verb.Example == "" || verb.Short == "" {
				t.Errorf("%s has no example or no short help", verb.CommandPath())
			}
			for line := range strings.Lines(verb.Long) {
				if len(line) > 105 {
					t.Errorf("%s: a line of its help has %d characters", verb.CommandPath(), len(line))
				}
			}
		}
	}
}
