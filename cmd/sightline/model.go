package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"sightline"
	"sightline/align"
	"sightline/align/locate"
	"sightline/align/taco"
	"sightline/caption"
	"sightline/encoder/hub"
	"sightline/encoder/tiny"
	"sightline/engine"
	"sightline/internal/terminal"
	"sightline/library"
)

func (a *app) modelCommand() *cobra.Command {
	return family(&cobra.Command{
		Use:   "model",
		Short: "List models, look at one, make one serve",
		Example: `  sightline model list
  sightline model show runs/first
  sightline model use runs/first
  sightline model use runs/captions`,
	}, a.modelListCommand(), a.modelShowCommand(), a.modelUseCommand(), a.modelImportCommand())
}

// modelJSON is a line of model list --json.
type modelJSON struct {
	Name    string           `json:"name"`
	Kind    string           `json:"kind"` // "encoder", "bundle", "taco", "moments" or "captions"
	Serving bool             `json:"serving"`
	Moments bool             `json:"moments"` // finds the archive's moments
	Dir     string           `json:"dir,omitempty"`
	Space   *sightline.Space `json:"space,omitempty"` // of a bundle
	About   string           `json:"about"`
}

func (a *app) modelListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the encoders that are here and the archive's models",
		Example: `  sightline model list
  sightline model list --json | jq -r '.[] | select(.serving).name'`,
		Args: operands(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.settings("", "")
			if err != nil {
				return err
			}
			models, err := listModels(cmd.Context(), s)
			if err != nil {
				return err
			}
			return a.print(models, func() error {
				table := terminal.Table{Columns: []terminal.Column{{}, {Title: "name"}, {Title: "kind"}, {Title: "about", Shorten: true}}}
				for _, m := range models {
					mark := ""
					switch {
					case m.Serving:
						mark = "*"
					case m.Moments:
						mark = "+"
					}
					table.Row(mark, m.Name, m.Kind, m.About)
				}
				table.Write(a.out)
				if slices.ContainsFunc(models, func(m modelJSON) bool { return m.Serving }) {
					a.say("* serves the archive %s", terminal.Clean(s.Archive.Value))
				}
				if slices.ContainsFunc(models, func(m modelJSON) bool { return m.Moments }) {
					a.say("+ finds its moments")
				}
				return nil
			})
		},
	}
}

// listModels returns the encoders at hand and the archive's bundles.
func listModels(ctx context.Context, s settings) ([]modelJSON, error) {
	serving, moments, err := servingNames(ctx, s)
	if err != nil {
		return nil, err
	}
	models := []modelJSON{{Name: tiny.Name, Kind: "encoder", About: "built in; knows only the rendered world"}}
	cached, err := hub.Cached()
	if err != nil {
		return nil, err
	}
	for _, known := range cached {
		models = append(models, modelJSON{Name: known.Name, Kind: "encoder", About: known.About})
	}
	entries, err := os.ReadDir(s.modelsDir())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	for _, entry := range entries {
		dir := filepath.Join(s.modelsDir(), entry.Name())
		kind, err := align.KindOf(dir)
		if err == nil && kind == locate.Kind {
			if bundle, err := locate.ReadBundle(dir); err == nil {
				models = append(models, modelJSON{
					Name: entry.Name(), Kind: kind, Dir: dir, Space: &bundle.Space, About: aboutMoments(bundle), Moments: entry.Name() == moments,
				})
			}
			continue
		}
		if err == nil && kind == taco.Kind {
			if bundle, err := taco.ReadBundle(dir); err == nil {
				models = append(models, modelJSON{Name: entry.Name(), Kind: kind, Dir: dir, Space: &bundle.Space, About: aboutTaco(bundle)})
			}
			continue
		}
		if err == nil && kind == caption.Kind {
			if bundle, err := caption.ReadBundle(dir); err == nil {
				models = append(models, modelJSON{Name: entry.Name(), Kind: kind, Dir: dir, Space: &bundle.Space, About: aboutCaptions(bundle)})
			}
			continue
		}
		bundle, err := align.ReadBundle(dir)
		if err != nil {
			continue // not a model, or one whose copy was interrupted
		}
		models = append(models, modelJSON{Name: entry.Name(), Kind: "bundle", Dir: dir, Space: &bundle.Space, About: about(bundle)})
	}
	for i := range models {
		models[i].Serving = models[i].Name == serving
	}
	if serving != "" && !slices.ContainsFunc(models, func(m modelJSON) bool { return m.Serving }) {
		models = append(models, modelJSON{Name: serving, Kind: "encoder", Serving: true, About: "named by its folder, or no longer here"})
	}
	return models, nil
}

// about describes a bundle on one line.
func about(b align.Bundle) string {
	text := fmt.Sprintf("%s on %v", b.Head, b.Space.Video)
	if b.OwnEncoder {
		text += ", its own encoder"
	}
	return text
}

