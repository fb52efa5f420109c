package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"sightline"
	"sightline/engine"
	"sightline/internal/terminal"
)

// app is what the verbs share: where results and talk go, and what was typed for every verb.
type app struct {
	out, talk *terminal.Terminal

	archive string
	backend string
	json    bool
	quiet   bool

	textEncoder string // of the verbs that open trained models

	started bool // the command line made sense and a verb runs
}

// Groups of verbs in the help text.
const (
	groupArchive = "archive"
	groupModels  = "models"
	groupMeasure = "measure"
	groupSetUp   = "set-up"
)

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "sightline",
		Short: "Find the moment in a video that a sentence describes",
		Long: `Sightline finds the moment in a video that a sentence describes.

It turns videos into features, trains the alignment between video and language,
measures it, and searches with that very model.`,
		Example: `  sightline fetch clip                            # once: the weights
  sightline add ~/Videos
  sightline search "a dog catches a frisbee"`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          verbExpected,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetOut(a.out)
	root.SetErr(a.talk)
	flags := root.PersistentFlags()
	flags.StringVar(&a.archive, "archive", "", "archive folder (default $SIGHTLINE_ARCHIVE, else below the XDG data home)")
	flags.StringVar(&a.backend, "backend", "", "tensor backend: "+strings.Join(engine.Backends(), ", ")+" (default from the settings, else go)")
	flags.BoolVar(&a.json, "json", false, "print the result as JSON")
	flags.BoolVarP(&a.quiet, "quiet", "q", false, "no progress")
	a.complete(root, "backend", engine.Backends)

	root.AddGroup(
		&cobra.Group{ID: groupArchive, Title: "Your videos:"},
		&cobra.Group{ID: groupModels, Title: "Models and training:"},
		&cobra.Group{ID: groupMeasure, Title: "Data and measurement:"},
		&cobra.Group{ID: groupSetUp, Title: "Set-up:"},
	)
	root.SetHelpCommandGroupID(groupSetUp)
	root.SetCompletionCommandGroupID(groupSetUp)
	for _, verb := range []struct {
		group    string
		commands []*cobra.Command
	}{
		{groupArchive, []*cobra.Command{a.addCommand(), a.searchCommand(), a.momentsCommand(), a.stepsCommand(), a.captionCommand(), a.listCommand(), a.removeCommand()}},
		{groupModels, []*cobra.Command{a.fetchCommand(), a.trainCommand(), a.modelCommand()}},
		{groupMeasure, []*cobra.Command{a.worldCommand(), a.dataCommand(), a.encodeCommand(), a.evalCommand(), a.judgeCommand(), a.boostCommand(), a.inspectCommand(), a.benchCommand()}},
		{groupSetUp, []*cobra.Command{a.doctorCommand(), a.configCommand(), a.versionCommand()}},
	} {
		for _, command := range verb.commands {
			command.GroupID = verb.group
			root.AddCommand(command)
		}
	}
	root.InitDefaultCompletionCmd()
	if completion, _, err := root.Find([]string{"completion"}); err == nil {
		family(completion)
	}
	a.watch(root)
	return root
}

// watch notes when a verb starts, which is when the command line has made sense.
func (a *app) watch(cmd *cobra.Command) {
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			a.started = true
			return run(cmd, args)
		}
	}
	for _, child := range cmd.Commands() {
		a.watch(child)
	}
}

// family returns a command that only holds others.
func family(cmd *cobra.Command, children ...*cobra.Command) *cobra.Command {
	cmd.Args = verbExpected
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(children...)
	return cmd
}

// verbExpected refuses what stands in the place of a verb and is none.
func verbExpected(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	try := cmd.CommandPath() + " --help"
	cmd.SuggestionsMinimumDistance = 1
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		try = cmd.CommandPath() + " " + strings.Join(near, ", or ")
	}
	return &sightline.Error{Kind: sightline.Usage, What: fmt.Sprintf("%q is no command of %s", args[0], cmd.CommandPath()), Try: try}
}

// operands asks for as many arguments as the verb's usage line names: at least least, at most most (-1: any number).
func operands(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		_, names, _ := strings.Cut(cmd.Use, " ")
		switch {
		case len(args) < least && len(args) == 0:
			return fmt.Errorf("it needs %s", names)
		case len(args) < least || most >= 0 && len(args) > most:
			if names == "" {
				names = "no arguments"
			}
			return fmt.Errorf("it takes %s, not %q", names, args)
		}
		return nil
	}
}

// complete offers the given values of a flag to shells.
func (a *app) complete(cmd *cobra.Command, flag string, values func() []string) {
	err := cmd.RegisterFlagCompletionFunc(flag, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return values(), cobra.ShellCompDirectiveNoFileComp
	})
	if err != nil {
		panic(err) // the flag is defined a line above
	}
}

// print prints a result: value as JSON if that was asked for, else what people returns.
func (a *app) print(value any, people func() error) error {
	if !a.json {
		return people()
	}
	encoder := json.NewEncoder(a.out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

// say tells the person something that is no result.
func (a *app) say(format string, args ...any) {
	if !a.quiet {
		a.talk.Printf(format+"\n", args...)
	}
}

// bar starts a progress bar, which nobody sees when quiet was asked for.
func (a *app) bar(label string) *terminal.Bar {
	if a.quiet {
		return terminal.Plain(discard{}).Bar(label)
	}
	return a.talk.Bar(label)
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// report tells what went wrong in a verb and returns the exit code.
func (a *app) report(verb string, err error) int {
	if err == nil {
		return 0
	}
	kind, try := sightline.KindOf(err), sightline.TryOf(err)
	switch {
	case !a.started && kind == sightline.Failed: // about flags and arguments
		kind, try = sightline.Usage, verb+" --help"
		err = fmt.Errorf("%s: %w", strings.TrimPrefix(verb, "sightline "), err)
	case try == "" && errors.Is(err, context.Canceled):
		try = "run the same command again; what is done stays done"
	}
	a.talk.Printf("%s %s\n", a.talk.Paint(terminal.Red, "sightline:"), cleanLines(err.Error()))
	if try != "" {
		a.talk.Printf("%s %s\n", a.talk.Paint(terminal.Bold, "Try:"), cleanLines(try))
	}
	return int(kind)
}

// cleanLines makes a message that may quote file names safe to print.
func cleanLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = terminal.Clean(line)
	}
	return strings.Join(lines, "\n")
}

// usage returns an error about what was typed.
func usage(what string, try string, format string, args ...any) error {
	return &sightline.Error{Kind: sightline.Usage, What: what, Err: fmt.Errorf(format, args...), Try: try}
}
