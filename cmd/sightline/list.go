package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"sightline/internal/terminal"
	"sightline/library"
)

// listJSON is the contract of list --json.
type listJSON struct {
	Archive string          `json:"archive"`
	Videos  []library.Video `json:"videos"`
}

// refusedListJSON is the contract of list --refused --json.
type refusedListJSON struct {
	Archive string            `json:"archive"`
	Refused []library.Refusal `json:"refused"`
}

func (a *app) listCommand() *cobra.Command {
	var refused bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the videos of the archive",
		Example: `  sightline list
  sightline list --refused
  sightline list --json | jq -r '.videos[].path'`,
		Args: operands(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			archive, err := a.openArchive()
			if err != nil {
				return err
			}
			defer archive.Close()
			if refused {
				return a.listRefused(cmd, archive)
			}
			videos, err := archive.Videos(cmd.Context())
			if err != nil {
				return err
			}
			result := listJSON{Archive: archive.Dir(), Videos: append([]library.Video{}, videos...)}
			return a.print(result, func() error {
				table := terminal.Table{Columns: []terminal.Column{
					{Title: "id"}, {Title: "length", Right: true}, {Title: "picture", Right: true}, {Title: "size", Right: true}, {Title: "path", Shorten: true},
				}}
				var length float64
				for _, v := range videos {
					length += v.Duration
					table.Row(v.ID, clock(v.Duration), fmt.Sprintf("%d×%d", v.Width, v.Height), terminal.Bytes(v.Size), v.Path)
				}
				if len(videos) > 0 {
					table.Write(a.out)
				}
				a.say("%s, %s, in %s", terminal.Count(len(videos), "video", "videos"),
					seconds(length), terminal.Clean(archive.Dir()))
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&refused, "refused", false, "list the files that could not be brought in, and why")
	return cmd
}

func (a *app) listRefused(cmd *cobra.Command, archive *library.Archive) error {
	refusals, err := archive.Refused(cmd.Context())
	if err != nil {
		return err
	}
	for i := range refusals {
		refusals[i].Again = false // that it was not looked at just now goes without saying
	}
	result := refusedListJSON{Archive: archive.Dir(), Refused: append([]library.Refusal{}, refusals...)}
	return a.print(result, func() error {
		a.printRefusals("refused  ", terminal.Red, refusals)
		a.say("%s refused", terminal.Count(len(refusals), "file was", "files were"))
		return nil
	})
}

// openArchive opens the archive in force.
func (a *app) openArchive() (*library.Archive, error) {
	s, err := a.settings("", "")
	if err != nil {
		return nil, err
	}
	return library.Open(s.Archive.Value)
}

// clock formats a length as 1:02:03 or 2:03.
func clock(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second)).Round(time.Second)
	if d < time.Hour {
		return fmt.Sprintf("%d:%02d", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60)
}
