package locate

import (
	"math/rand/v2"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline"
	"sightline/align"
	"sightline/engine"
)

// Method is one paper's way to compare a query with clips, and to learn it.
type Method interface {
	// Check returns what is implausible among the method's options.
	Check() error
	// Defaults changes in a Base config what the paper does otherwise.
	Defaults(c *Config)
	// Init adds the method's own parameters for rows of width c.Hidden.
	Init(weights *engine.Weights, c Config, random *rand.Rand)
	// Query makes of encoded words what is compared with clips. It sees no video.
	Query(vars engine.Vars, words Words) Comparison
	// Fused tells that φ is of fused clips: FusedSimilarities, not Similarities.
	Fused() bool
	// Filters returns the names of the two boundary filters, each [1, 1, Kernel].
	Filters() (start, end string)
	// Loss returns the training loss of B matched pairs, then the parts that Watched names.
	Loss(vars engine.Vars, c Config, pairs Pairs) []*Node
	// Watched names the parts of the loss, each without its weight. A part that weighs nothing is not computed.
	Watched() []string
}

// Comparison is Query as nodes, for A sentences.
type Comparison struct {
	Retrieve [Modalities]*Node // [A, D]
	Locate   [Modalities]*Node // [A, D]
	Gate     *Node             // [A, Modalities]
}

// Pairs are B sentences with the B videos they speak of, and where.
type Pairs struct {
	Words  Words
	Query  Comparison
	Videos Context
	Gold   Gold
}

// Gold says where B moments lie, and which negatives the ranking loss takes.
type Gold struct {
	Start, End *Node // [B, L], 1 at the clip where the moment starts and at the one where it ends
	Inside     *Node // [B, L], 1 from the one to the other
	Ranks      *Node // [2, B]: how hard a video is taken as a query's negative, and a query as a video's; 1 the hardest, 0 none
	Same       *Node // [B, B], 1 where two pairs show one video; nil to take all for different
}

// Outside returns 1 for the clips of each video that its moment leaves out [B, L].
func (p Pairs) Outside() *Node { return Mul(OneMinus(p.Gold.Inside), p.Videos.Mask) }

// Register makes a method known under its name. The function returns it with its defaults, as a pointer to a struct with json
// tags. Packages of methods call it when they are imported.
func Register(name string, method func() Method) { methods[name] = method }

var methods = map[string]func() Method{}

// newMethod returns a new method as configured.
func newMethod(c align.Choice) (Method, error) {
	method, err := align.Chosen("method", methods, c)
	if err != nil {
		return nil, err
	}
	if err := method.Check(); err != nil {
		return nil, &sightline.Error{Kind: sightline.Usage, What: "use method " + c.String(), Err: err}
	}
	return method, nil
}
