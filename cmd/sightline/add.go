package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"sightline"
	"sightline/encoder/tiny"
	"sightline/internal/terminal"
	"sightline/library"
)

// addJSON is the contract of add --json.
type addJSON struct {
	Archive string `json:"archive"`
	Model   string `json:"model"`
	library.Summary
	Seconds float64 `json:"seconds"`
}

func (a *app) addCommand() *cobra.Command {
	var encoder string
	var rate float64
	var retry bool
	cmd := &cobra.Command{
		Use:   "add VIDEO|FOLDER...",
		Short: "Bring videos into the archive",
		Long: `Add decodes videos and those below folders, encodes their frames, and makes them searchable.
Your files are read and never changed, moved or copied. What is in already is passed over; a file
that cannot be read is refused with the cause and the rest goes in. Interrupted or killed, the
same command goes on where it stopped; without arguments it finishes what is left.

It exits with 1 when files were refused. Refused files are not looked at again until they
change, or --retry is given.`,
		Example: `  sightline add ~/Videos
  sightline add holiday.mp4 party.mov --json
  sightline add --archive ~/film-archive /mnt/films`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			s, err := a.settings(encoder, "")
			if err != nil {
				return err
			}
			o, err := s.opener()
			if err != nil {
				return err
			}
			if err := ready(ctx, o); err != nil {
				return err
			}
			var wanted library.Settings
			if rate != 0 {
				wanted = library.DefaultSettings()
				wanted.Rate = rate
			}
			archive, err := library.Create(s.Archive.Value, wanted)
			if err != nil {
				return err
			}
			defer archive.Close()
			m, err := servingModel(ctx, archive, o)
			if err != nil {
				return err
			}
			started := time.Now()
			bar := a.bar("Adding")
			summary, err := archive.Add(ctx, m.library(), library.AddOptions{Retry: retry, Progress: showProgress(bar)}, args...)
			bar.Close()
			result := addJSON{Archive: archive.Dir(), Model: m.name, Summary: filled(summary), Seconds: time.Since(started).Seconds()}
			if failed := a.print(result, func() error { return a.printSummary(result) }); failed != nil {
				return errors.Join(err, failed)
			}
			if err != nil {
				return err
			}
			return someRefused("add videos", len(summary.Refused), "sightline list --refused shows them again; the rest is in")
		},
	}
	flags := cmd.Flags()
	a.encoderFlag(cmd, &encoder)
	a.textEncoderFlag(cmd)
	flags.Float64Var(&rate, "rate", 0, "frames a second that are encoded; chosen when the archive is made (default 1)")
	flags.BoolVar(&retry, "retry", false, "look at refused files again, though they have not changed")
	return cmd
}

// showProgress tells a bar how far an add or an adoption has come.
func showProgress(bar *terminal.Bar) func(library.Progress) {
	return func(p library.Progress) {
		if p.Waiting != "" {
			bar.Set(0, 0, "waiting for process "+p.Waiting+", which is changing the archive")
			return
		}
		note := fmt.Sprintf("%d of %s", p.Files, terminal.Count(p.FilesTotal, "file", "files"))
		if p.Path != "" {
			note += " · " + filepath.Base(p.Path)
		}
		if p.Duration > 0 {
			note += fmt.Sprintf(" %s/%s", sightline.Clock(p.At), sightline.Clock(p.Duration))
		}
		if p.BytesTotal > 0 {
			bar.Set(float64(p.Bytes), float64(p.BytesTotal), note)
		} else {
			bar.Set(float64(p.Files), float64(p.FilesTotal), note)
		}
	}
}

// filled replaces missing lists, so that JSON has [] and never null.
func filled(s library.Summary) library.Summary {
	s.Added = append([]library.Entry{}, s.Added...)
	s.Known = append([]library.Entry{}, s.Known...)
	s.Refused = append([]library.Refusal{}, s.Refused...)
	s.Warnings = append([]library.Refusal{}, s.Warnings...)
	s.Removed = append([]string{}, s.Removed...)
	return s
}

