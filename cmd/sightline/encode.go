package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"sightline"
	"sightline/corpus"
	"sightline/dataset"
	"sightline/feature"
	"sightline/internal/atomicfile"
	"sightline/internal/terminal"
	"sightline/video"
)

// encodeJSON is the contract of encode --json.
type encodeJSON struct {
	Data    string          `json:"data"`
	Videos  int             `json:"videos"`
	Rows    int             `json:"rows"`
	Dim     int             `json:"dim"`
	Space   sightline.Space `json:"space"`
	Store   string          `json:"store"`
	Written []string        `json:"written"` // files for Python
}

func (a *app) encodeCommand() *cobra.Command {
	var encoder, features, export, format string
	var frames int
	cmd := &cobra.Command{
		Use:   "encode DATA|VIDEO...",
		Short: "Decode videos and keep the features of their frames",
		Long: `Encode takes N uniform frames of every video, encodes them, and keeps the features, which
train and eval then use. What is there already is not made again; interrupted, it continues
where it stopped.

DATA is a file of pairs (.jsonl, .csv), a split of a benchmark such as msrvtt:data/msrvtt/test, or a
rendered one such as world:A/base/test; video files may be named as well. --export writes the features
as .npz or .npy files for Python.`,
		Example: `  sightline encode pairs.jsonl
  sightline encode pairs.jsonl --encoder clip-l14 --frames 12
  sightline encode holiday.mp4 party.mov --export features/ --format npz
  sightline encode world:A/demo/test --encoder tiny --export features/`,
		Args: operands(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if frames < 1 {
				return usage("--frames", "--frames 8", "%d frames are not enough", frames)
			}
			if format != "npz" && format != "npy" {
				return usage("--format", "npz or npy", "%q is neither", format)
			}
			s, err := a.settings(encoder, features)
			if err != nil {
				return err
			}
			data, err := openData(ctx, args)
			if err != nil {
				return err
			}
			o, err := s.opener()
			if err != nil {
				return err
			}
			encoders, err := o.encoders(s.Encoder.Value)
			if err != nil {
				return err
			}
			progress := series{start: a.bar}
			all, err := data.Encode(ctx, encoders.Frames, corpus.Uniform(frames), s.store(), func(done int) {
				progress.encoding(data.Name, done, len(data.Set.Videos))
			})
			progress.close()
			if err != nil {
				return err
			}
			result := encodeJSON{Data: data.Name, Videos: len(all), Dim: encoders.Frames.FrameDim(), Store: s.store().Dir, Written: []string{}}
			for _, f := range all {
				result.Rows += f.Rows.Rows
				result.Space = f.Space
			}
			if export != "" {
				if result.Written, err = exportAll(export, format, all); err != nil {
					return err
				}
			}
			return a.print(result, func() error {
				a.out.Printf("%s, %s of width %d by %v\n", terminal.Count(result.Videos, "video", "videos"),
					terminal.Count(result.Rows, "row", "rows"), result.Dim, result.Space.Video)
				a.out.Printf("kept in %s\n", terminal.Clean(result.Store))
				if export != "" {
					a.out.Printf("%s in %s\n", terminal.Count(len(result.Written), "file", "files"), terminal.Clean(export))
				}
				return nil
			})
		},
	}
	flags := cmd.Flags()
	a.encoderFlag(cmd, &encoder)
	flags.IntVar(&frames, "frames", usualFrames, "uniform frames a video")
	flags.StringVar(&features, "features", "", "folder of stored features (default below the XDG cache home)")
	flags.StringVar(&export, "export", "", "write arrays for Python into this folder")
	flags.StringVar(&format, "format", "npz", "of the exported arrays: npz (with timestamps) or npy")
	return cmd
}

// encoderFlag adds --encoder.
func (a *app) encoderFlag(cmd *cobra.Command, value *string) {
	cmd.Flags().StringVar(value, "encoder", "", "tiny, a fetched model such as clip, or a folder (default from the settings, else clip)")
	a.complete(cmd, "encoder", func() []string { return append([]string{"tiny"}, modelNames()...) })
}

// textEncoderFlag adds --text-encoder.
func (a *app) textEncoderFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&a.textEncoder, "text-encoder", "", "folder of the text encoder of models that were trained with one of its own, such as a BERT (default from the settings)")
}

// openData opens a split, or makes one without captions of video files.
func openData(ctx context.Context, args []string) (*corpus.Corpus, error) {
	if len(args) == 1 {
		switch strings.ToLower(filepath.Ext(args[0])) {
		case ".jsonl", ".csv":
			return corpus.Open(args[0])
		}
		if strings.HasPrefix(args[0], corpus.Scheme) || dataset.IsPublished(args[0]) {
			return corpus.Open(args[0])
		}
	}
	set := dataset.Set{Name: "videos"}
	seen := map[string]string{}
	for _, path := range args {
		if isDir(path) {
			return nil, usage("encode "+path, "name video files, or one file of pairs ending in .jsonl or .csv", "it is a folder")
		}
		info, err := video.Probe(ctx, path)
		if err != nil {
			return nil, err
		}
		id := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
		if other, twice := seen[id]; twice {
			return nil, usage("encode "+path, "encode them one after the other into different folders", "it would have the name of %s", other)
		}
		seen[id] = path
		set.Videos = append(set.Videos, sightline.Video{ID: id, Path: path, Duration: info.Duration})
	}
	return &corpus.Corpus{Name: set.Name, Set: set}, nil
}

// exportAll writes features for Python, a file a video.
func exportAll(dir, format string, all []feature.Features) ([]string, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	if _, err := atomicfile.Clean(dir); err != nil { // what a killed export left unfinished
		return nil, err
	}
	written := []string{}
	for _, f := range all {
		name := strings.NewReplacer("/", "_", `\`, "_", "\x00", "_").Replace(f.VideoID)
		path := filepath.Join(dir, name+"."+format)
		if err := feature.Export(path, f); err != nil {
			return written, err
		}
		written = append(written, path)
	}
	return written, nil
}
