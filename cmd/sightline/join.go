package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"sightline"
	"sightline/feature"
	"sightline/internal/terminal"
)

// joinJSON is the result of data join.
type joinJSON struct {
	Written []string      `json:"written"`
	Refused []refusedJSON `json:"refused"`
}

func (a *app) dataJoinCommand() *cobra.Command {
	var seconds []float64
	var normalise bool
	var out, format string
	cmd := &cobra.Command{
		Use:   "join FOLDER FOLDER… --out DIR",
		Short: "Put feature streams of different rates beside each other",
		Long: `Join reads the .npy and .npz features of several folders, a file a video with one name in all, and
puts each video's streams beside each other by time: on the rows of the first folder, the mean of
what overlaps of the others, e.g. ResNet-152 at one frame a second with I3D at another rate. The
result is imported like any other: sightline data import DIR.`,
		Example: `  sightline data join r152/ i3d/ --row-seconds 1,1.5 --normalize --out joined/`,
		Args:    operands(2, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(seconds) > 0 && len(seconds) != len(args) {
				return usage("--row-seconds", "one number for each folder: --row-seconds 1,1.5", "%d numbers for %d folders", len(seconds), len(args))
			}
			var streams []map[string]feature.Features
			var order []string
			result := joinJSON{Written: []string{}, Refused: []refusedJSON{}}
			for i, folder := range args {
				im := feature.Import{Key: feature.FeaturesKey, Stream: feature.Clip}
				im.Space.Video.Name = filepath.Base(filepath.Clean(folder))
				if len(seconds) > 0 {
					im.RowSeconds = seconds[i]
				}
				read, refused, err := readArrays(im, folder)
				if err != nil {
					return err
				}
				for _, r := range refused {
					result.Refused = append(result.Refused, refusedJSON{r.Path, r.Cause})
				}
				stream := map[string]feature.Features{}
				for _, f := range read {
					if stream[f.VideoID] = f; i == 0 {
						order = append(order, f.VideoID)
					}
				}
				streams = append(streams, stream)
			}
			var joined []feature.Features
			for _, id := range order {
				all, err := joinOne(id, streams, args, normalise)
				if err != nil {
					result.Refused = append(result.Refused, refusedJSON{id, err.Error()})
					continue
				}
				joined = append(joined, all)
			}
			if len(joined) == 0 {
				return &sightline.Error{Kind: sightline.Failed, What: "join feature streams", Err: errors.New("no video is in all folders"), Try: "give files of one video the same name in every folder"}
			}
			var err error
			if result.Written, err = exportAll(out, format, joined); err != nil {
				return err
			}
			err = a.print(result, func() error {
				for _, r := range result.Refused {
					a.out.Printf("refused  %s: %s\n", terminal.Clean(r.Path), terminal.Clean(r.Cause))
				}
				a.out.Printf("%s of width %d in %s\n", terminal.Count(len(joined), "video", "videos"), joined[0].Rows.Cols, terminal.Clean(out))
				return nil
			})
			return errors.Join(err, someRefused("join feature streams", len(result.Refused), ""))
		},
	}
	flags := cmd.Flags()
	flags.Float64SliceVar(&seconds, "row-seconds", nil, "seconds a row stands for in each folder, where files have no timestamps")
	flags.BoolVar(&normalise, "normalize", false, "bring each stream's part of a row to length 1")
	flags.StringVar(&out, "out", "", "folder to write to (needed)")
	flags.StringVar(&format, "format", "npz", "npz, with timestamps, or npy")
	if err := cmd.MarkFlagRequired("out"); err != nil {
		panic(err)
	}
	return cmd
}

// joinOne joins the streams of one video.
func joinOne(id string, streams []map[string]feature.Features, folders []string, normalise bool) (feature.Features, error) {
	var own []feature.Features
	for i, stream := range streams {
		f, ok := stream[id]
		if !ok {
			return feature.Features{}, fmt.Errorf("it is not in %s", folders[i])
		}
		own = append(own, f)
	}
	return feature.Join(own, normalise)
}