// printSummary prints what came of an add.
func (a *app) printSummary(result addJSON) error {
	var length float64
	for _, entry := range result.Added {
		length += entry.Duration
	}
	a.out.Printf("%s %s", a.out.Paint(terminal.Green, "added    "), terminal.Count(len(result.Added), "video", "videos"))
	if len(result.Added) > 0 {
		a.out.Printf(" (%s of video in %s)", seconds(length),
			seconds(result.Seconds))
	}
	a.out.Printf("\nunchanged %s\n", terminal.Count(result.Unchanged, "file", "files"))
	if n := len(result.Known); n > 0 {
		a.out.Printf("known     %s with content that is in already\n", terminal.Count(n, "file", "files"))
	}
	if n := len(result.Removed); n > 0 {
		a.out.Printf("removed   %s whose last file has changed\n", terminal.Count(n, "video", "videos"))
	}
	a.printRefusals("warning  ", terminal.Yellow, result.Warnings)
	a.printRefusals("refused  ", terminal.Red, result.Refused)
	return nil
}

// printRefusals prints files with what is amiss with them.
func (a *app) printRefusals(mark string, style terminal.Style, refusals []library.Refusal) {
	for _, refusal := range refusals {
		again := ""
		if refusal.Again {
			again = " (unchanged since it was refused)"
		}
		a.out.Printf("%s %s: %s%s\n", a.out.Paint(style, mark), terminal.Clean(refusal.Path), terminal.Clean(refusal.Cause), again)
		if refusal.Try != "" && !refusal.Again {
			a.out.Printf("          %s\n", a.out.Paint(terminal.Dim, terminal.Clean(refusal.Try)))
		}
	}
}

// ready returns an error when a new archive could not be filled because its encoder is not there, before anything is
// created.
func ready(ctx context.Context, o *opener) error {
	archive, err := library.Open(o.Archive.Value)
	if err == nil {
		defer archive.Close()
		if _, err = archive.Serving(ctx); err == nil {
			return nil
		}
	}
	if sightline.KindOf(err) != sightline.NotReady {
		return err
	}
	_, err = o.encoders(o.Encoder.Value)
	return err
}

// servingModel opens the model that the archive is searched with, or, while there is none, the encoder in force.
//
// An encoder that was typed must be the archive's. The built-in one must have been asked for, whatever the archive says:
// it knows the rendered world only, and nobody should meet nonsense in silence.
func servingModel(ctx context.Context, archive *library.Archive, o *opener) (model, error) {
	serving, err := archive.Serving(ctx)
	if sightline.KindOf(err) == sightline.NotReady {
		return o.untrained(o.Encoder.Value)
	}
	if err != nil {
		return model{}, err
	}
	m, err := o.model(serving.Model)
	if err != nil {
		return model{}, fmt.Errorf("archive %s: %w", archive.Dir(), err)
	}
	if m.onWorldOnly() && !(o.Encoder.asked() && o.Encoder.Value == tiny.Name) {
		return model{}, &sightline.Error{
			Kind: sightline.NotReady, What: "archive " + archive.Dir(),
			Err: fmt.Errorf("it is searched with %s on the built-in encoder, which knows only the rendered world and talks nonsense about real videos", m.name),
			Try: "sightline fetch clip, then sightline model use clip; or say --encoder tiny if the rendered world is what you want",
		}
	}
	if o.Encoder.From == "flag" {
		asked, err := o.encoders(o.Encoder.Value)
		if err != nil {
			return model{}, err
		}
		if asked.Frames.ID() != m.encoders.Frames.ID() {
			return model{}, usage("--encoder "+o.Encoder.Value, "leave --encoder out, or change the archive's model: sightline model use "+o.Encoder.Value,
				"the archive %s is searched with %s on %v", archive.Dir(), m.name, m.encoders.Frames.ID())
		}
	}
	if err := serving.Space.Check(archive.IndexSpace(m.library())); err != nil {
		return model{}, &sightline.Error{
			Kind: sightline.Failed, What: "archive " + archive.Dir(), Err: fmt.Errorf("its model %s has changed: %w", serving.Model, err),
			Try: "sightline model use " + serving.Model + " builds the index anew",
		}
	}
	return m, nil
}
