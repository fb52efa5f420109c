package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sightline"
	"sightline/feature"
	"sightline/internal/terminal"
	"sightline/library"
)

// importJSON is the contract of data import --json; with --into-archive it is that of add.
type importJSON struct {
	Space    sightline.Space `json:"space"`
	Store    string          `json:"store"`
	Imported []string        `json:"imported"`
	Refused  []refusedJSON   `json:"refused"`
	Rounding float64         `json:"rounding"` // largest distance between a value and what was stored
}

type refusedJSON struct {
	Path  string `json:"path"`
	Cause string `json:"cause"`
}

func (a *app) dataImportCommand() *cobra.Command {
	var im feature.Import
	var stream, madeBy, hash, features, encoder string
	var intoArchive bool
	cmd := &cobra.Command{
		Use:   "import FOLDER",
		Short: "Import .npy and .npz features made elsewhere",
		Long: `Import stores every .npy and .npz file of a folder as features; the video's id is the file's
name. An .npz has its rows under "features" and may have "timestamps", as Lighthouse
writes them; else every row stands for --row-seconds. Values are stored as float16.

--made-by names the encoder, and --hash its weights: features of two encoders are never mixed.
--into-archive makes the videos searchable, though their files are not at hand: the features must
then be those of single frames by the archive's encoder.`,
		Example: `  sightline data import slowfast/ --made-by slowfast --hash 1f2e3d4c --row-seconds 2
  sightline data import clip_features/ --into-archive --encoder clip --row-seconds 1`,
		Args: operands(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if intoArchive == (madeBy != "") {
				return usage("data import "+args[0], "say --made-by NAME, or --into-archive", "what made the features is needed")
			}
			s, err := a.settings(encoder, features)
			if err != nil {
				return err
			}
			if intoArchive {
				return a.importIntoArchive(cmd.Context(), s, im, args[0])
			}
			im.Stream = feature.Stream(stream)
			im.Space.Video = sightline.ModelID{Name: madeBy, Hash: hash}
			return a.importIntoStore(cmd.Context(), s.store(), im, args[0])
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&madeBy, "made-by", "", "name of the encoder")
	flags.StringVar(&hash, "hash", "", "hash of its weights")
	flags.StringVar(&im.Space.Preprocess, "preprocess", "", "how pixels became its input")
	flags.StringVar(&im.Space.Sampling, "sampling", "", "which frames it saw")
	flags.StringVar(&stream, "stream", string(feature.Clip), "what a row was made from: frame, clip, subtitle")
	flags.Float64Var(&im.RowSeconds, "row-seconds", 0, "seconds a row stands for, where a file has no timestamps")
	flags.StringVar(&im.Key, "key", feature.FeaturesKey, "array to take from an .npz file")
	flags.StringVar(&features, "features", "", "folder of stored features (default below the XDG cache home)")
	flags.BoolVar(&intoArchive, "into-archive", false, "make the videos searchable")
	a.encoderFlag(cmd, &encoder)
	return cmd
}

func (a *app) importIntoStore(ctx context.Context, store feature.Store, im feature.Import, folder string) error {
	report, err := im.ImportFolder(ctx, folder, store)
	if err != nil {
		return err
	}
	result := importJSON{Space: im.Space, Store: store.Dir, Imported: append([]string{}, report.Imported...),
		Refused: []refusedJSON{}, Rounding: report.Rounding}
	for _, refused := range report.Refused {
		result.Refused = append(result.Refused, refusedJSON{refused.Path, refused.Err.Error()})
	}
	err = a.print(result, func() error {
		for _, refused := range result.Refused {
			a.out.Printf("refused  %s: %s\n", terminal.Clean(refused.Path), terminal.Clean(refused.Cause))
		}
		a.out.Printf("%s imported into %s as %v\n", terminal.Count(len(result.Imported), "file", "files"), terminal.Clean(store.Dir), im.Space.Video)
		return nil
	})
	return errors.Join(err, someRefused("import "+folder, len(result.Refused), ""))
}

// importIntoArchive makes videos searchable by features that the archive's encoder made elsewhere.
func (a *app) importIntoArchive(ctx context.Context, s settings, im feature.Import, folder string) error {
	started := time.Now()
	o, err := s.opener()
	if err != nil {
		return err
	}
	if err := ready(ctx, o); err != nil {
		return err
	}
	archive, err := library.Create(s.Archive.Value, library.Settings{})
	if err != nil {
		return err
	}
	defer archive.Close()
	m, err := servingModel(ctx, archive, o)
	if err != nil {
		return err
	}
	im.Stream, im.Space = feature.Frame, archive.FeatureSpace(m.encoders.Frames)
	read, refused, err := readArrays(im, folder)
	if err != nil {
		return err
	}
	summary, err := archive.Import(ctx, m.library(), read...)
	if err != nil {
		return err
	}
	summary.Refused = append(refused, summary.Refused...)
	result := addJSON{Archive: archive.Dir(), Model: m.name, Summary: filled(summary), Seconds: time.Since(started).Seconds()}
	err = a.print(result, func() error { return a.printSummary(result) })
	return errors.Join(err, someRefused("import "+folder, len(summary.Refused), "the rest is in"))
}

// readArrays reads the arrays of a folder; what cannot be read is refused.
func readArrays(im feature.Import, folder string) (read []feature.Features, refused []library.Refusal, err error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, nil, usage("data import", "name a folder of .npy and .npz files", "%w", err)
	}
	for _, entry := range entries {
		ext := strings.ToLower(filepath.Ext(entry.Name()))
		if entry.IsDir() || ext != ".npy" && ext != ".npz" {
			continue
		}
		path := filepath.Join(folder, entry.Name())
		f, err := im.ReadArray(path, strings.TrimSuffix(entry.Name(), filepath.Ext(entry.Name())))
		if err != nil {
			refused = append(refused, library.Refusal{Path: path, Cause: err.Error(), Try: sightline.TryOf(err)})
			continue
		}
		read = append(read, f)
	}
	return read, refused, nil
}

// someRefused returns the error of work that was done for all files but n, and nil when n is 0.
func someRefused(what string, n int, try string) error {
	if n == 0 {
		return nil
	}
	return &sightline.Error{Kind: sightline.Failed, What: what, Err: fmt.Errorf("%s refused", terminal.Count(n, "file was", "files were")), Try: try}
}
