package dataset

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"sightline"
)

// stepSets are the data sets of steps that have official files, with what reads all of each from its folder.
var stepSets = map[string]func(folder string) (StepSet, error){
	"crosstask": CrossTask,
	"coin":      func(folder string) (StepSet, error) { return COIN(filepath.Join(folder, "COIN.json")) },
}

// wholeSet is the part that leaves no video out.
const wholeSet = "all"

// IsSteps says whether a name is that of a split of steps, such as crosstask:data/crosstask/val.
func IsSteps(name string) bool {
	scheme, _, ok := strings.Cut(name, ":")
	return ok && stepSets[scheme] != nil
}

// ReadSteps reads the part of a data set of steps that a name speaks of: crosstask:FOLDER/val, coin:FOLDER/test, and all in
// the place of a part for every video. The folder holds the official files and, below videos/, the videos under their ids;
// the paths of those that are not there are left empty.
func ReadSteps(name string) (StepSet, error) {
	scheme, path, _ := strings.Cut(name, ":")
	read := stepSets[scheme]
	folder, part := filepath.Dir(path), filepath.Base(path)
	if read == nil || part != wholeSet && !slices.Contains(parts, part) {
		return StepSet{}, &sightline.Error{
			Kind: sightline.Usage, What: "read " + name, Err: fmt.Errorf("there are crosstask: and coin:, with the parts %s and %s", strings.Join(parts, ", "), wholeSet),
			Try: "crosstask:data/crosstask/val, coin:data/coin/test",
		}
	}
	set, err := read(folder)
	if err != nil {
		return StepSet{}, err
	}
	set.Name = name
	set.Videos = slices.DeleteFunc(set.Videos, func(v TaskVideo) bool { return part != wholeSet && v.Part != part })
	if len(set.Videos) == 0 {
		return StepSet{}, unreadableSteps(name, errors.New("there are no videos in that part"))
	}
	files := reading{videos: filepath.Join(folder, "videos")}
	for i, v := range set.Videos {
		if path, found := files.file(v.ID); found {
			set.Videos[i].Path = path
		}
	}
	return set, nil
}

// Labels returns the numbers of a task's steps among all of the set, from 1: those of the data set where it has such numbers,
// else counted over the tasks in their order.
func (s StepSet) Labels(task int) []int {
	if own := s.Tasks[task].Labels; own != nil {
		return own
	}
	first := 1
	for _, before := range s.Tasks[:task] {
		first += len(before.Steps)
	}
	labels := make([]int, len(s.Tasks[task].Steps))
	for i := range labels {
		labels[i] = first + i
	}
	return labels
}