// servingNames returns the names of the model that serves and of the one that finds moments, "" where there is none.
func servingNames(ctx context.Context, s settings) (serving, moments string, err error) {
	archive, err := library.Open(s.Archive.Value)
	if err == nil {
		defer archive.Close()
		var found library.Serving
		if found, err = archive.Serving(ctx); err == nil {
			moments, err = archive.MomentModel(ctx)
			return found.Model, moments, err
		}
	}
	if sightline.KindOf(err) == sightline.NotReady {
		err = nil
	}
	return "", "", err
}

// shownJSON is the contract of model show --json.
type shownJSON struct {
	Dir        string `json:"dir"`
	Parameters int    `json:"parameters"`
	Bytes      int64  `json:"bytes"`
	Bundle     any    `json:"bundle"` // what its config.json says

	name  string
	lines [][2]string // what people are told beside it
}

func (a *app) modelShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show MODEL",
		Short: "Say what a model is and what its vectors mean",
		Example: `  sightline model show runs/first
  sightline model show first --json | jq .bundle.space`,
		Args: operands(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := a.settings("", "")
			if err != nil {
				return err
			}
			dir, kind, ok := s.findBundle(args[0])
			show := showBundle
			switch {
			case !ok:
				return noBundle(args[0])
			case kind == locate.Kind:
				show = showMoments
			case kind == taco.Kind:
				show = showTaco
			case kind == caption.Kind:
				show = showCaptions
			case kind != "":
				return wrongKind(args[0], kind)
			}
			o, err := s.opener()
			if err != nil {
				return err
			}
			shown, err := show(o.engine, dir)
			if err != nil {
				return err
			}
			shown.Dir = dir
			if shown.Bytes, err = sizeOf(dir); err != nil {
				return err
			}
			return a.print(shown, func() error {
				for _, line := range slices.Concat([][2]string{{"name", shown.name}, {"folder", dir}}, shown.lines, [][2]string{
					{"parameters", terminal.Thousands(shown.Parameters)}, {"size", terminal.Bytes(shown.Bytes)},
				}) {
					a.out.Printf("%-11s %s\n", line[0], terminal.Clean(line[1]))
				}
				return nil
			})
		},
	}
}

// showBundle opens a model that compares videos with sentences.
func showBundle(e *engine.Engine, dir string) (shownJSON, error) {
	m, b, err := align.Open(e, dir)
	if err != nil {
		return shownJSON{}, err
	}
	lines := append([][2]string{{"head", b.Head.String()}}, spaceLines(b.Space)...)
	return shownJSON{Parameters: m.Weights.Count(), Bundle: b, name: b.Name, lines: lines}, nil
}

// showMoments opens a model that finds moments.
func showMoments(e *engine.Engine, dir string) (shownJSON, error) {
	m, b, err := locate.Open(e, dir)
	if err != nil {
		return shownJSON{}, err
	}
	lines := append([][2]string{{"method", b.Config.Method.String()}}, spaceLines(b.Space)...)
	if b.Config.Subtitle > 0 {
		lines = append(lines, [2]string{"subtitles", b.Subtitle.String()})
	}
	if b.Config.Longest > 0 {
		lines = append(lines, [2]string{"moments", fmt.Sprintf("of up to %g s", b.Config.Longest)})
	}
	return shownJSON{Parameters: m.Weights.Count(), Bundle: b, name: b.Name, lines: lines}, nil
}

// showTaco reads a TACo model.
func showTaco(_ *engine.Engine, dir string) (shownJSON, error) {
	weights, b, _, err := taco.Read(dir)
	if err != nil {
		return shownJSON{}, err
	}
	lines := append([][2]string{{"method", aboutTaco(b)}}, spaceLines(b.Space)...)
	if b.Tagger != "" {
		lines = append(lines, [2]string{"tagger", b.Tagger})
	}
	if b.Vocabulary != "" {
		lines = append(lines, [2]string{"words", fmt.Sprintf("%s of its own", terminal.Thousands(b.Config.Pieces))})
	}
	return shownJSON{Parameters: weights.Count(), Bundle: b, name: b.Name, lines: lines}, nil
}

// aboutTaco describes a TACo model on one line.
func aboutTaco(b taco.Bundle) string {
	return fmt.Sprintf("taco on %v, tokens %s", b.Space.Video, b.Config.Tokens)
}

// showCaptions opens a model that writes captions.
func showCaptions(e *engine.Engine, dir string) (shownJSON, error) {
	m, b, err := caption.Open(e, dir)
	if err != nil {
		return shownJSON{}, err
	}
	lines := append([][2]string{{"writes", fmt.Sprintf("captions of up to %s", terminal.Count(b.Config.Words-1, "piece of a word", "pieces of words"))},
		{"vocabulary", terminal.Count(m.Vocabulary.Len(), "piece", "pieces")}}, videoLines(b.Space)...)
	return shownJSON{Parameters: m.Weights.Count(), Bundle: b, name: b.Name, lines: lines}, nil
}

// videoLines says what the features of a model without texts mean.
func videoLines(s sightline.Space) [][2]string {
	return slices.DeleteFunc(spaceLines(s), func(line [2]string) bool { return line[0] == "text" })
}

