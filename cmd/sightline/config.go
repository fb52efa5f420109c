package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"text/tabwriter"
	"text/template"

	"github.com/spf13/cobra"

	"sightline/internal/terminal"
	"sightline/train"
)

// runTemplate is a run file with a word on every key; its values come from train.Defaults.
//
//go:embed run.yaml.tmpl
var runTemplate string

// starterRun returns the run that config init prints: the defaults of a task, on the world.
func starterRun(task string) (train.Config, error) {
	run := train.Defaults()
	switch task {
	case "retrieval":
	case train.Captions:
		run = train.CaptionDefaults()
	default:
		return run, usage("--task "+task, "retrieval or caption", "there is no such task")
	}
	run.Name, run.Seed = "first", 1
	run.Data.Train, run.Data.Val = "world:A/demo/train", "world:A/demo/val"
	return run, nil
}

// starterText returns a run as a file with its comments lined up.
func starterText(run train.Config) ([]byte, error) {
	var text bytes.Buffer
	lined := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	if err := template.Must(template.New("run").Parse(runTemplate)).Execute(lined, run); err != nil {
		return nil, err
	}
	err := lined.Flush()
	return text.Bytes(), err
}

func (a *app) configCommand() *cobra.Command {
	return family(&cobra.Command{
		Use:   "config",
		Short: "Start a run file, show the settings in force",
		Long: `A run file says what sightline train does. The file of settings, which need not be there, holds
values for flags that are not typed: archive, backend, encoder, text_encoder, features. It is
$SIGHTLINE_CONFIG, else sightline/config.yaml below the XDG config home.

A flag goes before the environment (SIGHTLINE_ARCHIVE, SIGHTLINE_BACKEND, SIGHTLINE_ENCODER,
SIGHTLINE_TEXT_ENCODER, SIGHTLINE_FEATURES), the environment before the file.`,
		Example: `  sightline config init > run.yaml
  sightline config show
  echo 'encoder: clip-l14' >> "$(sightline config path)"`,
	}, a.configInitCommand(), a.configShowCommand(), a.configPathCommand())
}

func (a *app) configInitCommand() *cobra.Command {
	var task string
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Print a run file with every key, its default and what it means",
		Example: `  sightline config init > run.yaml
  sightline config init --task caption > captions.yaml`,
		Args: operands(0, 0),
		RunE: func(*cobra.Command, []string) error {
			run, err := starterRun(task)
			if err != nil {
				return err
			}
			return a.print(run, func() error {
				text, err := starterText(run)
				if err != nil {
					return err
				}
				_, err = a.out.Write(text)
				return err
			})
		},
	}
	cmd.Flags().StringVar(&task, "task", "retrieval", "what is trained: retrieval or caption")
	return cmd
}

func (a *app) configShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show [RUN.yaml]",
		Short: "Show the settings in force, or a run file with its defaults filled in",
		Long: `Show prints the settings in force and where each comes from, as a file of settings. With a run
file it checks that and prints it with every default filled in.`,
		Example: `  sightline config show
  sightline config show run.yaml`,
		Args: operands(0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				run, err := train.ReadConfig(args[0])
				if err != nil {
					return err
				}
				return a.print(run, func() error {
					_, err := a.out.Write(run.YAML())
					return err
				})
			}
			s, err := a.settings("", "")
			if err != nil {
				return err
			}
			return a.print(s, func() error {
				for _, line := range []struct {
					key string
					setting
				}{{"archive", s.Archive}, {"backend", s.Backend}, {"encoder", s.Encoder}, {"text_encoder", s.TextEncoder}, {"features", s.Features}} {
					a.out.Printf("%s: %s  %s\n", line.key, yamlString(line.Value), a.out.Paint(terminal.Dim, "# "+line.From))
				}
				return nil
			})
		},
	}
}

// yamlString writes a value so that YAML reads it back, without quotes where it can.
func yamlString(value string) string {
	if value == "" {
		return `""`
	}
	for _, r := range value {
		if !(r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '/' || r == '.' || r == '_' || r == '-') {
			return fmt.Sprintf("%q", value)
		}
	}
	return value
}

func (a *app) configPathCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "path",
		Short:   "Print where the file of settings is looked for",
		Example: `  $EDITOR "$(sightline config path)"`,
		Args:    operands(0, 0),
		RunE: func(*cobra.Command, []string) error {
			path, err := settingsPath()
			if err != nil {
				return err
			}
			_, err = os.Stat(path)
			return a.print(struct {
				Path   string `json:"path"`
				Exists bool   `json:"exists"`
			}{path, err == nil}, func() error {
				_, err := fmt.Fprintln(a.out, path)
				return err
			})
		},
	}
}
