package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"sightline/encoder/hub"
	"sightline/internal/terminal"
)

// fetchJSON is the contract of fetch --json.
type fetchJSON struct {
	Name     string   `json:"name"`
	Dir      string   `json:"dir"`
	Commit   string   `json:"commit"`
	Bytes    int64    `json:"bytes"` // received this time
	Unpinned []string `json:"unpinned"`
}

// knownJSON is a line of fetch --list --json.
type knownJSON struct {
	Name       string `json:"name"`
	Repository string `json:"repository"`
	Revision   string `json:"revision"`
	About      string `json:"about"`
	License    string `json:"license"`
	Cached     bool   `json:"cached"`
}

func (a *app) fetchCommand() *cobra.Command {
	var list bool
	cmd := &cobra.Command{
		Use:   "fetch [MODEL]",
		Short: "Download the weights of an encoder",
		Long: `Fetch brings a CLIP model, or a BERT to read sentences with, from the Hugging Face Hub into the
cache that Python's huggingface_hub uses. It is the only command that downloads anything. Transfers
resume, every file is checked against its hash, and only safetensors are taken: a pickle can run
code.

MODEL is a name of the list or OWNER/NAME[@REVISION]; without it, the first of the list.
HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE mean what they mean in Python.`,
		Example: `  sightline fetch clip
  sightline fetch --list
  sightline fetch openai/clip-vit-base-patch16@refs/pr/21
  sightline fetch google-bert/bert-base-uncased`,
		Args: operands(0, 1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return modelNames(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if list {
				return a.listKnown()
			}
			name := hub.Models[0].Name
			if len(args) == 1 {
				name = args[0]
			}
			wanted, err := hub.Lookup(name)
			if err != nil {
				return err
			}
			bar := a.bar("Fetching " + name)
			snapshot, err := hub.Fetch(cmd.Context(), wanted, hub.Options{Progress: func(p hub.Progress) {
				bar.Set(float64(p.Done), float64(p.Total), fmt.Sprintf("%s of %s · %s", terminal.Bytes(p.Done), terminal.Bytes(p.Total), p.File))
			}})
			bar.Close()
			if err != nil {
				return err
			}
			result := fetchJSON{Name: name, Dir: snapshot.Dir, Commit: snapshot.Commit, Bytes: snapshot.Bytes, Unpinned: append([]string{}, snapshot.Unpinned...)}
			return a.print(result, func() error {
				for _, file := range result.Unpinned {
					a.say("note: the hash of %s was not known beforehand; it was taken from the Hub and is fixed from now on", file)
				}
				a.out.Printf("%s is in %s (%s received)\n", terminal.Clean(name), terminal.Clean(result.Dir), terminal.Bytes(result.Bytes))
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&list, "list", false, "show the tested models and which are here")
	return cmd
}

func modelNames() []string {
	names := make([]string, len(hub.Models))
	for i, known := range hub.Models {
		names[i] = known.Name
	}
	return names
}

func (a *app) listKnown() error {
	cached, err := hub.Cached()
	if err != nil {
		return err
	}
	var models []knownJSON
	table := terminal.Table{Columns: []terminal.Column{{Title: "name"}, {Title: "here"}, {Title: "repository"}, {Title: "about", Shorten: true}}}
	for _, known := range hub.Models {
		here := slices.ContainsFunc(cached, func(m hub.Model) bool { return m.Name == known.Name })
		models = append(models, knownJSON{known.Name, known.Repository, known.Revision, known.About, known.License, here})
		mark := ""
		if here {
			mark = "yes"
		}
		table.Row(known.Name, mark, known.Repository, known.About)
	}
	return a.print(models, func() error {
		table.Write(a.out)
		return nil
	})
}