// spaceLines says what a model's vectors mean.
func spaceLines(s sightline.Space) [][2]string {
	return [][2]string{
		{"video", s.Video.String()}, {"text", s.Text.String()}, {"weights", s.Head.String()},
		{"pixels", s.Preprocess}, {"trained on", s.Sampling},
	}
}

func noBundle(name string) error {
	return usage(fmt.Sprintf("find model %q", name), "sightline model list shows the archive's models; the folder of a finished training run is a model too",
		"there is no folder of that name with a model, and none in the archive")
}

// sizeOf returns the bytes of the files below a folder.
func sizeOf(dir string) (int64, error) {
	var total int64
	err := filepath.WalkDir(dir, func(_ string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			total += info.Size()
		}
		return err
	})
	return total, err
}

// usedJSON is the contract of model use --json.
type usedJSON struct {
	Archive string          `json:"archive"`
	Model   string          `json:"model"`
	Space   sightline.Space `json:"space"`
}

func (a *app) modelUseCommand() *cobra.Command {
	var name, encoder string
	cmd := &cobra.Command{
		Use:   "use MODEL",
		Short: "Make a model the one that serves the archive",
		Long: `Use copies a trained model into the archive, builds the index of its space beside the one that
serves, and swaps when every video is in it. Features are reused where the encoder is the same.
Until then searches go on as before; interrupted, the same command goes on.

MODEL is a training run's folder, a bundle, a name of the archive's models, or an encoder to
be used untrained. A model that was trained with task: moments is kept beside the one that serves
search: sightline moments uses it, and its clips are encoded from the stored frames at once. One that
was trained with task: caption is copied only, and sightline caption --model NAME finds it there.`,
		Example: `  sightline model use runs/first
  sightline model use runs/first --name calm-2
  sightline model use runs/moments
  sightline model use clip`,
		Args: operands(1, 1),
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
			switch dir, kind, ok := s.findBundle(args[0]); {
			case ok && kind == locate.Kind:
				return a.useMoments(ctx, o, dir, name)
			case ok && kind == caption.Kind:
				return a.useCaptions(o, dir, name)
			}
			m, err := o.model(args[0])
			if err != nil {
				return err
			}
			archive, err := library.Create(s.Archive.Value, library.Settings{})
			if err != nil {
				return err
			}
			defer archive.Close()
			if m.taco != nil && !m.taco.Config.Recalls() {
				return usage("serve with the model "+m.name, "train one with l1 above 0, as it is where the run file does not say", "it did not learn l1, by which an index finds candidates")
			}
			if m.dir != "" {
				if m.name, err = bringModel(archive.ModelsDir(), m.dir, m.name, m.bundle.Space, name); err != nil {
					return err
				}
			}
			bar := a.bar("Building the index")
			err = archive.Adopt(ctx, m.library(), showProgress(bar))
			bar.Close()
			if err != nil {
				return err
			}
			return a.print(usedJSON{archive.Dir(), m.name, archive.IndexSpace(m.library())}, func() error {
				a.out.Printf("%s serves %s\n", terminal.Clean(m.name), terminal.Clean(archive.Dir()))
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "name of the model in the archive (default its own)")
	a.encoderFlag(cmd, &encoder)
	a.textEncoderFlag(cmd)
	return cmd
}

// bringModel copies a bundle into the archive's models, whole or not at all, and returns its name there: the given one, or
// its own.
func bringModel(models, dir, own string, space sightline.Space, name string) (string, error) {
	if name == "" {
		name = own
		if filepath.Dir(dir) == models {
			name = filepath.Base(dir)
		}
	}
	if name == tiny.Name || slices.Contains(modelNames(), name) || name == untrained || name == ofSearch || name != filepath.Base(name) || name[0] == '.' {
		return "", usage("--name "+name, "--name my-model", "a model in an archive cannot have this name")
	}
	target := filepath.Join(models, name)
	switch there, err := spaceOf(target); {
	case err == nil && there == space:
		return name, nil
	case err == nil:
		return "", usage("use model "+dir, "give it another name: --name "+name+"-2", "the archive has another model called %s", name)
	}
	if err := os.MkdirAll(models, 0o777); err != nil {
		return "", err
	}
	unfinished, err := os.MkdirTemp(models, ".copy-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(unfinished)
	if err := os.CopyFS(unfinished, os.DirFS(dir)); err != nil {
		return "", err
	}
	return name, os.Rename(unfinished, target)
}

// spaceOf returns the space of the vectors of a bundle that an archive can have.
func spaceOf(dir string) (sightline.Space, error) {
	if moments, err := locate.ReadBundle(dir); err == nil {
		return moments.Space, nil
	}
	if bundle, err := taco.ReadBundle(dir); err == nil {
		return bundle.Space, nil
	}
	if captions, err := caption.ReadBundle(dir); err == nil {
		return captions.Space, nil
	}
	bundle, err := align.ReadBundle(dir)
	return bundle.Space, err
}
