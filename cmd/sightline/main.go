// Command sightline finds the moment in a video that a sentence describes, and trains and measures the models that do.
//
// Each verb has a file of its own; newRoot lists them. Results go to standard output and everything else to standard
// error; errors end in one of the exit codes of sightline.Kind. The work itself is in the packages: a verb reads what was
// typed, calls them, and prints what came out.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"sightline/internal/terminal"
)

func main() {
	a := &app{out: terminal.Of(os.Stdout), talk: terminal.Of(os.Stderr)}
	ctx, release := a.interruptible(context.Background())
	defer release()
	verb, err := newRoot(a).ExecuteContextC(ctx)
	os.Exit(a.report(verb.CommandPath(), err))
}

// interruptible returns a context that ends at the first Ctrl-C or SIGTERM, upon which verbs stop at a safe point. The
// second one ends the process.
func (a *app) interruptible(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case <-signals:
			signal.Stop(signals)
			a.talk.Printf("sightline: stopping at a safe point; press Ctrl-C again to stop at once\n")
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}
