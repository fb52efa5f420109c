package main

import (
	"github.com/spf13/cobra"

	"sightline/internal/terminal"
)

// removeJSON is the contract of remove --json.
type removeJSON struct {
	Archive string   `json:"archive"`
	Removed []string `json:"removed"` // ids of videos
}

func (a *app) removeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "remove ID|FILE|FOLDER...",
		Short: "Take videos out of the archive",
		Long: `Remove takes videos out of the archive: their features, their rows in the index, their entries.
The files themselves are not touched. A video that is in under several paths goes with the last.`,
		Example: `  sightline remove 4f0c2a9be1d37788
  sightline remove ~/Videos/old`,
		Args: operands(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			archive, err := a.openArchive()
			if err != nil {
				return err
			}
			defer archive.Close()
			removed, err := archive.Remove(cmd.Context(), args...)
			if err != nil {
				return err
			}
			return a.print(removeJSON{archive.Dir(), append([]string{}, removed...)}, func() error {
				for _, id := range removed {
					a.out.Printf("%s\n", terminal.Clean(id))
				}
				a.say("%s out of the archive; files are where they were", terminal.Count(len(removed), "video is", "videos are"))
				return nil
			})
		},
	}
}
