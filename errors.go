package sightline

import "errors"

// Kind is what an error means to the person who meets it; the command line turns it into an exit code.
type Kind int

// The kinds of error, with the exit code of each.
const (
	Failed   Kind = 1 // the work could not be done
	Usage    Kind = 2 // the request makes no sense as typed
	NotReady Kind = 3 // something must be set up first
	Empty    Kind = 4 // the work was done and found nothing
)

// Error is an error a person can act on. It prints as "What: Err"; Try is one line that says what to do next and is
// printed apart from it.
type Error struct {
	Kind Kind
	What string // what failed, with the name of the thing it failed on
	Err  error  // the facts
	Try  string // what to type or change; may be empty
}

// Error returns "What: Err".
func (e *Error) Error() string {
	if e.Err == nil {
		return e.What
	}
	return e.What + ": " + e.Err.Error()
}

// Unwrap returns the facts, so that errors.Is and errors.As see through.
func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of the outermost Error in err's chain, and Failed when there is none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Failed
}

// TryOf returns the advice of the outermost Error in err's chain that has one, or "".
func TryOf(err error) string {
	var e *Error
	for errors.As(err, &e) {
		if e.Try != "" {
			return e.Try
		}
		err = e.Err
	}
	return ""
}
