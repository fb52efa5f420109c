package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"sightline"
	"sightline/align"
	"sightline/align/checkpoint"
	"sightline/encoder/clip"
	"sightline/engine"
	"sightline/internal/terminal"
)

// importedJSON is the result of model import.
type importedJSON struct {
	Encoder string          `json:"encoder"` // folder of the CLIP model
	Model   string          `json:"model"`   // folder of the bundle
	Head    align.Choice    `json:"head"`
	Space   sightline.Space `json:"space"`
	Ignored []string        `json:"ignored"` // tensors that neither needs
}

func (a *app) modelImportCommand() *cobra.Command {
	var out, sampling string
	cmd := &cobra.Command{
		Use:   "import CHECKPOINT.safetensors --out DIR",
		Short: "Take over a published checkpoint of CLIP4Clip or X-Pool",
		Long: `Import takes a published checkpoint apart by the names of its tensors: DIR/encoder is the CLIP model
that was trained with it, DIR/model the head on top, ready for eval, model use and search.

Checkpoints come as PyTorch files; scripts/pt2safetensors.py, in the source, turns them into
safetensors where PyTorch is installed.`,
		Example: `  python3 scripts/pt2safetensors.py pytorch_model.bin.4 seqtransf.safetensors
  sightline model import seqtransf.safetensors --out models/seqtransf
  sightline eval --model models/seqtransf/model --encoder models/seqtransf/encoder --data test.jsonl`,
		Args: operands(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.settings("", "")
			if err != nil {
				return err
			}
			e, err := s.engine()
			if err != nil {
				return err
			}
			if _, err := os.Stat(out); err == nil {
				return usage("--out "+out, "name a new folder", "it is there already")
			}
			result, err := importCheckpoint(e, args[0], out, sampling)
			if err != nil {
				return err
			}
			return a.print(result, func() error {
				a.out.Printf("encoder  %s\nmodel    %s\nhead     %s\n", terminal.Clean(result.Encoder), terminal.Clean(result.Model), result.Head)
				if n := len(result.Ignored); n > 0 {
					a.say("%s of the checkpoint were not needed, %s the first", terminal.Count(n, "tensor", "tensors"), result.Ignored[0])
				}
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "new folder for both (needed)")
	cmd.Flags().StringVar(&sampling, "sampling", "uniform-12", "how frames were sampled in its training")
	if err := cmd.MarkFlagRequired("out"); err != nil {
		panic(err)
	}
	return cmd
}

// importCheckpoint writes both folders, or nothing.
func importCheckpoint(e *engine.Engine, path, out, sampling string) (result importedJSON, err error) {
	all, err := engine.LoadWeights(path)
	if err != nil {
		return result, &sightline.Error{
			Kind: sightline.Failed, What: "import " + path, Err: err,
			Try: "python3 scripts/pt2safetensors.py IN.pt OUT.safetensors, then import OUT.safetensors",
		}
	}
	parts, err := checkpoint.Split(all)
	if err != nil {
		return result, err
	}
	if err := os.MkdirAll(filepath.Dir(filepath.Clean(out)), 0o777); err != nil {
		return result, err
	}
	unfinished, err := os.MkdirTemp(filepath.Dir(filepath.Clean(out)), ".import-")
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(unfinished)) }()
	if err := clip.Save(filepath.Join(unfinished, "encoder"), parts.Encoder); err != nil {
		return result, fmt.Errorf("import %s: %w", path, err)
	}
	encoder, err := clip.Open(e, filepath.Join(unfinished, "encoder"))
	if err != nil {
		return result, err
	}
	model, err := parts.Model(e, encoder.FrameDim())
	if err != nil {
		return result, fmt.Errorf("import %s: %w", path, err)
	}
	space := sightline.Space{Video: encoder.ID(), Text: encoder.ID(), Preprocess: encoder.Preprocess(), Sampling: sampling}
	bundle, err := align.Save(filepath.Join(unfinished, "model"), filepath.Base(out), parts.Head, nil, model, space)
	if err != nil {
		return result, err
	}
	result = importedJSON{
		Encoder: filepath.Join(out, "encoder"), Model: filepath.Join(out, "model"),
		Head: parts.Head, Space: bundle.Space, Ignored: parts.Ignored,
	}
	return result, os.Rename(unfinished, out)
}
