package sightline

// Moment is a Span inside a video that a sentence describes.
type Moment struct {
	Span
	Score float64 `json:"score"`
}

// VideoMoment is a Moment with the video that holds it: a row of a ranking across videos.
type VideoMoment struct {
	Video string `json:"video"` // its id
	Moment
}

// MomentQuery is a sentence that asks for a stretch of a video, with the answer people gave to it.
type MomentQuery struct {
	ID       string  `json:"id"` // unique within its data set
	Text     string  `json:"text"`
	Video    string  `json:"video"`    // id of the video that holds the answer; "" where the answer is not public
	Duration float64 `json:"duration"` // of that video in seconds; 0 where unknown
	// Gold are the stretches that answer the sentence; none where the answer is not public. Several are either separate
	// moments (QVHighlights) or what several people marked for one moment (DiDeMo): the data set says which.
	Gold []Span `json:"gold"`
	Kind string `json:"kind"` // what it takes to answer: "v" pictures, "t" subtitles, "vt" both; may be empty
	// Saliency is how well clips fit the sentence, in the order of the file; clips it leaves out were rated 0 by all.
	Saliency []Rating `json:"saliency,omitempty"`
}

// Rating is what each annotator thinks of a clip as an answer: 0 (very bad) to 4 (very good).
type Rating struct {
	Clip   int   `json:"clip"` // from 0; QVHighlights' clips are two seconds long
	Scores []int `json:"scores"`
}
