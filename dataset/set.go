// Package dataset reads pairs of videos and sentences, checks them, and deals them out in batches.
//
// It stands beside the pipeline: train and eval ask it which sentence belongs to which video, and the video's pictures or
// features come from elsewhere. Start at Read for one file of pairs in JSONL or CSV, at ReadSplits for a folder or file
// with train, val and test parts, at Published for the official files of a benchmark, and at Check to learn
// everything that is wrong with a file before anything is trained on it. Epoch deals a Set out in an order that a seed and
// an epoch number fix, so that a killed training run continues with the very same batches. ReadSteps reads tasks and their
// steps, ReadScript the steps of one, and Describe joins generated captions with their references. Package world renders
// sets of its own.
//
// The package opens no video and never changes a file.
package dataset

import (
	"fmt"

	"sightline"
)

// Set is a list of videos and the sentences that describe them.
type Set struct {
	Name     string            // for people: the file's name without its extension
	Dir      string            // folder that relative video paths start from; they are joined with it already
	Videos   []sightline.Video // each ID once, in order of first appearance
	Captions []Caption         // in the order of the file
	Cuts     []sightline.Span  // the stretch of each video's file that is the video, zero where all of it is; nil where all are
}

// Cut returns the stretch of the file of video i that is the video; zero where all of it is.
func (s Set) Cut(i int) sightline.Span {
	if s.Cuts == nil {
		return sightline.Span{}
	}
	return s.Cuts[i]
}

// Caption is one sentence about one video, or about a stretch of it.
type Caption struct {
	Video int            // index into Set.Videos
	Text  string         // never empty
	Span  sightline.Span // the stretch described; zero when the whole video is meant
	Kind  string         // what it takes to answer: "v" pictures, "t" subtitles, "vt" both; may be empty
}

// Texts returns the captions' sentences in order.
func (s Set) Texts() []string {
	texts := make([]string, len(s.Captions))
	for i, c := range s.Captions {
		texts[i] = c.Text
	}
	return texts
}

// Owner returns for each caption the index of its video: what metric.Judge asks for.
func (s Set) Owner() []int {
	owner := make([]int, len(s.Captions))
	for i, c := range s.Captions {
		owner[i] = c.Video
	}
	return owner
}

// String says how large the set is.
func (s Set) String() string {
	return fmt.Sprintf("%s: %d videos, %d captions", s.Name, len(s.Videos), len(s.Captions))
}

// Splits are the parts of a data set; a part that does not exist has no videos.
type Splits struct {
	Train, Val, Test Set
}

// ByName returns the split called "train", "val" or "test", and a Usage error for any other name.
func (s Splits) ByName(name string) (Set, error) {
	switch name {
	case "train":
		return s.Train, nil
	case "val":
		return s.Val, nil
	case "test":
		return s.Test, nil
	}
	return Set{}, &sightline.Error{
		Kind: sightline.Usage, What: "choose a split",
		Err: fmt.Errorf("%q is none", name), Try: "train, val or test",
	}
}
