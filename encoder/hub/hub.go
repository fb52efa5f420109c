// Package hub fetches models from the Hugging Face Hub into the cache that Python's huggingface_hub uses, so that either
// finds what the other has downloaded. It runs before the pipeline starts: encoder/clip opens the folder that Find or
// Fetch returns. Start at Models, the table of tested models, and at Fetch.
//
// Nothing is downloaded unless Fetch is called. Only safetensors weights are taken: a pickle can run code. Every file is
// checked against a hash before it gets its name: the built-in SHA-256 where the table has one, else the hash that the
// Hub itself states (SHA-256 for large files, the git blob id for small ones), which from then on is pinned by the
// commit; Snapshot.Unpinned names the files that were trusted on first use in this way. Transfers resume, and a lock in
// the cache, the same that Python takes, keeps two fetches from colliding. The token goes to the Hub alone and never
// along with a redirect to another host.
//
// The environment is Python's: HF_ENDPOINT, HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE, HF_TOKEN, HF_TOKEN_PATH, and the
// XDG cache home below them all. The layout is that of https://huggingface.co/docs/hub/local-cache.
//
// Why not github.com/gomlx/go-huggingface, which the tensor library brings along: v0.4.0 starts over after an
// interruption, returns success when the connection breaks in the middle of a file, checks no hash, and knows neither
// HF_HOME, HF_HUB_OFFLINE, HF_TOKEN nor revisions with a slash such as refs/pr/66.
package hub

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"sightline"
)

// Model names a model on the Hub.
type Model struct {
	Name       string // what people type after `sightline fetch`
	Repository string // owner/name
	Revision   string // a commit for tested models; branches, tags and refs/pr/N move
	About      string // one line for people
	License    string
	Pins       []Pin // what is known of its files beforehand
}

// Pin is what a file of a tested model must be.
type Pin struct {
	Name   string
	Size   int64
	SHA256 string // hex
}

// Models is the table of tested models; the first is the default.
//
// openai/clip-vit-base-patch32 keeps only pickles on its main branch; safetensors exist under refs/pr/15 and refs/pr/66,
// conversions with the same content by the Hub's own bot. The commit below is one of refs/pr/15. There is no entry for
// openai/clip-vit-base-patch16, which has only pickles on main too and no conversion whose hash is on public record; name
// one as openai/clip-vit-base-patch16@refs/pr/N. The LAION model's weights hash is not on public record: it is trusted on
// first use.
var Models = []Model{
	{
		Name:       "clip",
		Repository: "openai/clip-vit-base-patch32",
		Revision:   "b33cedfd0df4e43b8238760678fcc89e1a0d38b3",
		About:      "OpenAI CLIP ViT-B/32: 512 dimensions, the fastest",
		License:    "MIT (OpenAI's repository; the Hub states none)",
		Pins: []Pin{
			{"model.safetensors", 605157884, "99d28a652e6ec46629ab7047a0ac82c69b1fe11e0ce672c43af65d3a9a3fc05d"},
			{"config.json", 4186, "b575ef3c36f2a057fa19e221650105052d61cc9c1a972ec15019c6261ec98770"},
			{"preprocessor_config.json", 316, "910e70b3956ac9879ebc90b22fb3bc8a75b6a0677814500101a4c072bd7857bd"},
			{"tokenizer.json", 2224041, "b556ac8c99757ffb677208af34bc8c6721572114111a6e0aaf5fa69ff0b8d842"},
		},
	},
	{
		Name:       "clip-l14",
		Repository: "openai/clip-vit-large-patch14",
		Revision:   "32bd64288804d66eefd0ccbe215aa642df71cc41",
		About:      "OpenAI CLIP ViT-L/14: 768 dimensions, better, and slower by an order of magnitude",
		License:    "MIT (OpenAI's repository; the Hub states none)",
		Pins: []Pin{
			{"model.safetensors", 1710540580, "a2bf730a0c7debf160f7a6b50b3aaf3703e7e88ac73de7a314903141db026dcb"},
			{"config.json", 4519, "8a09b467700c58138c29d53c605b34ebc69beaadd13274a8a2af8ad2c2f4032a"},
			{"preprocessor_config.json", 316, "910e70b3956ac9879ebc90b22fb3bc8a75b6a0677814500101a4c072bd7857bd"},
			{"tokenizer.json", 2224003, "a83e0809aa4c3af7208b2df632a7a69668c6d48775b3c3fe4e1b1199d1f8b8f4"},
		},
	},
	{
		Name:       "clip-laion",
		Repository: "laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
		Revision:   "1a25a446712ba5ee05982a381eed697ef9b435cf",
		About:      "OpenCLIP ViT-B/32 trained on LAION-2B: 512 dimensions",
		License:    "MIT",
	},
}

var (
	repositoryName = regexp.MustCompile(`^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*$`)
	commitName     = regexp.MustCompile(`^[0-9a-f]{40}$`)
	revisionName   = regexp.MustCompile(`^[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)*$`)
)

// Lookup returns the model called name: a name of Models, or owner/name with @revision after it when it is not main.
func Lookup(name string) (Model, error) {
	if i := slices.IndexFunc(Models, func(m Model) bool { return m.Name == name }); i >= 0 {
		return Models[i], nil
	}
	repository, revision, given := strings.Cut(name, "@")
	if !given {
		revision = "main"
	}
	if !repositoryName.MatchString(repository) || strings.Contains(repository, "--") || !revisionName.MatchString(revision) || strings.Contains(revision, "..") {
		names := make([]string, len(Models))
		for i, m := range Models {
			names[i] = m.Name
		}
		return Model{}, &sightline.Error{
			Kind: sightline.Usage,
			What: fmt.Sprintf("model %q", name),
			Err:  fmt.Errorf("no tested model has this name, and it is not owner/name[@revision]"),
			Try:  "one of " + strings.Join(names, ", ") + ", or a repository of the Hugging Face Hub such as openai/clip-vit-large-patch14",
		}
	}
	return Model{Name: name, Repository: repository, Revision: revision}, nil
}

// pin returns the pin of the named file, or nil.
func (m Model) pin(file string) *Pin {
	for i := range m.Pins {
		if m.Pins[i].Name == file {
			return &m.Pins[i]
		}
	}
	return nil
}

// What the encoder reads. Weights are one file or an index with shards.
const (
	configFile  = "config.json"
	weightsFile = "model.safetensors"
	indexFile   = "model.safetensors.index.json"
)

var (
	smallFiles = []string{configFile, "preprocessor_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.json", "merges.txt", "vocab.txt"}
	shardName  = regexp.MustCompile(`^model-\d{5}-of-\d{5}\.safetensors$`)
)
