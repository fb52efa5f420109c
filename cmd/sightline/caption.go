package main

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sightline"
	"sightline/caption"
)

// captionJSON is the contract of caption --json.
type captionJSON struct {
	Model   string          `json:"model"`
	Space   sightline.Space `json:"space"` // of the features that the model reads, with the hash of its weights
	Videos  []captioned     `json:"videos"`
	Seconds float64         `json:"seconds"` // without opening the model
}

// captioned is a video with its captions in order of time.
type captioned struct {
	Video    sightline.Video `json:"video"`
	Captions []captionedSpan `json:"captions"`

	pictures func(span sightline.Span) ([]sightline.Frame, error) // a few of a stretch
}

// captionedSpan is a stretch of a video with what it is said to show.
type captionedSpan struct {
	Span sightline.Span `json:"span"`
	caption.Hypothesis
	Others []caption.Hypothesis `json:"others,omitempty"` // with --best: the next best, the best of them first
}

// captionForm is how captions are printed.
type captionForm struct {
	format string
	out    string // folder of subtitle files; "" for standard output
	whole  bool   // a caption is of the whole video, and its span goes without saying
	many   bool   // of several videos
}

// captionFormats are the forms of captions, with the function that writes one video's.
var captionFormats = map[string]func(captioned, captionForm) (string, error){
	"text": captionText, "jsonl": captionLines, "srt": captionSubRip, "vtt": captionWebVTT,
}

func (a *app) captionCommand() *cobra.Command {
	var asked captionRequest
	var form captionForm
	var name, encoder, features, sheet string
	var options caption.Options
	cmd := &cobra.Command{
		Use:   "caption [VIDEO...] --model RUN",
		Short: "Say in sentences what videos show",
		Long: `Caption writes a sentence for every stretch of a video: as many seconds as a window of the archive
has, 12 by default, laid end to end. VIDEO#t=START,END, or --from and --to, ask for one sentence about
one moment, --data for one about each whole video of a split, as the model was trained.

VIDEO is a file, a folder of files, or an id or a path of the archive, whose stored features are used
where they are of the model's encoder. It may be a link as sightline search and sightline moments give
them. MODEL is the folder of a run that was trained with task: caption, or such a model of the archive.
--sheet draws four frames of every stretch with its caption, and says what the model has learned from.

A caption says what was usual for such pictures in training. It may be fluent and wrong.`,
		Example: `  sightline caption film.mp4 --model runs/captions
  sightline caption film.mp4 --from 61 --to 75 --model runs/captions --best 3
  sightline caption 'film.mp4#t=61,75' 'other.mp4#t=3,8' --model runs/captions
  sightline caption clips/ --model runs/captions --sheet sheet.png
  sightline caption film.mp4 --model runs/captions --format srt > film.srt
  sightline caption --all --model runs/captions --format vtt --out captions/
  sightline caption --data world:A/demo/test --model runs/captions --format jsonl > captions.jsonl`,
		RunE: func(cmd *cobra.Command, videos []string) error {
			if err := asked.take(cmd.Context(), videos); err != nil {
				return err
			}
			asked.moment = cmd.Flags().Changed("from") || cmd.Flags().Changed("to")
			if err := asked.check(); err != nil {
				return err
			}
			form.whole, form.many = asked.data != "", asked.all || len(asked.videos) > 1 || asked.data != ""
			if err := form.check(); err != nil {
				return err
			}
			s, err := a.settings(encoder, features)
			if err != nil {
				return err
			}
			o, err := s.opener()
			if err != nil {
				return err
			}
			c, err := o.captioner(name)
			if err != nil {
				return err
			}
			started := time.Now()
			result := captionJSON{Model: c.bundle.Name, Space: c.bundle.Space, Videos: []captioned{}}
			printed := printer{app: a, form: form}
			drawn := captionSheet{captioner: c}
			err = a.captions(cmd.Context(), c, asked, options, func(done captioned) error {
				if sheet != "" {
					if err := drawn.add(done); err != nil {
						return err
					}
				}
				if a.json {
					result.Videos = append(result.Videos, done)
					return nil
				}
				return printed.print(done)
			})
			if err != nil {
				return err
			}
			if sheet != "" {
				if err := drawn.save(a, sheet); err != nil {
					return err
				}
			}
			result.Seconds = time.Since(started).Seconds()
			return a.print(result, printed.close)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&name, "model", "", "run that was trained with task: caption, its model's folder, or a model of the archive (needed)")
	flags.BoolVar(&asked.all, "all", false, "caption every video of the archive")
	flags.StringVar(&asked.data, "data", "", "caption the videos of a split, such as world:A/demo/test, each as a whole")
	flags.Float64Var(&asked.span.Start, "from", 0, "seconds at which the moment begins")
	flags.Float64Var(&asked.span.End, "to", 0, "seconds at which the moment ends (default the video's end)")
	flags.StringVar(&form.format, "format", "text", "of the captions: "+strings.Join(slices.Sorted(maps.Keys(captionFormats)), ", "))
	flags.StringVar(&form.out, "out", "", "srt and vtt: folder for a file of each video")
	flags.StringVar(&sheet, "sheet", "", "draw frames and captions on a page, and write it as this PNG")
	flags.IntVar(&options.Beam, "beam", caption.DefaultBeam, "beginnings followed at a time; 1 is greedy")
	flags.IntVar(&options.Best, "best", 1, "captions of each stretch at most, the best first")
	flags.IntVar(&options.Words, "words", 0, "pieces of a caption at most (default as many as the model can write)")
	flags.Float64Var(&options.LengthPenalty, "length-penalty", 0, "rank by log-probability / length^this; 0 as published")
	a.encoderFlag(cmd, &encoder)
	flags.StringVar(&features, "features", "", "folder of stored features (default below the XDG cache home)")
	a.complete(cmd, "format", func() []string { return slices.Sorted(maps.Keys(captionFormats)) })
	if err := cmd.MarkFlagRequired("model"); err != nil {
		panic(err)
	}
	return cmd
}

func (f captionForm) check() error {
	if captionFormats[f.format] == nil {
		return usage("--format "+f.format, strings.Join(slices.Sorted(maps.Keys(captionFormats)), ", or "), "there is no such format")
	}
	subtitles := f.format == "srt" || f.format == "vtt"
	switch {
	case f.out != "" && !subtitles:
		return usage("--out "+f.out, "--format srt", "only subtitle files go into a folder; %s goes to standard output", f.format)
	case subtitles && f.whole:
		return usage("--format "+f.format, "--format jsonl", "captions of whole videos have no times")
	case subtitles && f.many && f.out == "":
		return usage("--format "+f.format, "--out FOLDER, for a file of each video", "subtitles of several videos do not go into one file")
	}
	return nil
}
